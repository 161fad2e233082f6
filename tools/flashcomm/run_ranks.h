// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The ranks of `flashcomm run`: each calls the collective once to warm up and `iters` times
 * against the clock, and leaves a report and its result in memory that the main program sees.
 * rank_launch.h has how they are started.
 */
#ifndef RUN_RANKS_H
#define RUN_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collective.h"
#include "flashcomm/flashcomm.h"
#include "rank_launch.h"
#include "tool_failure.h"

struct rank_job {
    struct collective_point point; /* what is called */
    const void *const *inputs; /* [ranks] of [send_elems] elements; NULL where a rank sends none */
    flc_coll_config config;
    int64_t timeout_ms;
    int iters;
    bool threads;  /* one a rank, in one process */
    bool use_cuda; /* on GPUs */
};

struct rank_area;

/* What one rank works on. */
struct rank_work {
    const struct rank_job *job;
    struct rank_area *area;
};

/* Of a rank that is done. */
struct rank_report {
    char transport[32];
    char algorithm[32];
    uint64_t sent_bytes;
    double median_us;
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

/* Rank `rank`'s result: [recv_elems] elements. */
void *rank_area_result(const struct rank_area *area, int rank);

/*
 * Run all ranks: each fills its report and its result. 0 when all are done; else -1, and every
 * sentence is on stderr.
 */
int run_ranks(const struct rank_job *job, struct rank_area *area);

#endif
