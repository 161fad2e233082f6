// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The options of `flashcomm perf`: see perf_options.h.
 */
#include "perf_options.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "perf_values.h"

#define MAX_ITERS          1000000
#define MAX_UNALIGN        1024
#define MAX_TIMEOUT        (3600 * 24) /* a day, in seconds: what the library allows */
#define MAX_BLOCKS         65535
#define DEFAULT_RANKS      2
#define DEFAULT_BYTES      ((size_t)32 << 20)
#define DEFAULT_STEP_BYTES ((size_t)1 << 20)

/* On GPUs: spans without a graph or with --graph, and calls of one above a size, unless -n says. */
#define CUDA_SPANS       20
#define CUDA_LARGE_BYTES ((size_t)4 << 20)
#define CUDA_LARGE_CALLS 5

enum {
    OPTION_RANKS = 256,
    OPTION_THREADS,
    OPTION_FORMAT,
    OPTION_BASELINE,
    OPTION_DEVICE,
    OPTION_GRAPH,
    OPTION_MAX_BLOCKS,
    OPTION_ALGORITHM,
    OPTION_INVARIANT,
    OPTION_JSON,
};

static const struct argp_option argp_options[] = {
    {NULL, 0, NULL, 0, "As in nccl-tests:", 1},
    {"minbytes", 'b', "SIZE", 0, "First size: bytes, or with K, M or G, such as 8K (default 32M)",
     1},
    {"maxbytes", 'e', "SIZE", 0, "Last size (default 32M, or the first size where larger)", 1},
    {"stepbytes", 'i', "SIZE", 0, "Add this to a size for the next (default 1M)", 1},
    {"stepfactor", 'f', "K", 0, "Multiply a size by this for the next", 1},
    {"iters", 'n', "N", 0, "Timed iterations (default 20)", 1},
    {"warmup_iters", 'w', "N", 0, "Iterations before, not timed (default 5)", 1},
    {"agg_iters", 'm', "N", 0, "Calls in one timed iteration (default 1)", 1},
    {"run_cycles", 'N', "N", 0, "Repeat all sizes so often; 0: until interrupted (default 1)", 1},
    {"check", 'c', "N", 0, "Calls whose results are checked; 0: none (default 1)", 1},
    {"op", 'o', "OP", 0, "sum (default), avg or all", 1},
    {"datatype", 'd', "TYPE", 0, "float (default), half, bfloat16 or all", 1},
    {"root", 'r', "RANK", 0, "Root of a broadcast (default 0), or all", 1},
    {"average", 'a', "0-3", 0,
     "Time of an iteration: 0 of rank 0, 1 the mean of the ranks, 2 the smallest, 3 the largest "
     "(default)",
     1},
    {"unalign", 'u', "N", 0, "Move the buffers by N elements off their alignment", 1},
    {"timeout", 'T', "SECONDS", 0,
     "How long a silent rank is waited for (default: FLC_TIMEOUT_MS), and how long mpirun may run "
     "for one size (default 600)",
     1},
    {"report_timestamps", 'S', "0/1", 0, "End each line with the time of day", 1},
    {"output_file", 'J', "FILE", 0, "Write JSON to FILE too", 1},
    {"nthreads", 't', "N", 0, "-t N, -g N: the ranks are the product of both", 1},
    {"ngpus", 'g', "N", 0, "See -t (default of both: 1)", 1},
    {"cudagraph", 'G', "N", 0,
     "With --device cuda: put the calls in a CUDA graph and time N launches of it (default 0: no "
     "graph)",
     1},
    {"blocking", 'z', "0-3", 0, "Accepted without effect: calls always block", 1},
    {"parallel_init", 'p', "N", OPTION_HIDDEN, NULL, 1},
    {"stream_null", 'y', "N", OPTION_HIDDEN, NULL, 1},
    {"report_cputime", 'C', "N", OPTION_HIDDEN, NULL, 1},
    {"local_register", 'R', "N", OPTION_HIDDEN, NULL, 1},
    {"cta_policy", 'x', "N", OPTION_HIDDEN, NULL, 1},
    {"device_implementation", 'D', "N", OPTION_HIDDEN, NULL, 1},
    {"device_cta_count", 'V', "N", OPTION_HIDDEN, NULL, 1},
    {"memory", 'M', "N", OPTION_HIDDEN, NULL, 1},
    {"per_iter_timing", 'I', "N", OPTION_HIDDEN, NULL, 1},
    {"per_iter_skip", 'K', "N", OPTION_HIDDEN, NULL, 1},
    {NULL, 'h', NULL, OPTION_HIDDEN, NULL, 1},
    {NULL, 0, NULL, 0, "Of flashcomm:", 2},
    {"ranks", OPTION_RANKS, "N", 0, "Number of ranks, 1 to 64 (default 2)", 2},
    {"threads", OPTION_THREADS, NULL, 0, "One thread a rank instead of one process", 2},
    {"format", OPTION_FORMAT, "F[,F...]", 0,
     "Formats, such as raw, int4 or, for reduce and gather, int4/int8 (default raw,int8,int4)", 2},
    {"baseline", OPTION_BASELINE, "B[,B]", 0,
     "Speed-up against raw (our own), mpi (Open MPI's collective, by mpirun) or, on GPUs, nccl", 2},
    {"device", OPTION_DEVICE, "DEVICE", 0,
     "cpu (default) or cuda: rank r uses GPU r, or r modulo the number of GPUs", 2},
    {"graph", OPTION_GRAPH, NULL, 0, "As -G 20", 2},
    {"max-blocks", OPTION_MAX_BLOCKS, "N", 0,
     "With --device cuda: thread blocks of a kernel, at most (default: as many as fit)", 2},
    {"algorithm", OPTION_ALGORITHM, "NAME", 0, "One that `flashcomm info' lists, or auto", 2},
    {"invariant", OPTION_INVARIANT, NULL, 0,
     "Results do not depend on where in the buffer an element lies", 2},
    {"json", OPTION_JSON, "FILE", OPTION_ARG_OPTIONAL,
     "Print JSON instead of lines, or write it to FILE too", 2},
    {0},
};

