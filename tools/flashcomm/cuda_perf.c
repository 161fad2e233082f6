// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What a rank of `flashcomm perf` does on a GPU: see cuda_perf.h.
 */
#include "cuda_perf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collective_check.h"
#include "cuda_span.h"
#include "perf_check.h"

/* Elements that are made at a time. */
#define PIECE_ELEMS ((size_t)1 << 20)

/* From so many on, a rank's share of a result is checked by several threads. */
#define THREADS_ELEMS ((size_t)1 << 18)

struct perf_gpu {
    struct cuda_rank gpu;
    struct cuda_span span;
    void *memory[3]; /* what pool, send and buffer are in */
};

static int barrier(const struct cuda_span *s)
{
    return perf_area_meet(s->area, s->job->point->ranks, s->gpu->rank);
}

/* Make the pool on the host and copy it, piece by piece. */
static int fill_pool(struct cuda_span *s)
{
    const size_t elem_bytes = flc_type_bytes(s->job->point->type);
    const size_t elems = cuda_span_pool_elems(s->job);
    char *const piece = malloc(PIECE_ELEMS * elem_bytes);
    int result = 0;
    if (piece == NULL) {
        rank_fail(s->gpu->meeting, s->gpu->rank, "out of memory for what is sent");
        return -1;
    }
    for (size_t at = 0; at < elems && result == 0; at += PIECE_ELEMS) {
        const size_t count = elems - at < PIECE_ELEMS ? elems - at : PIECE_ELEMS;
        perf_data_fill(s->job->data, s->gpu->rank, 0, at, count, piece);
        result = cuda_rank_try(s->gpu,
                               cudaMemcpyAsync(s->pool + at * elem_bytes, piece, count * elem_bytes,
                                               cudaMemcpyHostToDevice, s->gpu->stream),
                               "copying to the GPU");
        result = result != 0 ? -1 : cuda_rank_wait(s->gpu);
    }
    free(piece);
    return result;
}

/* Calls that are not timed, in which libraries load kernels and connect; then the graphs. */
static int warm_up(struct cuda_span *s)
{
    const struct perf_options *const o = s->job->options;
    const int calls = o->warmup_iters > 0 ? o->warmup_iters : 1;
    if (cuda_span_prepare(s) != 0 || barrier(s) != 0 || cuda_span_enqueue(s, calls - 1) != 0 ||
        cuda_rank_wait(s->gpu) != 0) {
        return -1;
    }
    s->round++;
    if (o->graph_launches == 0) {
        return 0;
    }
    if (cuda_span_capture(s) != 0 || cuda_span_prepare(s) != 0 ||
        cuda_span_run(s, SPAN_TIMED) != 0) {
        return -1;
    }
    s->round++;
    return 0;
}

static int time_spans(struct cuda_span *s)
{
    const int spans = perf_spans(s->job->options);
    double *const times_us = s->area->times_us + (size_t)s->gpu->rank * (size_t)spans;
    for (int i = 0; i < spans; i++) {
        float time_ms = 0.0f;
        if (cuda_span_prepare(s) != 0 || cuda_span_run(s, SPAN_TIMED) != 0 ||
            cuda_rank_try(s->gpu, cudaEventElapsedTime(&time_ms, s->start, s->stop),
                          "reading events") != 0) {
            return -1;
        }
        times_us[i] = 1e3 * (double)time_ms / s->calls;
        s->round++;
    }
    return 0;
}

/* The processor's threads, shared among the ranks. */
static int check_threads(const struct collective_point *point)
{
    const long share = sysconf(_SC_NPROCESSORS_ONLN) / point->ranks;
    return point->recv_elems / (size_t)point->ranks < THREADS_ELEMS || share < 1 ? 1
           : share > FLC_MAX_RANKS                                               ? FLC_MAX_RANKS
                                                                                 : (int)share;
}

