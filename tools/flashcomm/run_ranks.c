// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What one rank of `flashcomm run` does, and the memory it reports to: see run_ranks.h.
 */
#include "run_ranks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cuda_tools.h"
#include "timing.h"

/* Results start at cache lines, so that ranks do not share one. */
#define RESULT_ALIGN 64

int rank_area_create(const struct rank_job *job, struct rank_area *area, struct failure *failure)
{
    const size_t ranks = (size_t)job->point.ranks;
    const size_t elems = job->point.recv_elems;
    const size_t head_bytes = sizeof(struct rank_meeting) + ranks * sizeof(struct rank_report);
    const size_t results_at = (head_bytes + RESULT_ALIGN - 1) / RESULT_ALIGN * RESULT_ALIGN;
    size_t stride = 0;
    size_t bytes = 0;
    if (__builtin_mul_overflow(elems, flc_type_bytes(job->point.type), &stride) ||
        __builtin_add_overflow(stride, RESULT_ALIGN - 1, &stride) ||
        __builtin_mul_overflow(stride / RESULT_ALIGN * RESULT_ALIGN, ranks, &bytes) ||
        __builtin_add_overflow(bytes, results_at, &bytes)) {
        return failure_set(failure, "%zu results of %zu elements are larger than memory", ranks,
                           elems);
    }
    char *const memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return failure_set(failure, "memory for %zu results (%zu bytes): %s", ranks, bytes,
                           strerror(errno));
    }
    area->meeting = (struct rank_meeting *)(void *)memory;
    area->reports = (struct rank_report *)(void *)(area->meeting + 1);
    area->results = memory + results_at;
    area->stride = stride / RESULT_ALIGN * RESULT_ALIGN;
    area->area_bytes = bytes;
    return 0;
}

void rank_area_destroy(struct rank_area *area)
{
    (void)munmap(area->meeting, area->area_bytes);
    *area = (struct rank_area){.meeting = NULL};
}

void *rank_area_result(const struct rank_area *area, int rank)
{
    return area->results + (size_t)rank * area->stride;
}

/* One warm-up, then the timed calls; [iters] times. */
static flc_status call_timed(const struct rank_job *job, flc_comm *comm, const void *send,
                             void *recv, double *times_us)
{
    const struct collective_call call = {.comm = comm,
                                         .send = send,
                                         .recv = recv,
                                         .count = job->point.count,
                                         .type = job->point.type,
                                         .op = job->point.op,
                                         .root = job->point.root,
                                         .config = &job->config};
    for (int i = -1; i < job->iters; i++) {
        const int64_t start_ns = timing_now_ns();
        const flc_status status = job->point.collective->call(&call);
        if (status != FLC_OK) {
            return status;
        }
        if (i >= 0) {
            times_us[i] = 1e-3 * (double)(timing_now_ns() - start_ns);
        }
    }
    return FLC_OK;
}

static void run_rank(const void *context, flc_comm *comm)
{
    const struct rank_work *const work = context;
    const struct rank_job *const job = work->job;
    struct rank_area *const area = work->area;
    const int rank = flc_comm_rank(comm);
    struct rank_report *const report = &area->reports[rank];
    double *const times_us = calloc((size_t)job->iters, sizeof *times_us);
    flc_call_info info;
    if (times_us == NULL) {
        rank_fail(area->meeting, rank, "out of memory");
        flc_comm_abort(comm); /* the others would wait for this rank's calls */
        return;
    }
    if (call_timed(job, comm, job->inputs[rank], rank_area_result(area, rank), times_us) !=
            FLC_OK ||
        flc_comm_last_call(comm, &info) != FLC_OK) {
        rank_fail(area->meeting, rank, flc_last_error(comm));
    } else {
        (void)snprintf(report->transport, sizeof report->transport, "%s", info.transport);
        (void)snprintf(report->algorithm, sizeof report->algorithm, "%s", info.algorithm);
        report->sent_bytes = info.sent_bytes;
        report->median_us = timing_median(times_us, job->iters);
        rank_done(area->meeting, rank);
    }
    free(times_us);
}

int run_ranks(const struct rank_job *job, struct rank_area *area)
{
    const struct rank_work work = {.job = job, .area = area};
    const struct rank_launch launch = {.command = "flashcomm run",
                                       .ranks = job->point.ranks,
                                       .timeout_ms = job->timeout_ms,
                                       .meeting = area->meeting,
                                       .run = job->use_cuda ? cuda_tools()->run_rank : run_rank,
                                       .context = &work};
    return job->threads ? run_threads(&launch) : run_processes(&launch);
}
