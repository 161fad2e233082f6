// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The options of `flashcomm perf`: those of nccl-tests with their letters and meanings, and ours.
 */
#ifndef PERF_OPTIONS_H
#define PERF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arguments.h"
#include "collective.h"
#include "flashcomm/flashcomm.h"

#define PERF_MAX_OPS   2
#define PERF_MAX_TYPES 3

/* Of the times of the ranks, those of -a. */
enum perf_average { AVERAGE_RANK0, AVERAGE_MEAN, AVERAGE_MIN, AVERAGE_MAX };

struct perf_options {
    const struct collective *collective;
    int per_process; /* -t and -g, which are multiplied; 0 where not given */
    int per_thread;
    int ranks;
    bool threads;
    size_t min_bytes;
    size_t max_bytes;
    size_t step_bytes;
    int step_factor; /* above 1: multiply instead of adding */
    int iters;
    int warmup_iters;
    int agg_iters; /* calls in a timed span */
    int cycles;    /* 0: until interrupted */
    int checks;
    enum perf_average average;
    int unalign; /* elements by which buffers are moved */
    bool timestamps;
    bool has_blocking;  /* -z, which changes nothing */
    int64_t timeout_ms; /* 0: the library's default */
    flc_op ops[PERF_MAX_OPS];
    size_t op_count;
    flc_type types[PERF_MAX_TYPES];
    size_t type_count;
    int root; /* -1: all, one after the other */
    bool has_op;
    bool has_root;
    struct format_list formats;
    const char *algorithm; /* NULL: the library chooses */
    uint32_t flags;
    bool baseline_raw;
    bool baseline_mpi;
    bool baseline_nccl;
    bool use_cuda;         /* ranks on GPUs instead of the CPU */
    bool has_iters;        /* -n was given */
    bool has_launches;     /* -G was given */
    int graph_launches;    /* 0: no graph */
    int max_blocks;        /* of a kernel; 0: as many as fit */
    bool json;             /* the document instead of the table */
    const char *json_path; /* NULL: standard output, where `json`; else none */
    int argc;
    char **argv;
};

/* Read the command line; a bad one ends the program with EXIT_USAGE. */
void perf_options_parse(int argc, char **argv, struct perf_options *options);
void perf_options_free(struct perf_options *options);

/* The size after `bytes`, 0 after the last. */
size_t perf_next_size(const struct perf_options *options, size_t bytes);

/* Calls of one timed span, and spans that are timed. */
int perf_calls(const struct perf_options *options, size_t bytes);
int perf_spans(const struct perf_options *options);

/* nccl-tests' names: "float", "sum" or, for `collective`s that do not reduce, "none". */
const char *perf_type_name(flc_type type);
const char *perf_op_name(const struct collective *collective, flc_op op);

#endif
