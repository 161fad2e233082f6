// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The command line of flashcomm-mpi, which `flashcomm perf` writes:
 *
 *   flashcomm-mpi COLLECTIVE TYPE OP NAME=NUMBER...
 *
 * with all of the numbers below, under their names with a dash for an underscore.
 */
#ifndef MPI_ARGUMENTS_H
#define MPI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

enum mpi_collective { ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER, ALL_TO_ALL, BROADCAST };

struct mpi_arguments {
    enum mpi_collective collective;
    size_t elem_bytes; /* 4: float; 2: 16 bits that are only moved */
    bool is_average;
    size_t count; /* elements, as of the call of the library that this is compared with */
    int root;
    int iters;
    int warmup_iters;
    int agg_iters;
    int checks;
    int average; /* -a of `flashcomm perf` */
    int unalign; /* elements */
};

/* 0, or -1 and a sentence on stderr. */
int mpi_arguments_parse(int argc, char **argv, struct mpi_arguments *arguments);

#endif
