// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as threads of one process. Bodies only store what happened: cmocka's asserts belong to the
 * thread that runs the test.
 */
#ifndef RANK_THREADS_H
#define RANK_THREADS_H

/* Run body(rank, context) for every rank, each on a thread of its own; return when all have. */
void rank_threads_run(int ranks, void (*body)(int rank, void *context), void *context);

#endif
