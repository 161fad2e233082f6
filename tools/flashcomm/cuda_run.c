// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What a rank of `flashcomm run` does on a GPU: see cuda_run.h.
 */
#include "cuda_run.h"

#include <stdio.h>

#include "cuda_rank.h"
#include "flashcomm/with_cuda.h"
#include "run_ranks.h"

struct run_gpu {
    struct cuda_rank gpu;
    const struct rank_work *work;
    void *send, *recv; /* [bytes] of the device */
    size_t bytes;
    cudaEvent_t start, stop;
};

/* Everything that may wait for the device is made here, before a call can wait for a rank. */
static int start(struct run_gpu *p)
{
    const struct rank_job *const job = p->work->job;
    if (cuda_rank_start(&p->gpu, 0, job->timeout_ms) != 0) {
        return -1;
    }
    p->send = cuda_rank_allocate(&p->gpu, p->bytes + 1);
    p->recv = p->send == NULL ? NULL : cuda_rank_allocate(&p->gpu, p->bytes + 1);
    if (p->recv == NULL ||
        cuda_rank_try(&p->gpu, cudaEventCreate(&p->start), "making an event") != 0 ||
        cuda_rank_try(&p->gpu, cudaEventCreate(&p->stop), "making an event") != 0 ||
        cuda_rank_try(&p->gpu,
                      cudaMemcpyAsync(p->send, job->inputs[p->gpu.rank], p->bytes,
                                      cudaMemcpyHostToDevice, p->gpu.stream),
                      "copying to the GPU") != 0 ||
        cuda_rank_try(&p->gpu, cudaMemsetAsync(p->recv, 0xff, p->bytes, p->gpu.stream),
                      "filling the result with NaNs") != 0) {
        return -1;
    }
    return cuda_rank_wait(&p->gpu);
}

static int call(struct run_gpu *p)
{
    const struct rank_job *const job = p->work->job;
    return cuda_rank_try_flc(
        &p->gpu, flc_all_reduce_cuda(p->gpu.comm, p->send, p->recv, job->point.count,
                                     job->point.type, job->point.op, &job->config, p->gpu.stream));
}

static int call_all(struct run_gpu *p)
{
    const struct rank_work *const work = p->work;
    int result = call(p);
    if (result != 0 || cuda_rank_try(&p->gpu, cudaEventRecord(p->start, p->gpu.stream),
                                     "recording an event") != 0) {
        return -1;
    }
    for (int i = 0; i < work->job->iters && result == 0; i++) {
        result = call(p);
    }
    if (result != 0 || cuda_rank_try(&p->gpu, cudaEventRecord(p->stop, p->gpu.stream),
                                     "recording an event") != 0) {
        return -1;
    }
    if (cuda_rank_wait(&p->gpu) != 0 ||
        cuda_rank_try(&p->gpu,
                      cudaMemcpyAsync(rank_area_result(work->area, p->gpu.rank), p->recv, p->bytes,
                                      cudaMemcpyDeviceToHost, p->gpu.stream),
                      "copying the result") != 0) {
        return -1;
    }
    return cuda_rank_wait(&p->gpu);
}

/* A call on device memory is two-step, whatever it may be called. */
static int report(struct run_gpu *p)
{
    struct rank_report *const own = &p->work->area->reports[p->gpu.rank];
    flc_call_info info = {.transport = "cuda_p2p", .algorithm = "twostep"};
    float time_ms = 0.0f;
    if (cuda_rank_try(&p->gpu, cudaEventElapsedTime(&time_ms, p->start, p->stop),
                      "reading events") != 0) {
        return -1;
    }
    (void)flc_comm_last_call(p->gpu.comm, &info); /* as it was, where there is none */
    (void)snprintf(own->transport, sizeof own->transport, "%s", info.transport);
    (void)snprintf(own->algorithm, sizeof own->algorithm, "%s", info.algorithm);
    own->sent_bytes = info.sent_bytes;
    own->median_us = 1e3 * (double)time_ms / p->work->job->iters;
    return 0;
}

static void stop(struct run_gpu *p)
{
    if (p->start != NULL) {
        (void)cudaEventDestroy(p->start);
    }
    if (p->stop != NULL) {
        (void)cudaEventDestroy(p->stop);
    }
    (void)cudaFree(p->send);
    (void)cudaFree(p->recv);
    cuda_rank_stop(&p->gpu);
}

void cuda_run_rank(const void *context, flc_comm *comm)
{
    const struct rank_work *const work = context;
    const struct collective_point *const point = &work->job->point;
    struct run_gpu p = {.gpu = {.comm = comm,
                                .rank = flc_comm_rank(comm),
                                .meeting = work->area->meeting,
                                .is_thread = work->job->threads},
                        .work = work,
                        .bytes = point->count * flc_type_bytes(point->type)};
    if (start(&p) == 0 && call_all(&p) == 0 && report(&p) == 0) {
        rank_done(p.gpu.meeting, p.gpu.rank);
    } else {
        flc_comm_abort(comm); /* the others would wait for this rank's calls */
    }
    stop(&p);
}
