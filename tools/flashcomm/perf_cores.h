// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Binds the ranks of `flashcomm perf` to a core each, where there are enough, as mpirun does with
 * its ranks: otherwise the scheduler may put two on one core, and times say little.
 */
#ifndef PERF_CORES_H
#define PERF_CORES_H

#include <stdbool.h>

#include "flashcomm/flashcomm.h"

struct perf_cores {
    bool is_bound;
    int processors[FLC_MAX_RANKS]; /* [ranks]: the first of each rank's core */
};

/* Choose among those that this process may use; not bound where they do not suffice. */
void perf_cores_choose(int ranks, struct perf_cores *cores);

/* Bind the calling thread, if ranks are bound. Where the system refuses, it goes on unbound. */
void perf_cores_bind(const struct perf_cores *cores, int rank);

#endif
