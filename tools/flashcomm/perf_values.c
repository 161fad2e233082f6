// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Values of options: see perf_values.h.
 */
#include "perf_values.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* More than a petabyte is a mistake, and less keeps every product of sizes in range. */
#define MAX_BYTES 0x1p50

static const char *const op_names[] = {[FLC_SUM] = "sum", [FLC_AVG] = "avg"};

struct type_name {
    flc_type type;
    const char *theirs;
};

/* In the order of nccl-tests. */
static const struct type_name type_names[PERF_MAX_TYPES] = {
    {FLC_FLOAT16, "half"}, {FLC_FLOAT32, "float"}, {FLC_BFLOAT16, "bfloat16"}};

const char *perf_type_name(flc_type type)
{
    for (size_t i = 0; i < PERF_MAX_TYPES; i++) {
        if (type_names[i].type == type) {
            return type_names[i].theirs;
        }
    }
    return "";
}

const char *perf_op_name(const struct collective *collective, flc_op op)
{
    return collective->reduces ? op_names[op] : "none";
}

size_t perf_value_size(const struct argp_state *state, const char *option, const char *text)
{
    static const char units[] = "kKmMgG";
    char *end;
    double bytes = strtod(text, &end);
    const char *const unit = *end == '\0' ? NULL : strchr(units, *end);
    const bool has_digits = end != text && strspn(text, "0123456789.") == (size_t)(end - text);
    if (unit != NULL) {
        bytes *= (double)(1ul << (10 * ((unit - units) / 2 + 1)));
        end++;
    }
    if (!has_digits || *end != '\0' || !(bytes >= 1.0 && bytes <= MAX_BYTES)) {
        argp_error(state, "%s %s: allowed are bytes, 1 or more, such as 8192, 8K, 1.5M or 1G",
                   option, text);
    }
    return (size_t)bytes;
}

void perf_value_collective(const struct argp_state *state, const char *text, struct perf_options *o)
{
    if (o->collective != NULL) {
        argp_error(state, "'%s' after the collective %s: give one collective%s", text,
                   o->collective->name,
                   o->json ? ", and a file for JSON as --json=FILE or -J FILE" : "");
    }
    o->collective = argument_collective(state, text);
}

void perf_value_ops(const struct argp_state *state, const char *text, struct perf_options *o)
{
    o->has_op = true;
    o->op_count = 0;
    for (int op = 0; op < PERF_MAX_OPS; op++) {
        if (strcmp(text, op_names[op]) == 0 || strcmp(text, "all") == 0) {
            o->ops[o->op_count++] = (flc_op)op;
        }
    }
    if (o->op_count == 0) {
        argp_error(state, "-o %s: allowed are sum, avg and all, since flashcomm has no other",
                   text);
    }
}

void perf_value_types(const struct argp_state *state, const char *text, struct perf_options *o)
{
    o->type_count = 0;
    for (size_t i = 0; i < PERF_MAX_TYPES; i++) {
        const flc_type type = type_names[i].type;
        if (strcmp(text, type_names[i].theirs) == 0 || strcmp(text, flc_type_name(type)) == 0 ||
            strcmp(text, "all") == 0) {
            o->types[o->type_count++] = type;
        }
    }
    if (o->type_count == 0) {
        argp_error(state,
                   "-d %s: allowed are float (fp32), half (fp16), bfloat16 (bf16) and all, since "
                   "flashcomm has no other",
                   text);
    }
}

void perf_value_baselines(const struct argp_state *state, const char *text, struct perf_options *o)
{
    for (bool is_last = false; !is_last;) {
        const size_t length = strcspn(text, ",");
        if (length == 3 && strncmp(text, "raw", length) == 0) {
            o->baseline_raw = true;
        } else if (length == 3 && strncmp(text, "mpi", length) == 0) {
            o->baseline_mpi = true;
        } else if (length == 4 && strncmp(text, "nccl", length) == 0) {
            o->baseline_nccl = true;
        } else {
            argp_error(state, "--baseline '%.*s': allowed are raw, mpi, nccl and lists of them",
                       (int)length, text);
        }
        is_last = text[length] == '\0';
        text += length + 1;
    }
}

int perf_value_bandwidth(const char *text, double *bandwidth, struct failure *failure)
{
    char *end;
    *bandwidth = -1.0;
    if (text == NULL) {
        return 0;
    }
    const double number = strtod(text, &end);
    if (end == text || *end != '\0' || !(number >= 0.0 && number <= DBL_MAX)) {
        return failure_set(failure, "NCCL_TESTS_MIN_BW is '%s': allowed are GB/s, 0 or more", text);
    }
    *bandwidth = number;
    return 0;
}

void perf_value_refuse(const struct argp_state *state, int key)
{
    static const struct {
        int key;
        const char *why;
    } refused[] = {
        {'p', "ranks are always made in parallel"},
        {'y', "calls run on the CPU, without a CUDA stream"},
        {'G', "calls run on the CPU, without a CUDA graph"},
        {'C', "calls block, so their CPU time is the time that is printed"},
        {'R', "the library has its own memory for transfers, so there are no buffers to register"},
        {'x', "there are no CTAs on a CPU"},
        {'D', "there is no device implementation on a CPU; --algorithm chooses among ours"},
        {'V', "there are no CTAs on a CPU"},
        {'M', "there is no GPU memory to report"},
        {'I', "times of single iterations are not printed, only their median"},
        {'K', "-w says how many calls are not timed, and times of single ones are not printed"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (refused[i].key == key) {
            argp_error(state, "-%c of nccl-tests does not apply: %s", key, refused[i].why);
        }
    }
}
