// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Large calls: stress_large.h.
 */
#define _GNU_SOURCE
#include "stress_large.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "coll/partition.h"
#include "cuda_oracle.h"
#include "device_ops.h"
#include "random_elem.h"
#include "rank_threads.h"

#define FRONT_BYTES   ((size_t)256)
#define GUARD_BYTES   ((size_t)64)
#define OFFSET_MAX    ((size_t)16)
#define RANDOM_BLOCKS 24

struct attempt {
    struct stress_large *large;
    const struct cuda_call *call;
    pthread_barrier_t barrier;
    flc_status status[FLC_CUDA_MAX_RANKS];
    uint64_t sums[FLC_CUDA_MAX_RANKS][3]; /* of send before, of send after, of recv */
    uint8_t guards[FLC_CUDA_MAX_RANKS][2 * 64];
};

static size_t buffer_bytes(size_t elems_max)
{
    return FRONT_BYTES + (elems_max + OFFSET_MAX) * sizeof(float) + GUARD_BYTES;
}

void stress_large_open(struct stress_large *large, struct cuda_team *team, size_t elems_max)
{
    memset(large, 0, sizeof *large);
    large->team = team;
    large->elems_max = elems_max;
    for (int rank = 0; rank < team->ranks_max; rank++) {
        CUDA_MUST(cudaSetDevice(team->rank[rank].device));
        CUDA_MUST(cudaMalloc((void **)&large->send[rank], buffer_bytes(elems_max)));
        CUDA_MUST(cudaMalloc((void **)&large->recv[rank], buffer_bytes(elems_max)));
        CUDA_MUST(cudaMalloc((void **)&large->sums[rank], 3 * sizeof(uint64_t)));
    }
}

void stress_large_close(struct stress_large *large)
{
    for (int rank = 0; rank < large->team->ranks_max; rank++) {
        CUDA_MUST(cudaSetDevice(large->team->rank[rank].device));
        CUDA_MUST(cudaFree(large->send[rank]));
        CUDA_MUST(cudaFree(large->recv[rank]));
        CUDA_MUST(cudaFree(large->sums[rank]));
    }
}

static uint8_t *send_elems(const struct attempt *a, int rank)
{
    return a->large->send[rank] + FRONT_BYTES +
           a->call->send_offset * flc_type_bytes(a->call->type);
}

static uint8_t *recv_elems(const struct attempt *a, int rank)
{
    return a->call->is_in_place ? send_elems(a, rank)
                                : a->large->recv[rank] + FRONT_BYTES +
                                      a->call->recv_offset * flc_type_bytes(a->call->type);
}

static void run_rank(int rank, void *context)
{
    struct attempt *a = context;
    const struct cuda_call *call = a->call;
    struct cuda_rank *r = &a->large->team->rank[rank];
    const flc_coll_config config = cuda_call_config(call);
    const size_t bytes = call->count * flc_type_bytes(call->type), words = bytes / 2;
    uint8_t *send = send_elems(a, rank), *recv = recv_elems(a, rank);
    uint64_t *sums = a->large->sums[rank];
    CUDA_MUST(cudaSetDevice(r->device));
    CUDA_MUST(cudaMemsetAsync(recv - GUARD_BYTES, CUDA_POISON, bytes + 2 * GUARD_BYTES, r->stream));
    CUDA_MUST(device_fill(send, call->count, call->type, cuda_call_seed(call, rank, 0), r->stream));
    CUDA_MUST(device_sum((const uint16_t *)(const void *)send, words, sums, r->stream));
    CUDA_MUST(cudaStreamSynchronize(r->stream));
    (void)pthread_barrier_wait(&a->barrier);
    a->status[rank] = flc_all_reduce_cuda(r->comm, send, recv, call->count, call->type, call->op,
                                          &config, r->stream);
    CUDA_MUST(cudaStreamSynchronize(r->stream));
    if (a->status[rank] == FLC_OK) {
        a->status[rank] = flc_comm_cuda_error(r->comm);
    }
    (void)pthread_barrier_wait(&a->barrier);
    CUDA_MUST(device_sum((const uint16_t *)(const void *)send, words, sums + 1, r->stream));
    CUDA_MUST(device_sum((const uint16_t *)(const void *)recv, words, sums + 2, r->stream));
    CUDA_MUST(cudaMemcpyAsync(a->sums[rank], sums, sizeof a->sums[rank], cudaMemcpyDeviceToHost,
                              r->stream));
    CUDA_MUST(cudaMemcpyAsync(a->guards[rank], recv - GUARD_BYTES, GUARD_BYTES,
                              cudaMemcpyDeviceToHost, r->stream));
    CUDA_MUST(cudaMemcpyAsync(a->guards[rank] + GUARD_BYTES, recv + bytes, GUARD_BYTES,
                              cudaMemcpyDeviceToHost, r->stream));
    CUDA_MUST(cudaStreamSynchronize(r->stream));
}

