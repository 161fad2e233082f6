// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The baseline mpi of `flashcomm perf`: Open MPI's own collective on the same kind of data, timed
 * in the same way by a program of its own, flashcomm-mpi, which mpirun starts once for each size.
 */
#ifndef PERF_MPI_H
#define PERF_MPI_H

#include <limits.h>

#include "perf_options.h"
#include "perf_rank.h"
#include "tool_failure.h"

struct perf_mpi {
    char program[PATH_MAX]; /* flashcomm-mpi */
};

struct perf_mpi_result {
    double time_us[PLACES];
    size_t wrong[PLACES];
};

/* Find the program, which is not built where MPI is missing, and mpirun. 0 or -1. */
int perf_mpi_find(struct perf_mpi *mpi, struct failure *failure);

/* NULL; or why MPI has nothing to compare at this point. */
const char *perf_mpi_lacks(const struct collective_point *point);

/*
 * Time and check one point, with a core for each rank where `is_bound`. 0 or -1; no process is
 * left behind.
 */
int perf_mpi_run(const struct perf_mpi *mpi, const struct perf_options *options, bool is_bound,
                 const struct collective_point *point, struct perf_mpi_result *result,
                 struct failure *failure);

#endif
