// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Checks results: see perf_check.h. What was sent is made again piece by piece, so that no rank
 * needs to see another's data.
 */
#include "perf_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Whole blocks, so that groups are not cut. */
#define PIECE_ELEMS ((size_t)4 * FLC_BLOCK_ELEMS)

/* Elements `at` to at + count - 1 of a segment; `inputs` has room for a piece of each rank. */
static int check_piece(const struct perf_check *c, const struct perf_segment *segment, size_t at,
                       size_t count, char *inputs, struct flc_reduce_check *part)
{
    const struct perf_point *const point = c->point;
    const size_t elem_bytes = flc_type_bytes(point->type);
    const char *const result =
        (const char *)c->results[segment->rank] + (segment->result_at + at) * elem_bytes;
    const size_t first = segment->source_at + at;
    if (segment->source >= 0) {
        const flc_format format = segment->exact ? (flc_format){0} : c->config->gather;
        perf_data_fill(c->data, segment->source, c->round, first, count, inputs);
        return flc_copy_check(inputs, count, point->type, format, result, part);
    }
    const void *sources[FLC_MAX_RANKS];
    flc_coll_config config = *c->config;
    for (int r = 0; r < point->ranks; r++) {
        char *const input = inputs + (size_t)r * PIECE_ELEMS * elem_bytes;
        perf_data_fill(c->data, r, c->round, first, count, input);
        sources[r] = input;
    }
    if (point->collective->formats == REDUCE_ONLY) { /* nobody gathers the sums */
        config.gather = (flc_format){0};
    }
    return flc_reduce_check(sources, point->ranks, count, point->type, point->op, &config,
                            c->algorithm, result, part);
}

int perf_check_share(const struct perf_check *c, int share, int shares,
                     struct flc_reduce_check *sums)
{
    const struct perf_point *const point = c->point;
    const size_t piece_bytes = PIECE_ELEMS * flc_type_bytes(point->type);
    char *const inputs = malloc((size_t)point->ranks * piece_bytes);
    struct perf_segment segment;
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

int perf_equal_rank(const struct perf_point *point, int rank)
{
    const int first_but_root = point->root == 0 ? 1 : 0;
    switch (point->collective->equality) {
    case EQUAL_ALL_RANKS:
        return 0;
    case EQUAL_BUT_ROOT:
        return rank == point->root ? rank : first_but_root;
    default:
        return rank;
    }
}

double perf_wire_bits(const struct perf_point *point, const flc_coll_config *config,
                      const char *algorithm)
{
    const enum perf_formats formats = point->collective->formats;
    const bool is_reduce = formats == REDUCE_ONLY || strcmp(algorithm, "oneshot") == 0;
    const flc_format first = formats == GATHER_ONLY ? config->gather : config->reduce;
    const flc_format second = is_reduce ? config->reduce : config->gather;
    size_t first_bytes = 0;
    size_t second_bytes = 0;
    if (point->count == 0 ||
        flc_format_wire_bytes(first, point->type, point->count, &first_bytes) != FLC_OK ||
        flc_format_wire_bytes(second, point->type, point->count, &second_bytes) != FLC_OK) {
        return (double)NAN;
    }
    return 4.0 * ((double)first_bytes + (double)second_bytes) / (double)point->count;
}
