// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The calls of all_reduce_cuda_test for one world size, one after another.
 */
#ifndef ALL_REDUCE_CASES_H
#define ALL_REDUCE_CASES_H

#include "cuda_call.h"

#define CASE_FORMATS_MAX 512

struct case_formats {
    flc_format reduce[CASE_FORMATS_MAX], gather[CASE_FORMATS_MAX];
    int count;
    int main_count; /* the first ones are also tried with every count and every kind of data */
};

/*
 * `text`: formats, pairs or presets separated by commas, all of them main ones; NULL: every format,
 * every preset and some pairs. 0, or -1 with a line.
 */
int case_formats_init(struct case_formats *formats, const char *text);

struct case_list {
    const struct case_formats *formats;
    int ranks;
    size_t stride; /* 1: every case; n: every n-th, from another one for each world size */
    uint64_t seed;
    size_t next;
};

/* The next call, or 0 behind the last. */
int case_list_next(struct case_list *list, struct cuda_call *call);

#endif
