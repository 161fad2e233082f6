// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What ranks send in `flashcomm perf`: gaussian elements (mean 0, deviation 1) that any rank can
 * make again, because an element depends on nothing but its rank, its round and its index.
 *
 * They are drawn from a table of gaussian values, so that making them costs little more than
 * copying.
 */
#ifndef PERF_DATA_H
#define PERF_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/codec.h"

#define PERF_DATA_VALUES 65536

struct perf_data {
    flc_type type;
    union {
        uint32_t fp32[PERF_DATA_VALUES];
        uint16_t half[PERF_DATA_VALUES]; /* fp16 or bf16 */
    } table;
};

void perf_data_init(struct perf_data *data, flc_type type);

/* Make elements first to first + count - 1 of a rank in a round: elems [count]. */
void perf_data_fill(const struct perf_data *data, int rank, int round, size_t first, size_t count,
                    void *elems);

#endif
