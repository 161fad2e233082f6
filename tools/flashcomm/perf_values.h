// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The values of options that only `flashcomm perf` has. The functions end the program with a
 * sentence on a bad one, as those of arguments.h do, but for that of a variable of the environment.
 */
#ifndef PERF_VALUES_H
#define PERF_VALUES_H

#include <argp.h>

#include "perf_options.h"
#include "tool_failure.h"

/* Bytes: a number, maybe with a fraction and K, M or G: 8K, 1.5G. */
size_t perf_value_size(const struct argp_state *state, const char *option, const char *text);

void perf_value_collective(const struct argp_state *state, const char *text,
                           struct perf_options *o);
void perf_value_ops(const struct argp_state *state, const char *text, struct perf_options *o);
void perf_value_types(const struct argp_state *state, const char *text, struct perf_options *o);
void perf_value_baselines(const struct argp_state *state, const char *text, struct perf_options *o);

/* NCCL_TESTS_MIN_BW: GB/s, negative where `text` is NULL. 0, or -1 with a sentence. */
int perf_value_bandwidth(const char *text, double *bandwidth, struct failure *failure);

/* Say why an option of nccl-tests is not one here, if `key` is its letter. */
void perf_value_refuse(const struct argp_state *state, int key);

#endif