/* Compare all results, which the ranks have put where all see them. */
static int check_results(const struct cuda_span *s, int kind, struct perf_share *share)
{
    const struct collective_point *const point = s->job->point;
    const int rank = s->gpu->rank;
    const void *results[FLC_MAX_RANKS];
    const struct perf_check check = {.point = point,
                                     .data = s->job->data,
                                     .first = cuda_span_first(s, kind),
                                     .config = &s->config,
                                     .algorithm = share->algorithm,
                                     .results = results};
    for (int r = 0; r < point->ranks; r++) {
        results[r] = perf_area_result(s->area, r);
    }
    if (perf_check_threads(&check, rank, point->ranks, check_threads(point), &share->check) != 0) {
        rank_fail(s->gpu->meeting, rank, "out of memory while checking the result");
        return -1;
    }
    if (memcmp(results[rank], results[collective_equal_rank(point, rank)],
               point->recv_elems * flc_type_bytes(point->type)) != 0) {
        share->equal = false;
    }
    return 0;
}

static int run_checked(struct cuda_span *s, struct perf_share *share)
{
    const struct collective_point *const point = s->job->point;
    const int kind = s->place == IN_PLACE ? SPAN_SINGLE : SPAN_TIMED;
    if (cuda_span_prepare(s) != 0 || cuda_span_run(s, kind) != 0 ||
        cuda_rank_try(s->gpu,
                      cudaMemcpyAsync(perf_area_result(s->area, s->gpu->rank), s->buffer,
                                      point->recv_elems * flc_type_bytes(point->type),
                                      cudaMemcpyDeviceToHost, s->gpu->stream),
                      "copying the result") != 0 ||
        cuda_rank_wait(s->gpu) != 0 || barrier(s) != 0 || check_results(s, kind, share) != 0) {
        return -1;
    }
    s->round++;
    return barrier(s); /* the results may be overwritten */
}

/* How the calls ran. A call on device memory is two-step, whatever it may be called. */
static void describe_calls(const struct cuda_span *s, struct perf_share *share)
{
    flc_call_info info = {.transport = "cuda_p2p", .algorithm = "twostep"};
    if (s->is_nccl) {
        info = (flc_call_info){.transport = "nccl", .algorithm = "nccl"};
    } else {
        (void)flc_comm_last_call(s->gpu->comm, &info); /* as it was, where there is none */
    }
    *share = (struct perf_share){.equal = true, .sent_bytes = info.sent_bytes};
    (void)snprintf(share->transport, sizeof share->transport, "%s", info.transport);
    (void)snprintf(share->algorithm, sizeof share->algorithm, "%s", info.algorithm);
}

static int measure_one(struct cuda_span *s, struct perf_measure *measure)
{
    struct perf_share *const share = &s->area->head->shares[s->gpu->rank];
    if (warm_up(s) != 0 || time_spans(s) != 0) {
        return -1;
    }
    describe_calls(s, share);
    for (int i = 0; i < s->job->options->checks; i++) {
        if (run_checked(s, share) != 0) {
            return -1;
        }
    }
    if (barrier(s) != 0) {
        return -1;
    }
    if (s->gpu->rank == 0) {
        perf_area_fold(s->area, s->job, measure);
    }
    return barrier(s); /* the shares and times are free again */
}

static void show_progress(const struct cuda_span *s, const char *format)
{
    if (s->job->show_progress && s->gpu->rank == 0) {
        (void)fprintf(stderr, "\r\033[K# %zu bytes, %s, %s", s->job->point->bytes, format,
                      s->place == IN_PLACE ? "in place" : "out of place");
        (void)fflush(stderr);
    }
}

