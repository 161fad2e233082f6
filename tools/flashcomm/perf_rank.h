// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The ranks of `flashcomm perf`: for one size they time each format, out of place and in place,
 * and check the results among themselves.
 *
 * Ranks start each iteration together, from a barrier of their own outside the timed span. The
 * data of the timed calls and of the checked ones differ.
 */
#ifndef PERF_RANK_H
#define PERF_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collective.h"
#include "perf_cores.h"
#include "perf_data.h"
#include "perf_options.h"
#include "reduce_check.h"
#include "tool_failure.h"

enum { OUT_OF_PLACE, IN_PLACE, PLACES };

struct perf_area;

/* One format, out of place or in place, measured. */
struct perf_measure {
    double time_us; /* of one call */
    struct flc_reduce_check check;
    bool ranks_equal;
    char transport[32];
    char algorithm[32];
    uint64_t sent_bytes; /* by the rank that sent most */
};

struct perf_job {
    const struct perf_options *options;
    const struct collective_point *point;
    const struct format_item *formats; /* [format_count] */
    size_t format_count;
    size_t measure_count; /* that of the formats and, with the baseline nccl, one more: NCCL's */
    const struct perf_data *data; /* of the point's type */
    const struct perf_cores *cores;
    bool show_progress; /* on stderr */
};

/* What ranks get, the same for all. */
struct perf_context {
    const struct perf_job *job;
    const struct perf_area *area;
};

/* Run all ranks; measures [measure_count][PLACES]. 0; or -1, and the sentences are on stderr. */
int perf_run_ranks(const struct perf_job *job, struct perf_measure *measures);

#endif
