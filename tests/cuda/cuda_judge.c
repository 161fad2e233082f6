// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Judging a batch, byte for byte: cuda_batch.h.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda_batch.h"
#include "rank_threads.h"

#define PRINTED_MAX 20 /* failures, in one run of the program */

struct judgement {
    struct cuda_team *team;
    const struct cuda_batch *batch;
    int round;
    flc_status status[FLC_CUDA_MAX_RANKS];
};

static atomic_int printed;

static uint32_t elem_pattern(flc_type type, const uint8_t *elems, size_t i)
{
    uint32_t wide = 0;
    uint16_t narrow = 0;
    if (type == FLC_FLOAT32) {
        memcpy(&wide, elems + i * sizeof wide, sizeof wide);
        return wide;
    }
    memcpy(&narrow, elems + i * sizeof narrow, sizeof narrow);
    return narrow;
}

static void say(const struct judgement *j, int rank, int index, const char *what)
{
    char text[320];
    if (atomic_fetch_add(&printed, 1) >= PRINTED_MAX) {
        return;
    }
    cuda_call_text(&j->batch->call[index], text, sizeof text);
    fprintf(stderr, "FAILED: %s: call %d, round %d: %s\n  rank %d: %s\n", cuda_watched, index,
            j->round, text, rank, what);
}

/* Elements against what they must be; the first that differs is named. */
static int judge_elems(const struct judgement *j, int rank, int index, const uint8_t *want)
{
    const struct cuda_call *call = &j->batch->call[index];
    const uint8_t *got = j->team->rank[rank].host_result[j->round] + call->recv_at;
    const size_t size = flc_type_bytes(call->type);
    size_t first = call->count, different = 0, poisoned = 0;
    if (memcmp(got, want, call->count * size) == 0) {
        return 0;
    }
    for (size_t i = 0; i < call->count; i++) {
        if (memcmp(got + i * size, want + i * size, size) != 0) {
            first = first < i ? first : i;
            different++;
            poisoned += elem_pattern(call->type, got, i) == (size == 4 ? 0xa5a5a5a5u : 0xa5a5u);
        }
    }
    const size_t block = first / FLC_BLOCK_ELEMS;
    char text[200];
    (void)snprintf(text, sizeof text,
                   "element %zu (block %zu, owner %d): got 0x%0*x, want 0x%0*x; %zu differ, of "
                   "these %zu were not written",
                   first, block, cuda_call_owner(call, j->team->ranks, block), (int)(2 * size),
                   elem_pattern(call->type, got, first), (int)(2 * size),
                   elem_pattern(call->type, want, first), different, poisoned);
    say(j, rank, index, text);
    return 1;
}

/* All that the call must leave as it was: guards on both sides, and `send`. */
static int judge_rest(const struct judgement *j, int rank, int index)
{
    const struct cuda_call *call = &j->batch->call[index];
    const uint8_t *got = j->team->rank[rank].host_result[j->round];
    const uint8_t *before = j->team->rank[rank].host_image[j->round];
    const size_t end = call->recv_at + call->count * flc_type_bytes(call->type);
    if (memcmp(got + call->recv_region, before + call->recv_region,
               call->recv_at - call->recv_region) != 0) {
        say(j, rank, index, "bytes before recv were written");
        return 1;
    }
    if (memcmp(got + end, before + end, call->region_end - end) != 0) {
        say(j, rank, index, "bytes behind recv were written");
        return 1;
    }
    if (memcmp(got + call->send_region, before + call->send_region,
               call->recv_region - call->send_region) != 0) {
        say(j, rank, index, "send, or bytes around it, were written");
        return 1;
    }
    return 0;
}

static void reduce_on_host(int rank, void *context)
{
    struct judgement *j = context;
    struct cuda_rank *r = &j->team->rank[rank];
    for (int i = 0; i < j->batch->count && j->status[rank] == FLC_OK; i++) {
        const struct cuda_call *call = &j->batch->call[i];
        const flc_coll_config config = cuda_call_config(call);
        j->status[rank] =
            flc_all_reduce(r->on_host, r->host_image[j->round] + call->send_at,
                           r->expected + call->recv_at, call->count, call->type, call->op, &config);
    }
}

static void reduce_by_oracle(size_t i, void *context)
{
    const struct judgement *j = context;
    const struct cuda_call *call = &j->batch->call[i];
    uint8_t *images[FLC_CUDA_MAX_RANKS];
    for (int rank = 0; rank < j->team->ranks; rank++) {
        images[rank] = j->team->rank[rank].host_image[j->round];
    }
    j->batch->oracle(call, j->team->ranks, images, j->team->rank[0].expected + call->recv_at);
}

static void expect(struct judgement *j)
{
    if (j->batch->oracle != NULL) {
        cuda_parallel((size_t)j->batch->count, reduce_by_oracle, j);
        return;
    }
    rank_threads_run(j->team->ranks, reduce_on_host, j);
    for (int rank = 0; rank < j->team->ranks; rank++) {
        if (j->status[rank] != FLC_OK) {
            fprintf(stderr, "the CPU's flc_all_reduce failed: %s: %s\n",
                    flc_strerror(j->status[rank]), flc_last_error(j->team->rank[rank].on_host));
            exit(1);
        }
    }
}

int cuda_batch_judge(struct cuda_team *team, const struct cuda_batch *batch)
{
    struct judgement j = {.team = team, .batch = batch};
    int failed = 0;
    for (j.round = 0; j.round < batch->rounds; j.round++) {
        expect(&j);
        for (int i = 0; i < batch->count; i++) {
            int is_wrong = 0;
            /* What the CPU gave is the same on every rank: rank 0's stands for all. */
            const uint8_t *want = team->rank[0].expected + batch->call[i].recv_at;
            for (int rank = 0; rank < team->ranks && !is_wrong; rank++) {
                is_wrong = judge_elems(&j, rank, i, want) || judge_rest(&j, rank, i);
            }
            failed += is_wrong;
        }
    }
    return failed;
}