static void parse_root(const struct argp_state *state, const char *text, struct perf_options *o)
{
    o->has_root = true;
    o->root = strcmp(text, "all") == 0
                  ? -1
                  : (int)argument_number(state, "-r", text, 0, FLC_MAX_RANKS - 1);
}

/* Ranks, from the three options that can say how many. */
static void check_ranks(const struct argp_state *state, struct perf_options *o)
{
    if (o->per_process != 0 || o->per_thread != 0) {
        const int product =
            (o->per_process == 0 ? 1 : o->per_process) * (o->per_thread == 0 ? 1 : o->per_thread);
        if (o->ranks != 0 && o->ranks != product) {
            argp_error(state, "--ranks %d does not go with -t and -g, which make %d ranks",
                       o->ranks, product);
        }
        if (product > FLC_MAX_RANKS) {
            argp_error(state, "-t and -g make %d ranks: allowed are 1 to %d", product,
                       FLC_MAX_RANKS);
        }
        o->ranks = product;
    }
    o->ranks = o->ranks == 0 ? DEFAULT_RANKS : o->ranks;
    if (o->root >= o->ranks) {
        argp_error(state, "-r %d: with %d ranks, allowed are 0 to %d and all", o->root, o->ranks,
                   o->ranks - 1);
    }
}

/* A rank has a buffer to send and one to receive, and shows its result in a third. */
static void check_sizes(const struct argp_state *state, struct perf_options *o)
{
    const bool has_first = o->min_bytes != 0, has_last = o->max_bytes != 0;
    if (!has_first) {
        o->min_bytes = DEFAULT_BYTES;
    }
    if (!has_last) {
        o->max_bytes = o->min_bytes > DEFAULT_BYTES ? o->min_bytes : DEFAULT_BYTES;
    }
    if (o->min_bytes > o->max_bytes) {
        argp_error(state, "-b %zu%s is above -e %zu: the first size must not be above the last",
                   o->min_bytes, has_first ? "" : " (the default)", o->max_bytes);
    }
    if (o->step_bytes != 0 && o->step_factor > 1) {
        argp_error(state, "-i and -f do not go together: sizes grow by one of them");
    }
    if (o->step_bytes == 0) {
        o->step_bytes = DEFAULT_STEP_BYTES;
    }
    const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    const double needed = 3.0 * (double)o->max_bytes * o->ranks;
    if (needed > memory) {
        argp_error(
            state,
            "-e %zu%s with %d ranks needs %.1f GiB (3 buffers a rank), this machine has %.1f",
            o->max_bytes, has_last ? "" : " (the default)", o->ranks, needed * 0x1p-30,
            memory * 0x1p-30);
    }
}

