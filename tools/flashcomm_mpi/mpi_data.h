// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What ranks of flashcomm-mpi send: gaussian floats, or random 16-bit patterns, that any rank can
 * make again; and the check of what they received.
 */
#ifndef MPI_DATA_H
#define MPI_DATA_H

#include <stddef.h>

#include "mpi_arguments.h"

/* Of every rank; `recv_elems` of the root of a broadcast, too. */
size_t mpi_send_elems(const struct mpi_arguments *a, int ranks);
size_t mpi_recv_elems(const struct mpi_arguments *a, int ranks);

void mpi_data_init(void);

/* Make elements first to first + count - 1 of a rank in a round. */
void mpi_data_fill(const struct mpi_arguments *a, int rank, int round, size_t first, size_t count,
                   void *elems);

/*
 * Elements of a rank's result that are wrong: of a sum, those farther from the exact one than
 * float additions in any order can be; of a copy, those that differ. -1: out of memory.
 */
long long mpi_data_wrong(const struct mpi_arguments *a, int ranks, int rank, int round,
                         const void *recv);

#endif
