// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Judges the result of a reduction, or of a copy that was encoded on its way: its error against
 * the exact float64 result, and whether every element lies within the documented bound
 * (docs/numerics.md).
 */
#ifndef FLASHCOMM_TOOL_REDUCE_CHECK_H
#define FLASHCOMM_TOOL_REDUCE_CHECK_H

#include <stddef.h>

#include "flashcomm/flashcomm.h"

struct flc_reduce_check {
    size_t elements;      /* all; those that must be NaN are neither compared nor unchecked */
    double sqnr_db;       /* over the checked, finite elements; inf if equal, NaN if none */
    double max_abs_error; /* likewise */
    size_t out_of_bound;  /* elements; where an input is NaN, any result but NaN */
    size_t unchecked;     /* elements without a bound: infinities, neighbours of NaN, overflow */
    size_t compared;      /* elements */
    double signal, noise; /* sums of squares, of which sqnr_db is made */
};

/*
 *   inputs     [ranks] arrays of [count] elements of `type`
 *   algorithm  that ran, as flc_call_info names it
 *   result     [count] elements of `type`, of any rank
 *
 * 0, or -1 when out of memory.
 */
int flc_reduce_check(const void *const *inputs, int ranks, size_t count, flc_type type, flc_op op,
                     const flc_coll_config *config, const char *algorithm, const void *result,
                     struct flc_reduce_check *check);

/*
 *   input, result  [count] elements of `type`: before encoding, and decoded; raw is compared byte
 * for byte, NaN too
 *
 * 0, or -1 when out of memory.
 */
int flc_copy_check(const void *input, size_t count, flc_type type, flc_format format,
                   const void *result, struct flc_reduce_check *check);

/* Add what was found in another part of a result. */
void flc_reduce_check_add(struct flc_reduce_check *sums, const struct flc_reduce_check *part);

#endif
