// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The options of `flashcomm run`: see run_options.h.
 */
#include "run_options.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "npy.h"

#define DEFAULT_ITERS 5
#define MAX_ITERS     1000000
#define MAX_TIMEOUT   (INT64_C(1000) * 3600 * 24) /* a day, in ms: what the library allows */

enum {
    OPTION_RANKS = 256,
    OPTION_FORMAT,
    OPTION_DTYPE,
    OPTION_OP,
    OPTION_ALGORITHM,
    OPTION_INVARIANT,
    OPTION_THREADS,
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
    {"algorithm", OPTION_ALGORITHM, "NAME", 0, "One that `flashcomm info' lists, or auto", 0},
    {"invariant", OPTION_INVARIANT, NULL, 0,
     "Results do not depend on where in the buffer an element lies", 0},
    {"threads", OPTION_THREADS, NULL, 0, "One thread a rank instead of one process", 0},
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

/* The library would refuse an unknown name too, but once on every rank. */
static const char *parse_algorithm(const struct argp_state *state, const char *text)
{
    char known[256] = "auto";
    size_t used = strlen(known);
    flc_item item;
    if (strcmp(text, "auto") == 0) {
        return text;
    }
    for (size_t i = 0; flc_describe(FLC_KIND_ALGORITHM, i, &item) == FLC_OK; i++) {
        if (strcmp(item.value, "all_reduce") != 0) {
            continue;
        }
        if (strcmp(item.name, text) == 0) {
            return text;
        }
        if (used < sizeof known) {
            used += (size_t)snprintf(known + used, sizeof known - used, ", %s", item.name);
        }
    }
    argp_error(state, "--algorithm %s: allowed are %s", text, known);
    return NULL;
}

static void parse_collective(const struct argp_state *state, const char *text,
                             struct run_options *o)
{
    if (strcmp(text, "all_reduce") != 0) {
        argp_error(state, "unknown collective '%s': allowed is all_reduce", text);
    }
    o->collective = text;
}

/* What can be said only when all options are known. */
static void check_all(const struct argp_state *state, struct run_options *o)
{
    struct failure failure;
    if (o->collective == NULL) {
        argp_error(state, "a collective is missing: all_reduce");
    }
    if (o->ranks == 0) {
        argp_error(state, "--ranks is missing");
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
    if (o->output != NULL && npy_save_check(o->output, &failure) != 0) {
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
        return 0;
    case OPTION_ALGORITHM:
        o->algorithm = parse_algorithm(state, arg);
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
        parse_collective(state, arg, o);
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
        .args_doc = "all_reduce FILE...",
        .doc = "Run a collective on tensors of .npy or .safetensors files, one process a rank, "
               "and print its error and time.\n\n"
               "One FILE whose first dimension equals the ranks gives rank i its slice i; "
               "otherwise give one FILE for each rank.",
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
