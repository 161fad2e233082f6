// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Memory that the ranks of `flashcomm perf` share: their results while they are checked, their
 * times, and a barrier.
 */
#ifndef PERF_AREA_H
#define PERF_AREA_H

#include "perf_rank.h"
#include "rank_launch.h"

/* What a rank found in its share of a check, and how it called. */
struct perf_share {
    struct flc_reduce_check check;
    bool equal; /* its result and that of the rank it must be equal to */
    char transport[32];
    char algorithm[32];
    uint64_t sent_bytes;
};

struct perf_head {
    struct rank_meeting meeting;
    _Atomic int arrived;     /* at the barrier */
    _Atomic unsigned passed; /* how often it opened */
    char nccl_id[128];       /* by which NCCL's ranks find each other */
    struct perf_share shares[FLC_MAX_RANKS];
};

struct perf_area {
    struct perf_head *head;
    struct perf_measure *measures; /* [measure_count][PLACES] */
    double *times_us;              /* [ranks][perf_spans] */
    char *results;                 /* [ranks][stride] bytes */
    size_t stride;
    size_t area_bytes;
    int64_t barrier_ms; /* how long a rank waits there */
};

int perf_area_create(const struct perf_job *job, struct perf_area *area, struct failure *failure);
void perf_area_destroy(struct perf_area *area);

/* Rank `rank`'s result: [recv_elems] elements. */
void *perf_area_result(const struct perf_area *area, int rank);

/* Wait until all ranks are here; -1, and a sentence, when one failed or does not come. */
int perf_area_meet(const struct perf_area *area, int ranks, int rank);

/* Put together what all ranks found of one format in one place: by one of them. */
void perf_area_fold(const struct perf_area *area, const struct perf_job *job,
                    struct perf_measure *measure);

#endif
