// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as processes: forked children that store what happened in memory they share with the
 * test, and a bootstrap for them that talks over socket pairs. Children die with the test.
 */
#ifndef RANK_PROCESSES_H
#define RANK_PROCESSES_H

#include <stddef.h>
#include <sys/types.h>

#include "flashcomm/flashcomm.h"

/* Zeroed memory that forked children share. Both end the program where memory is out. */
void *shared_alloc(size_t bytes);
void shared_free(void *memory, size_t bytes);

/* Fork a child that runs body(rank, context) and exits with 0. */
pid_t rank_process_start(int rank, void (*body)(int rank, void *context), void *context);

/* Start a child for every rank, wait for all; returns how many did not exit with 0. */
int rank_processes_run(int ranks, void (*body)(int rank, void *context), void *context);

/* Socket pairs between rank 0 and each other rank; made before the fork. */
struct pair_star {
    int rank, ranks; /* `rank` is set by the child */
    int at_root[FLC_MAX_RANKS], at_leaf[FLC_MAX_RANKS];
};

void pair_star_init(struct pair_star *star, int ranks);
void pair_star_fini(struct pair_star *star);

/* An flc_bootstrap allgather; `context` is the rank's struct pair_star. */
int pair_star_allgather(void *context, const void *send, void *recv, size_t bytes);

/* Open file descriptors of this process. */
int count_open_fds(void);

/* A job name no other test and no other run uses: [32]. */
void make_job_name(char name[32]);

#endif
