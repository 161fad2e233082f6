// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Checks results: see perf_check.h. What was sent is made again piece by piece, so that no rank
 * needs to see another's data.
 */
#include "perf_check.h"

#include <pthread.h>
#include <stdlib.h>

#include "collective_check.h"

/* Whole blocks, so that groups are not cut. */
#define PIECE_ELEMS ((size_t)4 * FLC_BLOCK_ELEMS)

/* Elements `at` to at + count - 1 of a segment; `inputs` has room for a piece of each rank. */
static int check_piece(const struct perf_check *c, const struct collective_segment *segment,
                       size_t at, size_t count, char *inputs, struct flc_reduce_check *part)
{
    const struct collective_point *const point = c->point;
    const size_t elem_bytes = flc_type_bytes(point->type);
    const char *const result =
        (const char *)c->results[segment->rank] + (segment->result_at + at) * elem_bytes;
    const void *sources[FLC_MAX_RANKS];
    for (int r = 0; r < point->ranks; r++) {
        char *const input = inputs + (size_t)r * PIECE_ELEMS * elem_bytes;
        if (segment->source < 0 || segment->source == r) {
            perf_data_fill(c->data, r, c->round, c->first + segment->source_at + at, count, input);
        }
        sources[r] = input;
    }
    return collective_check(point, segment, sources, count, c->config, c->algorithm, result, part);
}

int perf_check_share(const struct perf_check *c, int share, int shares,
                     struct flc_reduce_check *sums)
{
    const struct collective_point *const point = c->point;
    const size_t piece_bytes = PIECE_ELEMS * flc_type_bytes(point->type);
    char *const inputs = malloc((size_t)point->ranks * piece_bytes);
    struct collective_segment segment;
    int turn = 0;
    int result = inputs == NULL ? -1 : 0;
    for (int i = 0; point->collective->segment(point, i, &segment); i++) {
        for (size_t at = 0; at < point->count && result == 0; at += PIECE_ELEMS) {
            const size_t left = point->count - at;
            struct flc_reduce_check part;
            if (turn++ % shares != share) {
                continue;
            }
            result = check_piece(c, &segment, at, left < PIECE_ELEMS ? left : PIECE_ELEMS, inputs,
                                 &part);
            if (result == 0) {
                flc_reduce_check_add(sums, &part);
            }
        }
    }
    free(inputs);
    return result;
}

struct check_thread {
    const struct perf_check *check;
    int share, shares;
    struct flc_reduce_check sums;
    int result;
    pthread_t id;
    int is_started;
};

static void *check_main(void *argument)
{
    struct check_thread *const thread = argument;
    thread->result = perf_check_share(thread->check, thread->share, thread->shares, &thread->sums);
    return NULL;
}

int perf_check_threads(const struct perf_check *check, int share, int shares, int threads,
                       struct flc_reduce_check *sums)
{
    struct check_thread all[FLC_MAX_RANKS];
    int result = 0;
    for (int i = 0; i < threads; i++) {
        all[i] = (struct check_thread){
            .check = check, .share = share * threads + i, .shares = shares * threads};
        all[i].is_started = i > 0 && pthread_create(&all[i].id, NULL, check_main, &all[i]) == 0;
    }
    for (int i = 0; i < threads; i++) {
        if (all[i].is_started) {
            (void)pthread_join(all[i].id, NULL);
        } else {
            (void)check_main(&all[i]); /* the first is this thread's own */
        }
        result = all[i].result != 0 ? -1 : result;
        flc_reduce_check_add(sums, &all[i].sums);
    }
    return result;
}
