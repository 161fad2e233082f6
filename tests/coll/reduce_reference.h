// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What flc_all_reduce and flc_reduce_scatter must write, element by element: a plain sequential
 * reading of docs/algorithms.md, without ranks that run, messages or pieces. Only the codec is the
 * library's.
 */
#ifndef REDUCE_REFERENCE_H
#define REDUCE_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/flashcomm.h"

struct reduce_call {
    int ranks;
    size_t count;
    flc_type type;
    flc_op op;
    flc_format reduce, gather;
    uint32_t flags;
    int is_oneshot; /* else two-step */
    int is_scatter; /* neither: one chunk of a reduce_scatter, `owner`'s */
    int owner;
};

/* The rank that sums block `block` in a two-step. */
int reduce_reference_owner(const struct reduce_call *call, size_t block);

/*
 *   inputs  [ranks] arrays of [count] elements
 *   result  [count] elements
 */
void reduce_reference(const struct reduce_call *call, const void *const *inputs, void *result);

/* What flc_call_info must say that `rank` sent and encoded. */
uint64_t reduce_reference_sent_bytes(const struct reduce_call *call, int rank);
uint64_t reduce_reference_groups(const struct reduce_call *call, int rank);

#endif
