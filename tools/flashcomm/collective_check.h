// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Checks results of collectives: each element against what its sources sent and the documented
 * bound of the formats; and says which ranks must hold the same bits.
 */
#ifndef COLLECTIVE_CHECK_H
#define COLLECTIVE_CHECK_H

#include "collective.h"
#include "reduce_check.h"

/*
 * Check elements of a segment: all of it, or a part that begins and ends at blocks.
 *
 *   inputs     [ranks] of [count] elements: what each rank sent of them; of a copy only that of
 *              the source is read
 *   config     of the call
 *   algorithm  that ran
 *   result     [count] elements of the segment's rank
 *
 * 0, or -1 when out of memory.
 */
int collective_check(const struct collective_point *point, const struct collective_segment *segment,
                     const void *const *inputs, size_t count, const flc_coll_config *config,
                     const char *algorithm, const void *result, struct flc_reduce_check *check);

/* The rank that `rank`'s result must be equal to, itself where there is no other. */
int collective_equal_rank(const struct collective_point *point, int rank);

/* Bits an encoded element takes: of two formats the mean; NaN where none is sent. */
double collective_wire_bits(const struct collective_point *point, const flc_coll_config *config,
                            const char *algorithm);

#endif