static int say(const struct attempt *a, const char *what)
{
    char text[320];
    cuda_call_text(a->call, text, sizeof text);
    fprintf(stderr, "FAILED: %s: %d ranks, large, %s\n  %s\n", cuda_watched, a->large->team->ranks,
            text, what);
    return 1;
}

static int judge_ranks(const struct attempt *a)
{
    char text[80];
    for (int rank = 0; rank < a->large->team->ranks; rank++) {
        for (size_t i = 0; i < sizeof a->guards[rank]; i++) {
            if (a->guards[rank][i] != CUDA_POISON) {
                (void)snprintf(text, sizeof text, "rank %d: bytes around recv were written", rank);
                return say(a, text);
            }
        }
        if (!a->call->is_in_place && a->sums[rank][0] != a->sums[rank][1]) {
            (void)snprintf(text, sizeof text, "rank %d: send was written", rank);
            return say(a, text);
        }
        if (a->sums[rank][2] != a->sums[0][2]) {
            (void)snprintf(text, sizeof text, "ranks 0 and %d received different bits", rank);
            return say(a, text);
        }
    }
    return 0;
}

static int judge_block(const struct attempt *a, size_t block)
{
    const struct cuda_call *call = a->call;
    const uint32_t n = cuda_oracle_block_elems(call, block);
    const size_t size = flc_type_bytes(call->type), first = block * FLC_BLOCK_ELEMS;
    static float storage[FLC_CUDA_MAX_RANKS][FLC_BLOCK_ELEMS], want[FLC_BLOCK_ELEMS],
        got[FLC_BLOCK_ELEMS];
    const void *inputs[FLC_CUDA_MAX_RANKS] = {NULL};
    for (int rank = 0; rank < a->large->team->ranks; rank++) {
        inputs[rank] = storage[rank];
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t pattern =
                random_elem(cuda_call_seed(call, rank, 0), first + i, call->type);
            const uint16_t narrow = (uint16_t)pattern;
            memcpy((uint8_t *)storage[rank] + i * size,
                   size == 4 ? (const void *)&pattern : (const void *)&narrow, size);
        }
    }
    cuda_oracle_block(call, a->large->team->ranks, block, inputs, want);
    CUDA_MUST(cudaMemcpy(got, recv_elems(a, 0) + first * size, n * size, cudaMemcpyDeviceToHost));
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *g = (const uint8_t *)got + i * size, *w = (const uint8_t *)want + i * size;
        if (memcmp(g, w, size) != 0) {
            char text[120];
            (void)snprintf(text, sizeof text,
                           "rank 0: element %zu (block %zu, owner %d): got 0x%02x%02x.., want "
                           "0x%02x%02x..",
                           first + i, block, cuda_call_owner(call, a->large->team->ranks, block),
                           g[size - 1], g[size - 2], w[size - 1], w[size - 2]);
            return say(a, text);
        }
    }
    return 0;
}

/* The ends of every chunk, and some blocks at random. */
static int judge_sample(const struct attempt *a)
{
    const size_t blocks = (a->call->count + FLC_BLOCK_ELEMS - 1) / FLC_BLOCK_ELEMS;
    const int ranks = a->large->team->ranks;
    uint64_t state = a->call->seed;
    int failed = 0;
    for (int rank = 0; rank < ranks && failed == 0; rank++) {
        const struct flci_span chunk = flci_partition_chunk(a->call->count, ranks, rank);
        if (chunk.count > 0) {
            failed |= judge_block(a, chunk.begin / FLC_BLOCK_ELEMS);
            failed |= judge_block(a, (chunk.begin + chunk.count - 1) / FLC_BLOCK_ELEMS);
        }
    }
    for (int i = 0; i < RANDOM_BLOCKS && failed == 0; i++) {
        failed |= judge_block(a, test_random_below(&state, blocks));
    }
    return failed;
}

int stress_large_run(struct stress_large *large, const struct cuda_call *call)
{
    static struct attempt a;
    int failed = 0;
    memset(&a, 0, sizeof a);
    a.large = large;
    a.call = call;
    (void)pthread_barrier_init(&a.barrier, NULL, (unsigned)large->team->ranks);
    rank_threads_run(large->team->ranks, run_rank, &a);
    (void)pthread_barrier_destroy(&a.barrier);
    for (int rank = 0; rank < large->team->ranks; rank++) {
        if (a.status[rank] != FLC_OK) {
            (void)say(&a, flc_last_error(large->team->rank[rank].comm));
            failed = -1;
        }
    }
    if (failed == 0) {
        CUDA_MUST(cudaSetDevice(large->team->rank[0].device));
        failed = judge_ranks(&a) != 0 || judge_sample(&a) != 0;
    }
    return failed;
}