static int measure_all(struct cuda_span *s)
{
    const struct perf_job *const job = s->job;
    for (size_t f = 0; f < job->measure_count; f++) {
        s->is_nccl = f == job->format_count; /* the last, where there is a baseline */
        s->config.reduce = s->is_nccl ? (flc_format){0} : job->formats[f].reduce;
        s->config.gather = s->is_nccl ? (flc_format){0} : job->formats[f].gather;
        for (s->place = 0; s->place < PLACES; s->place++) {
            show_progress(s, s->is_nccl ? "nccl" : job->formats[f].text);
            const int result = measure_one(s, &s->area->measures[f * PLACES + (size_t)s->place]);
            cuda_span_drop(s);
            if (result != 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* NCCL's ranks find each other by what rank 0 leaves in the shared memory. */
static int start_nccl(struct cuda_span *s)
{
    struct cuda_rank *const gpu = s->gpu;
    struct failure failure;
    struct cuda_nccl_id id;
    if (cuda_nccl_open(&gpu->nccl, &failure) != 0) {
        rank_fail(gpu->meeting, gpu->rank, failure.text);
        return -1;
    }
    if (gpu->rank == 0) {
        if (cuda_rank_try_nccl(gpu, gpu->nccl.get_unique_id(&id), "ncclGetUniqueId") != 0) {
            return -1;
        }
        memcpy(s->area->head->nccl_id, &id, sizeof id);
    }
    if (barrier(s) != 0) {
        return -1;
    }
    memcpy(&id, s->area->head->nccl_id, sizeof id);
    return cuda_rank_try_nccl(
        gpu, gpu->nccl.comm_init_rank(&gpu->nccl_comm, s->job->point->ranks, id, gpu->rank),
        "ncclCommInitRank");
}

/* Everything that may wait for the device is made here, before a call can wait for a rank. */
static int start(struct perf_gpu *p)
{
    struct cuda_span *const s = &p->span;
    const struct perf_options *const o = s->job->options;
    const size_t elem_bytes = flc_type_bytes(s->job->point->type);
    const size_t offset = (size_t)o->unalign * elem_bytes;
    const size_t elems[] = {cuda_span_pool_elems(s->job), cuda_span_send_elems(s->job),
                            s->job->point->count};
    char **const parts[] = {&s->pool, &s->send, &s->buffer};
    if (cuda_rank_start(&p->gpu, o->max_blocks, o->timeout_ms) != 0) {
        return -1;
    }
    for (int i = 0; i < 3; i++) {
        p->memory[i] = cuda_rank_allocate(&p->gpu, elems[i] * elem_bytes + offset + 1);
        if (p->memory[i] == NULL) {
            return -1;
        }
        *parts[i] = (char *)p->memory[i] + offset;
    }
    if (cuda_rank_try(&p->gpu, cudaEventCreate(&s->start), "making an event") != 0 ||
        cuda_rank_try(&p->gpu, cudaEventCreate(&s->stop), "making an event") != 0 ||
        fill_pool(s) != 0) {
        return -1;
    }
    return o->baseline_nccl ? start_nccl(s) : 0;
}

static void stop(struct perf_gpu *p, bool has_failed)
{
    if (p->gpu.nccl_comm != NULL) { /* destroyed, it might wait for a rank that failed */
        (void)(has_failed ? p->gpu.nccl.comm_abort : p->gpu.nccl.comm_destroy)(p->gpu.nccl_comm);
    }
    if (p->span.start != NULL) {
        (void)cudaEventDestroy(p->span.start);
    }
    if (p->span.stop != NULL) {
        (void)cudaEventDestroy(p->span.stop);
    }
    for (int i = 0; i < 3; i++) {
        (void)cudaFree(p->memory[i]);
    }
    cuda_rank_stop(&p->gpu);
}

void cuda_perf_rank(const void *argument, flc_comm *comm)
{
    const struct perf_context *const context = argument;
    const struct perf_job *const job = context->job;
    struct perf_gpu p = {.gpu = {.comm = comm,
                                 .rank = flc_comm_rank(comm),
                                 .meeting = &context->area->head->meeting,
                                 .is_thread = job->options->threads},
                         .span = {.job = job,
                                  .area = context->area,
                                  .gpu = &p.gpu,
                                  .config = FLC_COLL_CONFIG_INIT,
                                  .calls = perf_calls(job->options, job->point->bytes)}};
    p.span.config.algorithm = job->options->algorithm;
    p.span.config.flags = job->options->flags;
    const bool is_done = start(&p) == 0 && barrier(&p.span) == 0 && measure_all(&p.span) == 0;
    if (is_done) {
        rank_done(p.gpu.meeting, p.gpu.rank);
    } else {
        flc_comm_abort(comm); /* the others would wait for this rank's calls */
    }
    stop(&p, !is_done);
}
