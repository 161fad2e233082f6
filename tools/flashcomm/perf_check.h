// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Checks the results of one call in `flashcomm perf`, in shares, so that each rank can do one.
 */
#ifndef PERF_CHECK_H
#define PERF_CHECK_H

#include <stdbool.h>

#include "collective.h"
#include "perf_data.h"
#include "reduce_check.h"

struct perf_check {
    const struct collective_point *point;
    const struct perf_data *data;
    int round;                     /* of the data that was sent */
    size_t first;                  /* index of the first element that was sent in that data */
    const flc_coll_config *config; /* of the call */
    const char *algorithm;         /* that ran */
    const void *const *results;    /* [ranks] of [recv_elems] elements */
};

/*
 * Check share `share` of `shares` and add it to `sums`: all shares together cover every element
 * once. 0, or -1 when out of memory.
 */
int perf_check_share(const struct perf_check *check, int share, int shares,
                     struct flc_reduce_check *sums);

/* The same by `threads` threads at once, FLC_MAX_RANKS at most. */
int perf_check_threads(const struct perf_check *check, int share, int shares, int threads,
                       struct flc_reduce_check *sums);

#endif
