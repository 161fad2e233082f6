// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Checks results of collectives: see collective_check.h.
 */
#include "collective_check.h"

#include <math.h>
#include <string.h>

int collective_check(const struct collective_point *point, const struct collective_segment *segment,
                     const void *const *inputs, size_t count, const flc_coll_config *config,
                     const char *algorithm, const void *result, struct flc_reduce_check *check)
{
    flc_coll_config used = *config;
    if (segment->source >= 0) {
        const bool is_exact = segment->exact || strcmp(algorithm, "copy") == 0; /* of one rank */
        const flc_format format = is_exact ? (flc_format){0} : config->gather;
        return flc_copy_check(inputs[segment->source], count, point->type, format, result, check);
    }
    if (point->collective->formats == REDUCE_ONLY) { /* nobody gathers the sums */
        used.gather = (flc_format){0};
    }
    return flc_reduce_check(inputs, point->ranks, count, point->type, point->op, &used, algorithm,
                            result, check);
}

int collective_equal_rank(const struct collective_point *point, int rank)
{
    switch (point->collective->equality) {
    case EQUAL_ALL_RANKS:
        return 0;
    case EQUAL_BUT_ROOT:
        return rank == point->root ? rank : collective_point_other_rank(point);
    default:
        return rank;
    }
}

double collective_wire_bits(const struct collective_point *point, const flc_coll_config *config,
                            const char *algorithm)
{
    const enum collective_formats formats = point->collective->formats;
    const bool is_reduce = formats == REDUCE_ONLY || strcmp(algorithm, "oneshot") == 0;
    const flc_format first = formats == GATHER_ONLY ? config->gather : config->reduce;
    const flc_format second = is_reduce ? config->reduce : config->gather;
    size_t first_bytes = 0;
    size_t second_bytes = 0;
    if (point->count == 0 || strcmp(algorithm, "copy") == 0 || /* one rank sends nothing */
        flc_format_wire_bytes(first, point->type, point->count, &first_bytes) != FLC_OK ||
        flc_format_wire_bytes(second, point->type, point->count, &second_bytes) != FLC_OK) {
        return (double)NAN;
    }
    return 4.0 * ((double)first_bytes + (double)second_bytes) / (double)point->count;
}