/* What goes with GPUs only, or does not. */
static void check_device(const struct argp_state *state, const struct perf_options *o)
{
    if (o->use_cuda) {
        argument_cuda_collective(state, o->collective);
        if (o->baseline_mpi) {
            argp_error(state, "--baseline mpi does not go with --device cuda: allowed are raw and "
                              "nccl");
        }
        if (o->agg_iters != 1) {
            argp_error(state,
                       "-m %d does not go with --device cuda: -n says how many calls a "
                       "timed span has",
                       o->agg_iters);
        }
        return;
    }
    if (o->has_launches) {
        perf_value_refuse(state, 'G');
    }
    if (o->baseline_nccl) {
        argp_error(state, "--baseline nccl needs --device cuda");
    }
    if (o->max_blocks != 0) {
        argp_error(state, "--max-blocks %d needs --device cuda", o->max_blocks);
    }
}

/* What can be said only when all options are known. */
static void check_all(const struct argp_state *state, struct perf_options *o)
{
    if (o->collective == NULL) {
        char names[128];
        argument_collective_names(names, sizeof names);
        argp_error(state, "a collective is missing: one of %s", names);
    }
    check_device(state, o);
    check_ranks(state, o);
    check_sizes(state, o);
    if (o->has_op && !o->collective->reduces) {
        argp_error(state, "-o does not go with %s, which does not reduce", o->collective->name);
    }
    if (o->has_root && !o->collective->has_root) {
        argp_error(state, "-r does not go with %s, which has no root", o->collective->name);
    }
    if (o->algorithm != NULL) {
        argument_algorithm(state, o->algorithm, o->collective);
    }
    if (o->formats.count == 0) {
        argument_formats(state, "raw,int8,int4", PAIRS_ALLOWED, &o->formats);
    }
    if (o->json && o->json_path != NULL) {
        argp_error(state,
                   "--json does not go with a file for JSON (%s): the document goes to one place",
                   o->json_path);
    }
    if (o->cycles == 0 && (o->json || o->json_path != NULL)) {
        argp_error(state, "-N 0 never ends: it does not go with JSON, which would never be whole");
    }
}

static error_t parse_ours(int key, char *arg, struct argp_state *state, struct perf_options *o)
{
    switch (key) {
    case OPTION_RANKS:
        o->ranks = (int)argument_number(state, "--ranks", arg, 1, FLC_MAX_RANKS);
        return 0;
    case OPTION_THREADS:
        o->threads = true;
        return 0;
    case OPTION_FORMAT:
        argument_formats(state, arg, PAIRS_ALLOWED, &o->formats);
        return 0;
    case OPTION_BASELINE:
        perf_value_baselines(state, arg, o);
        return 0;
    case OPTION_DEVICE:
        o->use_cuda = argument_device(state, arg);
        return 0;
    case OPTION_GRAPH:
        o->has_launches = true;
        o->graph_launches = CUDA_SPANS;
        return 0;
    case OPTION_MAX_BLOCKS:
        o->max_blocks = (int)argument_number(state, "--max-blocks", arg, 1, MAX_BLOCKS);
        return 0;
    case OPTION_ALGORITHM:
        o->algorithm = arg; /* judged when the collective is known */
        return 0;
    case OPTION_INVARIANT:
        o->flags |= FLC_INVARIANT;
        return 0;
    case OPTION_JSON:
        o->json = o->json || arg == NULL;
        o->json_path = arg == NULL ? o->json_path : arg;
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    case ARGP_KEY_ARG:
        perf_value_collective(state, arg, o);
        return 0;
    case ARGP_KEY_END:
        check_all(state, o);
        return 0;
    default:
        if (arg != NULL) {
            perf_value_refuse(state, key);
        }
        return ARGP_ERR_UNKNOWN;
    }
}

