// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Starts ranks, as processes (run_processes.c) or as threads of this one (run_threads.c), gives
 * each its communicator, waits for all of them and prints what went wrong.
 *
 * What a rank does, and the memory it leaves its results in, are its subcommand's: run_ranks.h,
 * perf_rank.h. That memory and the meeting must be shared with child processes.
 */
#ifndef RANK_LAUNCH_H
#define RANK_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flashcomm/flashcomm.h"

struct rank_end {
    bool done;       /* the rank did all it was to do */
    char error[512]; /* why it did not; "" where it ended without a word */
};

/* Start from all zero. */
struct rank_meeting {
    /* Where child processes introduce themselves to each other: an allgather of one round. */
    _Atomic int arrived; /* ranks */
    _Atomic int has_arrived[FLC_MAX_RANKS];
    unsigned char introductions[FLC_MAX_RANKS][256];
    _Atomic int failed; /* the first rank that failed, plus 1; 0: none */
    struct rank_end ends[FLC_MAX_RANKS];
};

struct rank_launch {
    const char *command; /* what sentences begin with: "flashcomm run" */
    int ranks;
    int64_t timeout_ms; /* 0: the library's default */
    struct rank_meeting *meeting;
    void (*run)(const void *context, flc_comm *comm); /* ends with rank_done or rank_fail */
    const void *context;
};

/*
 * Start all ranks and wait for them. 0 when all are done; else -1, every sentence is on stderr
 * and no rank runs any more.
 */
int run_processes(const struct rank_launch *launch);
int run_threads(const struct rank_launch *launch);

/* How long the library waits for a silent rank: `timeout_ms`, or its own default where that is 0.
 */
int64_t rank_timeout_ms(int64_t timeout_ms);

/* Called by ranks. */
void rank_done(struct rank_meeting *meeting, int rank);
void rank_fail(struct rank_meeting *meeting, int rank, const char *text);

/* Print the sentence of a rank that failed to stderr. */
void rank_print_error(const struct rank_launch *launch, int rank, const char *text);

#endif
