// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Running a batch: cuda_batch.h.
 *
 * Between the two barriers nothing is allocated, captured or copied to or from the host: only
 * kernels are enqueued, since a rank's kernels may be waiting for another rank's by then.
 */
#define _GNU_SOURCE
#include "cuda_batch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_ops.h"
#include "rank_threads.h"

#define LATE_CYCLES 100000 /* some 60 us: longer than a small call takes */
#define CORES_MAX   64

struct run {
    struct cuda_team *team;
    const struct cuda_batch *batch;
    pthread_barrier_t barrier;
    flc_status status[FLC_CUDA_MAX_RANKS];
};

struct parallel {
    size_t count;
    void (*task)(size_t i, void *context);
    void *context;
    atomic_size_t next;
};

static void *run_tasks(void *argument)
{
    struct parallel *p = argument;
    for (size_t i = atomic_fetch_add(&p->next, 1); i < p->count;
         i = atomic_fetch_add(&p->next, 1)) {
        p->task(i, p->context);
    }
    return NULL;
}

void cuda_parallel(size_t count, void (*task)(size_t i, void *context), void *context)
{
    struct parallel p = {.count = count, .task = task, .context = context};
    pthread_t threads[CORES_MAX];
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int started = 0;
    while (started < cores - 1 && started < CORES_MAX && (size_t)started + 1 < count &&
           pthread_create(&threads[started], NULL, run_tasks, &p) == 0) {
        started++;
    }
    (void)run_tasks(&p);
    for (int i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

int cuda_batch_add(struct cuda_batch *batch, const struct cuda_team *team, struct cuda_call call)
{
    const size_t end = cuda_call_place(&call, batch->bytes);
    if (batch->count == CUDA_CALLS_MAX || end > team->image_bytes) {
        return 0;
    }
    batch->call[batch->count++] = call;
    batch->bytes = end;
    return 1;
}

static void fill_image(size_t i, void *context)
{
    const struct run *run = context;
    const size_t calls = (size_t)run->batch->count, rounds = (size_t)run->batch->rounds;
    const size_t rank = i / (calls * rounds), round = i / calls % rounds;
    cuda_call_fill(&run->batch->call[i % calls], (int)rank, (int)round,
                   run->team->rank[rank].host_image[round]);
}

static void make_call(struct run *run, int rank, const struct cuda_call *call)
{
    struct cuda_rank *r = &run->team->rank[rank];
    const flc_coll_config config = cuda_call_config(call);
    /* Shared: every call's regions lie at the start of the scratch memory. */
    uint8_t *base = run->batch->is_shared ? r->scratch - call->send_region : r->work;
    const size_t bytes = call->region_end - call->send_region;
    if (run->batch->is_shared) {
        CUDA_MUST(device_copy(r->scratch, r->work + call->send_region, bytes, r->stream));
    }
    if (call->late_rank == rank) {
        CUDA_MUST(device_delay(LATE_CYCLES, r->stream));
    }
    const flc_status status =
        flc_all_reduce_cuda(r->comm, base + call->send_at, base + call->recv_at, call->count,
                            call->type, call->op, &config, r->stream);
    if (status != FLC_OK && run->status[rank] == FLC_OK) {
        run->status[rank] = status;
    }
    if (run->batch->is_shared) {
        CUDA_MUST(device_copy(r->work + call->send_region, r->scratch, bytes, r->stream));
    }
}

static void make_calls(struct run *run, int rank)
{
    for (int i = 0; i < run->batch->count; i++) {
        make_call(run, rank, &run->batch->call[i]);
    }
}

static cudaGraphExec_t capture(struct run *run, int rank)
{
    struct cuda_rank *r = &run->team->rank[rank];
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    CUDA_MUST(cudaStreamBeginCapture(r->stream, cudaStreamCaptureModeThreadLocal));
    make_calls(run, rank);
    CUDA_MUST(cudaStreamEndCapture(r->stream, &graph));
    CUDA_MUST(cudaGraphInstantiateWithFlags(&exec, graph, 0));
    CUDA_MUST(cudaGraphDestroy(graph));
    CUDA_MUST(cudaGraphUpload(exec, r->stream));
    return exec;
}

static void run_rank(int rank, void *context)
{
    struct run *run = context;
    struct cuda_rank *r = &run->team->rank[rank];
    const struct cuda_batch *batch = run->batch;
    cudaGraphExec_t exec = NULL;
    CUDA_MUST(cudaSetDevice(r->device));
    for (int round = 0; round < batch->rounds; round++) {
        CUDA_MUST(cudaMemcpyAsync(r->image[round], r->host_image[round], batch->bytes,
                                  cudaMemcpyHostToDevice, r->stream));
    }
    if (batch->is_graph) {
        exec = capture(run, rank);
    }
    CUDA_MUST(cudaStreamSynchronize(r->stream));
    (void)pthread_barrier_wait(&run->barrier);
    for (int round = 0; round < batch->rounds; round++) {
        CUDA_MUST(device_copy(r->work, r->image[round], batch->bytes, r->stream));
        if (batch->is_graph) {
            CUDA_MUST(cudaGraphLaunch(exec, r->stream));
        } else {
            make_calls(run, rank);
        }
        CUDA_MUST(device_copy(r->result[round], r->work, batch->bytes, r->stream));
    }
    CUDA_MUST(cudaStreamSynchronize(r->stream));
    if (run->status[rank] == FLC_OK) {
        run->status[rank] = flc_comm_cuda_error(r->comm);
    }
    (void)pthread_barrier_wait(&run->barrier);
    for (int round = 0; round < batch->rounds; round++) {
        CUDA_MUST(cudaMemcpyAsync(r->host_result[round], r->result[round], batch->bytes,
                                  cudaMemcpyDeviceToHost, r->stream));
    }
    CUDA_MUST(cudaStreamSynchronize(r->stream));
    if (exec != NULL) {
        CUDA_MUST(cudaGraphExecDestroy(exec));
    }
}

int cuda_batch_run(struct cuda_team *team, const struct cuda_batch *batch)
{
    struct run run = {.team = team, .batch = batch};
    int failed = 0;
    if (batch->count == 0) {
        return 0;
    }
    (void)snprintf(cuda_watched, sizeof cuda_watched, "%s, %d ranks, %d calls in %d rounds%s%s",
                   batch->note, team->ranks, batch->count, batch->rounds,
                   batch->is_graph ? ", graph" : "", batch->is_shared ? ", shared buffers" : "");
    cuda_parallel((size_t)(team->ranks * batch->rounds * batch->count), fill_image, &run);
    (void)pthread_barrier_init(&run.barrier, NULL, (unsigned)team->ranks);
    rank_threads_run(team->ranks, run_rank, &run);
    (void)pthread_barrier_destroy(&run.barrier);
    for (int rank = 0; rank < team->ranks; rank++) {
        if (run.status[rank] != FLC_OK) {
            fprintf(stderr, "FAILED: %s: rank %d: %s: %s\n", cuda_watched, rank,
                    flc_strerror(run.status[rank]), flc_last_error(team->rank[rank].comm));
            failed = -1;
        }
    }
    return failed != 0 ? failed : cuda_batch_judge(team, batch);
}
