// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The options of `flashcomm run`: see run_options.h.
 */
#include "run_options.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output_file.h"

#define DEFAULT_ITERS 5
#define MAX_ITERS     1000000
#define MAX_TIMEOUT   (INT64_C(1000) * 3600 * 24) /* a day, in ms: what the library allows */

enum {
    OPTION_RANKS = 256,
    OPTION_FORMAT,
    OPTION_DTYPE,
    OPTION_OP,
    OPTION_ROOT,
    OPTION_ALGORITHM,
    OPTION_INVARIANT,
    OPTION_THREADS,
    OPTION_DEVICE,
    OPTION_TENSOR,
    OPTION_ITERS,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_OUTPUT = 'o',
};

static const struct argp_option argp_options[] = {
    {"ranks", OPTION_RANKS, "N", 0, "Number of ranks, 1 to 64", 0},
    {"format", OPTION_FORMAT, "F[,F...]", 0,
     "Formats, such as int4, int5:g64 or, for reduce and gather, int4/int8 (default int4)", 0},
    {"dtype", OPTION_DTYPE, "TYPE", 0, "Convert inputs to fp32, fp16 or bf16 first", 0},
    {"op", OPTION_OP, "OP", 0, "sum (default) or avg", 0},
    {"root", OPTION_ROOT, "R", 0, "Rank that broadcasts (default 0)", 0},
    {"algorithm", OPTION_ALGORITHM, "NAME", 0,
     "One that `flashcomm info' lists for the collective, or auto", 0},
    {"invariant", OPTION_INVARIANT, NULL, 0,
     "Results do not depend on where in the buffer an element lies", 0},
    {"threads", OPTION_THREADS, NULL, 0, "One thread a rank instead of one process", 0},
    {"device", OPTION_DEVICE, "DEVICE", 0,
     "cpu (default) or cuda: rank r uses GPU r, or r modulo the number of GPUs", 0},
    {"tensor", OPTION_TENSOR, "NAME", 0, "Tensor of .safetensors files", 0},
    {"iters", OPTION_ITERS, "K", 0, "Timed calls, after one that is not (default 5)", 0},
    {"timeout-ms", OPTION_TIMEOUT, "T", 0, "How long a silent rank is waited for", 0},
    {"json", OPTION_JSON, NULL, 0, "Print one JSON object", 0},
    {"output", OPTION_OUTPUT, "FILE", 0, "Write the result as .npy (one format only)", 0},
    {0},
};

static flc_op parse_op(const struct argp_state *state, const char *text)
{
    if (strcmp(text, "sum") == 0) {
        return FLC_SUM;
    }
    if (strcmp(text, "avg") != 0) {
        argp_error(state, "--op %s: allowed are sum and avg", text);
    }
    return FLC_AVG;
}

static void check_collective(const struct argp_state *state, const struct run_options *o)
{
    char names[128];
    if (o->collective == NULL) {
        argument_collective_names(names, sizeof names);
        argp_error(state, "a collective is missing: one of %s", names);
    }
    if (o->has_op && !o->collective->reduces) {
        argp_error(state, "--op does not go with %s, which does not reduce", o->collective->name);
    }
    if (o->has_root && !o->collective->has_root) {
        argp_error(state, "--root does not go with %s, which has none", o->collective->name);
    }
    if (o->use_cuda) {
        argument_cuda_collective(state, o->collective);
    }
    if (o->algorithm != NULL) {
        argument_algorithm(state, o->algorithm, o->collective);
    }
}

/* What can be said only when all options are known. */
static void check_all(const struct argp_state *state, struct run_options *o)
{
    struct failure failure;
    check_collective(state, o);
    if (o->ranks == 0) {
        argp_error(state, "--ranks is missing");
    }
    if (o->root >= o->ranks) {
        argp_error(state, "--root %d: allowed are 0 to %d", o->root, o->ranks - 1);
    }
    if (o->file_count == 0) {
        argp_error(state, "a file is missing: give one, or one for each rank");
    }
    if (o->formats.count == 0) {
        argument_formats(state, "int4", PAIRS_ALLOWED, &o->formats);
    }
    if (o->output != NULL && o->formats.count > 1) {
        argp_error(state, "-o writes one result: it does not go with a list of %zu formats",
                   o->formats.count);
    }
    if (o->output != NULL && output_file_check(o->output, &failure) != 0) {
        argp_error(state, "-o %s", failure.text);
    }
}

static error_t parse_value(int key, char *arg, struct argp_state *state, struct run_options *o)
{
    switch (key) {
    case OPTION_RANKS:
        o->ranks = (int)argument_number(state, "--ranks", arg, 1, FLC_MAX_RANKS);
        return 0;
    case OPTION_FORMAT:
        argument_formats(state, arg, PAIRS_ALLOWED, &o->formats);
        return 0;
    case OPTION_DTYPE:
        o->type = argument_type(state, arg);
        o->has_type = true;
        return 0;
    case OPTION_OP:
        o->op = parse_op(state, arg);
        o->has_op = true;
        return 0;
    case OPTION_ROOT:
        o->root = (int)argument_number(state, "--root", arg, 0, FLC_MAX_RANKS - 1);
        o->has_root = true;
        return 0;
    case OPTION_ALGORITHM:
        o->algorithm = arg;
        return 0;
    case OPTION_DEVICE:
        o->use_cuda = argument_device(state, arg);
        return 0;
    case OPTION_TENSOR:
        o->tensor = arg;
        return 0;
    case OPTION_ITERS:
        o->iters = (int)argument_number(state, "--iters", arg, 1, MAX_ITERS);
        return 0;
    case OPTION_TIMEOUT:
        o->timeout_ms = argument_number(state, "--timeout-ms", arg, 1, MAX_TIMEOUT);
        return 0;
    case OPTION_OUTPUT:
        o->output = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct run_options *const o = state->input;
    switch (key) {
    case OPTION_INVARIANT:
        o->flags |= FLC_INVARIANT;
        return 0;
    case OPTION_THREADS:
        o->threads = true;
        return 0;
    case OPTION_JSON:
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->collective != NULL) {
            return ARGP_ERR_UNKNOWN; /* a file: ARGP_KEY_ARGS follows */
        }
        o->collective = argument_collective(state, arg);
        return 0;
    case ARGP_KEY_ARGS:
        o->files = state->argv + state->next;
        o->file_count = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        check_all(state, o);
        return 0;
    default:
        return parse_value(key, arg, state, o);
    }
}

void run_options_parse(int argc, char **argv, struct run_options *options)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse_option,
        .args_doc = "COLLECTIVE FILE...",
        .doc = "Run a collective on tensors of .npy or .safetensors files, one process a rank, "
               "and print its error and time.\n\n"
               "COLLECTIVE is all_reduce, reduce_scatter, all_gather, all_to_all or broadcast.\n\n"
               "One FILE whose first dimension equals the ranks gives rank i its slice i; "
               "otherwise give one FILE for each rank. broadcast takes one FILE: the root's.",
    };
    *options = (struct run_options){.op = FLC_SUM, .iters = DEFAULT_ITERS};
    if (argp_parse(&argp, argc, argv, 0, NULL, options) != 0) {
        exit(EXIT_USAGE);
    }
}

void run_options_free(struct run_options *options)
{
    format_list_free(&options->formats);
}
