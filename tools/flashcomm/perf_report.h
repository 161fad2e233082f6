// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What `flashcomm perf` prints: lines as those of nccl-tests, with ours behind (perf_table.c),
 * and the same as JSON with the keys of nccl-tests (perf_json.c).
 */
#ifndef PERF_REPORT_H
#define PERF_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cuda_tools.h"
#include "json_writer.h"
#include "perf_rank.h"

enum { BASELINE_RAW, BASELINE_MPI, BASELINE_NCCL, BASELINES };

/* One line: a format, or the collective of another library, at one point. */
struct perf_row {
    const struct collective_point *point;
    const char *format;     /* its text; "mpi", "nccl" */
    const char *not_there;  /* NULL; else why there is nothing to show but the names above */
    bool is_checked;        /* whether the fields of the result are set */
    double wire_bits;       /* NaN where nothing is encoded */
    double time_us[PLACES]; /* of one call */
    bool has_bound;         /* false: what follows is not set, since no bound is documented */
    size_t wrong[PLACES];   /* elements outside the documented bound */
    size_t unchecked;
    double sqnr_db; /* of both places; NaN for a baseline that does not say */
    double max_abs_error;
    bool has_equality; /* some ranks must hold the same bits */
    bool ranks_equal;
    const char *transport; /* NULL for a baseline */
    const char *algorithm;
    uint64_t sent_bytes;
    double baseline_us[BASELINES][PLACES]; /* NaN: none */
};

/* Sums over the rows of one format. */
struct perf_bandwidth {
    const char *format;
    double sum; /* GB/s, bus bandwidth */
    size_t count;
};

struct perf_totals {
    struct perf_bandwidth *formats; /* [format_count] */
    size_t format_count;
    size_t wrong;
    size_t different;       /* rows whose ranks differ */
    double least_bandwidth; /* of NCCL_TESTS_MIN_BW; negative: not asked for */
};

/* What the headers of both say, besides the options. */
struct perf_setting {
    const struct perf_options *options;
    const struct perf_cores *cores;
    int format_width;
    char host[64];
    char processor[96];
    int processors;
    double load;                        /* of the last minute; negative where unknown */
    const struct cuda_machine *machine; /* NULL: ranks run on the CPU */
};

/* Of the baselines in use the names, in the order of enum; NULL for the others. */
void perf_baseline_names(const struct perf_options *options, const char *names[BASELINES]);

/* What tells how NCCL was set to use NVLink SHARP, which makes it faster. */
const char *perf_nvls_setting(void);

/* Look at this machine; `machine`: where GPUs are used. */
void perf_setting_find(struct perf_setting *setting, const struct perf_options *options,
                       const struct perf_cores *cores, const struct cuda_machine *machine);

/* GB/s, as in nccl-tests. */
double perf_algorithm_bandwidth(const struct perf_row *row, int place);
double perf_bus_bandwidth(const struct perf_row *row, int place);

/* Over all formats; 0 without rows. */
double perf_mean_bandwidth(const struct perf_totals *totals);

/* Whether the mean is at most a tenth below NCCL_TESTS_MIN_BW, as nccl-tests have it. */
bool perf_bandwidth_suffices(const struct perf_totals *totals);

void perf_table_header(FILE *out, const struct perf_setting *setting);
void perf_table_row(FILE *out, const struct perf_setting *setting, const struct perf_row *row);
void perf_table_footer(FILE *out, const struct perf_setting *setting,
                       const struct perf_totals *totals);

void perf_json_header(struct json_writer *json, const struct perf_setting *setting);
void perf_json_row(struct json_writer *json, const struct perf_setting *setting,
                   const struct perf_row *row);

/* failed: whether the run ended early. */
void perf_json_footer(struct json_writer *json, const struct perf_totals *totals, bool failed);

#endif
