// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The ranks of `flashcomm run`: each makes its communicator, calls the collective once to warm
 * up and `iters` times against the clock, and leaves a report and its result in memory that the
 * main program sees. run_ranks.c has what a rank does; run_processes.c and run_threads.c start
 * ranks, wait for all of them and print what went wrong.
 */
#ifndef RUN_RANKS_H
#define RUN_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flashcomm/flashcomm.h"
#include "tool_failure.h"

struct rank_job {
    int ranks;
    const void *const *inputs; /* [ranks] of [count] elements */
    size_t count;
    flc_type type;
    flc_op op;
    flc_coll_config config;
    int64_t timeout_ms;
    int iters;
};

struct rank_report {
    bool done;       /* all calls succeeded: the fields after `error` are set */
    char error[512]; /* "" where the rank ended without a word */
    char transport[32];
    char algorithm[32];
    uint64_t sent_bytes;
    double median_us;
};

/* Where child processes introduce themselves to each other: an allgather of one round. */
struct rank_meeting {
    _Atomic int arrived; /* ranks */
    _Atomic int has_arrived[FLC_MAX_RANKS];
    _Atomic int failed; /* the first rank that failed, plus 1; 0: none */
    unsigned char introductions[FLC_MAX_RANKS][256];
};

/* Shared with child processes. */
struct rank_area {
    struct rank_meeting *meeting;
    struct rank_report *reports; /* [ranks] */
    char *results;               /* [ranks][stride] bytes */
    size_t stride;
    size_t area_bytes;
};

int rank_area_create(const struct rank_job *job, struct rank_area *area, struct failure *failure);
void rank_area_destroy(struct rank_area *area);

/* Rank `rank`'s result: [count] elements. */
void *rank_area_result(const struct rank_area *area, int rank);

/* What one rank does with its communicator: fills its report and its result. */
void rank_run(const struct rank_job *job, flc_comm *comm, struct rank_area *area);

/* Write `text` to a rank's report, which says no more then. */
void rank_report_error(struct rank_report *report, const char *text);

/* Print the sentence of a rank that failed to stderr. */
void rank_print_error(int rank, const char *text);

/*
 * Start all ranks and wait for them. 0 when all are done; else -1, every sentence is on stderr
 * and no rank runs any more.
 */
int run_processes(const struct rank_job *job, struct rank_area *area);
int run_threads(const struct rank_job *job, struct rank_area *area);

#endif