/* Those of nccl-tests that are not plain numbers. */
static error_t parse_texts(int key, char *arg, struct argp_state *state, struct perf_options *o)
{
    switch (key) {
    case 'b':
        o->min_bytes = perf_value_size(state, "-b", arg);
        return 0;
    case 'e':
        o->max_bytes = perf_value_size(state, "-e", arg);
        return 0;
    case 'i':
        o->step_bytes = perf_value_size(state, "-i", arg);
        return 0;
    case 'o':
        perf_value_ops(state, arg, o);
        return 0;
    case 'd':
        perf_value_types(state, arg, o);
        return 0;
    case 'r':
        parse_root(state, arg, o);
        return 0;
    case 'J':
        o->json_path = arg;
        return 0;
    case 'T':
        o->timeout_ms = 1000 * argument_number(state, "-T", arg, 1, MAX_TIMEOUT);
        return 0;
    default:
        return parse_ours(key, arg, state, o);
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct perf_options *const o = state->input;
    const struct {
        int key;
        const char *name;
        int *value;
        int min, max;
    } numbers[] = {
        {'f', "-f", &o->step_factor, 1, 1 << 30},
        {'n', "-n", &o->iters, 1, MAX_ITERS},
        {'w', "-w", &o->warmup_iters, 0, MAX_ITERS},
        {'m', "-m", &o->agg_iters, 1, MAX_ITERS},
        {'N', "-N", &o->cycles, 0, MAX_ITERS},
        {'c', "-c", &o->checks, 0, MAX_ITERS},
        {'u', "-u", &o->unalign, 0, MAX_UNALIGN},
        {'t', "-t", &o->per_process, 1, FLC_MAX_RANKS},
        {'g', "-g", &o->per_thread, 1, FLC_MAX_RANKS},
        {'G', "-G", &o->graph_launches, 0, MAX_ITERS},
    };
    o->has_iters = o->has_iters || key == 'n';
    o->has_launches = o->has_launches || key == 'G';
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].key == key) {
            *numbers[i].value =
                (int)argument_number(state, numbers[i].name, arg, numbers[i].min, numbers[i].max);
            return 0;
        }
    }
    switch (key) {
    case 'a':
        o->average = (enum perf_average)argument_number(state, "-a", arg, 0, 3);
        return 0;
    case 'S':
        o->timestamps = argument_number(state, "-S", arg, 0, 1) == 1;
        return 0;
    case 'z':
        o->has_blocking = argument_number(state, "-z", arg, 0, 3) != 0;
        return 0;
    default:
        return parse_texts(key, arg, state, o);
    }
}

void perf_options_parse(int argc, char **argv, struct perf_options *options)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse_option,
        .args_doc = "COLLECTIVE",
        .doc = "Time a collective over a range of sizes, as nccl-tests do, for each of a list of "
               "formats, and check its results against their documented error bounds.\n\n"
               "COLLECTIVE is all_reduce, reduce_scatter, all_gather, all_to_all or broadcast.\v"
               "Where NCCL_TESTS_MIN_BW is set, an average bus bandwidth below 0.9 of so many GB/s "
               "is a failure.",
    };
    *options = (struct perf_options){.step_factor = 1,
                                     .iters = 20,
                                     .warmup_iters = 5,
                                     .agg_iters = 1,
                                     .cycles = 1,
                                     .checks = 1,
                                     .average = AVERAGE_MAX,
                                     .ops = {FLC_SUM},
                                     .op_count = 1,
                                     .types = {FLC_FLOAT32},
                                     .type_count = 1,
                                     .argc = argc,
                                     .argv = argv};
    if (argp_parse(&argp, argc, argv, 0, NULL, options) != 0) {
        exit(EXIT_USAGE);
    }
}

void perf_options_free(struct perf_options *options)
{
    format_list_free(&options->formats);
}

size_t perf_next_size(const struct perf_options *o, size_t bytes)
{
    size_t next;
    const bool is_beyond = o->step_factor > 1
                               ? __builtin_mul_overflow(bytes, (size_t)o->step_factor, &next)
                               : __builtin_add_overflow(bytes, o->step_bytes, &next);
    return is_beyond || next > o->max_bytes ? 0 : next;
}

int perf_calls(const struct perf_options *o, size_t bytes)
{
    if (!o->use_cuda) {
        return o->agg_iters;
    }
    return o->has_iters || bytes <= CUDA_LARGE_BYTES ? o->iters : CUDA_LARGE_CALLS;
}

int perf_spans(const struct perf_options *o)
{
    return !o->use_cuda ? o->iters : o->graph_launches > 0 ? o->graph_launches : CUDA_SPANS;
}
