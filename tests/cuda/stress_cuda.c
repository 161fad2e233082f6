// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Random calls of flc_all_reduce_cuda against a model, byte for byte:
 *
 *   stress_cuda [--ranks N] [--cases N] [--seed S] [--first I] [--seconds T] [--large ELEMS]
 *               [--staging BYTES] [--max-blocks N]
 *
 * Calls I, I + 1, ... of seed S, until N are done or T seconds have passed, 32 at a time in flight:
 * what a batch of 32 does depends on its number, S and the ranks alone, and a failure prints the
 * line that runs it again. Sizes are log-uniform up to 1 Mi elements; one in 200 goes up to ELEMS
 * (default 64 Mi). A graph's replays count as one call. Without a GPU: exit status 77.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "all_formats.h"
#include "cuda_batch.h"
#include "cuda_oracle.h"
#include "stress_large.h"

#define BATCH_CALLS   32
#define IMAGE_BYTES   ((size_t)64 << 20)
#define TIMEOUT_MS    20000
#define SMALL_LOG     20 /* of the largest call that the host judges in full */
#define LARGE_ONE_IN  200
#define HOSTILE_ELEMS 20000 /* larger calls get data that is quick to make */

struct options {
    int ranks;
    uint64_t cases, seed, first, seconds;
    size_t large;
    flc_cuda_config config;
};

struct batch_plan {
    struct cuda_call call[BATCH_CALLS];
    int is_large[BATCH_CALLS];
    int is_graph, is_shared, rounds;
};

static const char usage[] =
    "usage: stress_cuda [--ranks N] [--cases N] [--seed S] [--first I] [--seconds T]\n"
    "                   [--large ELEMS] [--staging BYTES] [--max-blocks N]\n";

static int one_in(uint64_t *state, size_t n)
{
    return test_random_below(state, n) == 0;
}

static flc_format draw_format(uint64_t *state)
{
    flc_format format = {0};
    size_t presets = 0;
    switch (test_random_below(state, 10)) {
    case 0:
        return format; /* raw */
    case 1:
    case 2:
        while (flc_preset_at(presets, NULL, NULL, NULL) == FLC_OK) {
            presets++;
        }
        (void)flc_preset_at(test_random_below(state, presets), NULL, &format, NULL);
        return format;
    case 3:
    case 4:
    case 5: /* plain, group 128 */
        format.bits = (uint8_t)(1 + test_random_below(state, 8));
        format.group = 128;
        return format;
    default:
        return all_formats_at((int)test_random_below(state, ALL_FORMATS));
    }
}

/* Log-uniform from 1, sometimes around a multiple of a block. */
static size_t draw_count(uint64_t *state, size_t log_max)
{
    const size_t magnitude = (size_t)1 << test_random_below(state, log_max);
    const size_t count = magnitude + test_random_below(state, magnitude);
    return one_in(state, 4) ? count / FLC_BLOCK_ELEMS * FLC_BLOCK_ELEMS + FLC_BLOCK_ELEMS - 1 +
                                  test_random_below(state, 3)
                            : count;
}

static void draw_call(const struct options *options, uint64_t *state, struct cuda_call *call,
                      int *is_large)
{
    memset(call, 0, sizeof *call);
    call->type = (flc_type)test_random_below(state, ALL_TYPES);
    call->op = one_in(state, 2) ? FLC_SUM : FLC_AVG;
    call->reduce = draw_format(state);
    call->gather = one_in(state, 3) ? draw_format(state) : call->reduce;
    call->flags = one_in(state, 4) ? FLC_INVARIANT : 0;
    call->is_in_place = one_in(state, 3);
    call->send_offset = one_in(state, 2) ? test_random_below(state, 9) : 0;
    call->recv_offset = one_in(state, 2) ? test_random_below(state, 9) : 0;
    call->late_rank =
        one_in(state, 10) ? (int)test_random_below(state, (size_t)options->ranks) : -1;
    *is_large = options->large != 0 && one_in(state, LARGE_ONE_IN);
    call->count = draw_count(state, SMALL_LOG);
    call->data = CUDA_DATA_FAST;
    if (*is_large) {
        size_t log_max = SMALL_LOG;
        while ((size_t)2 << log_max <= options->large) {
            log_max++;
        }
        call->count = ((size_t)1 << SMALL_LOG) + draw_count(state, log_max);
        call->count = call->count < options->large ? call->count : options->large;
    } else if (call->count <= HOSTILE_ELEMS && one_in(state, 3)) {
        call->data = (int)test_random_below(state, CUDA_DATA_KINDS);
    }
    call->seed = test_random(state);
}

static void draw_batch(const struct options *options, uint64_t number, struct batch_plan *plan)
{
    uint64_t mixed = number * 16 + (uint64_t)options->ranks;
    uint64_t state = options->seed ^ test_random(&mixed);
    plan->is_graph = one_in(&state, 3);
    plan->is_shared = one_in(&state, 2);
    plan->rounds = plan->is_graph ? 2 : 1;
    for (int i = 0; i < BATCH_CALLS; i++) {
        draw_call(options, &state, &plan->call[i], &plan->is_large[i]);
    }
}

/* The calls from `*next` on that fit together. */
static void fill_batch(const struct cuda_team *team, const struct batch_plan *plan, int *next,
                       struct cuda_batch *batch)
{
    memset(batch, 0, sizeof *batch);
    batch->note = "stress";
    batch->is_graph = plan->is_graph;
    batch->is_shared = plan->is_shared;
    batch->rounds = plan->rounds;
    batch->oracle = cuda_oracle_call;
    while (*next < BATCH_CALLS && !plan->is_large[*next] &&
           cuda_batch_add(batch, team, plan->call[*next])) {
        (*next)++;
    }
}

/* Calls that failed; -1 where the communicators reported an error. */
static int run_plan(struct cuda_team *team, struct stress_large *large,
                    const struct batch_plan *plan)
{
    static struct cuda_batch batch;
    int failed = 0, next = 0;
    while (next < BATCH_CALLS) {
        int result;
        if (plan->is_large[next]) {
            (void)snprintf(cuda_watched, sizeof cuda_watched, "stress");
            result = stress_large_run(large, &plan->call[next++]);
        } else {
            fill_batch(team, plan, &next, &batch);
            result = cuda_batch_run(team, &batch);
        }
        if (result < 0) {
            return result;
        }
        failed += result;
    }
    return failed;
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"ranks", required_argument, NULL, 'r'},
                                          {"cases", required_argument, NULL, 'c'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"first", required_argument, NULL, 'f'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"large", required_argument, NULL, 'l'},
                                          {"staging", required_argument, NULL, 'g'},
                                          {"max-blocks", required_argument, NULL, 'b'},
                                          {NULL, 0, NULL, 0}};
    int letter;
    *options = (struct options){.ranks = 2,
                                .cases = 20000,
                                .seed = 1,
                                .seconds = 3600,
                                .large = (size_t)64 << 20,
                                .config = FLC_CUDA_CONFIG_INIT};
    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        const unsigned long long value = letter == '?' ? 0 : strtoull(optarg, NULL, 0);
        switch (letter) {
        case 'r':
            options->ranks = (int)value;
            break;
        case 'c':
            options->cases = value;
            break;
        case 's':
            options->seed = value;
            break;
        case 'f':
            options->first = value;
            break;
        case 't':
            options->seconds = value;
            break;
        case 'l':
            options->large = value;
            break;
        case 'g':
            options->config.staging_bytes = value;
            break;
        case 'b':
            options->config.max_blocks = (int)value;
            break;
        default:
            return -1;
        }
    }
    return optind == argc && options->ranks >= 2 && options->ranks <= FLC_CUDA_MAX_RANKS ? 0 : -1;
}

/* How many batches failed; `done` counts calls. Ends at the first error of the communicators. */
static int run_all(const struct options *options, struct cuda_team *team,
                   struct stress_large *large, uint64_t *done)
{
    static struct batch_plan plan;
    const time_t start = time(NULL);
    const uint64_t first = options->first / BATCH_CALLS;
    int bad = 0;
    for (uint64_t number = first;
         *done < options->cases && (uint64_t)(time(NULL) - start) < options->seconds; number++) {
        draw_batch(options, number, &plan);
        const int failed = run_plan(team, large, &plan);
        *done += BATCH_CALLS;
        if (failed != 0) {
            bad++;
            fprintf(stderr,
                    "again: stress_cuda --ranks %d --seed %" PRIu64 " --first %" PRIu64
                    " --cases %d --large %zu --staging %zu --max-blocks %d\n",
                    options->ranks, options->seed, number * BATCH_CALLS, BATCH_CALLS,
                    options->large, options->config.staging_bytes, options->config.max_blocks);
        }
        if (failed < 0 || bad == 10) {
            break;
        }
    }
    return bad;
}

int main(int argc, char **argv)
{
    static struct cuda_team team;
    static struct stress_large large;
    struct options options;
    uint64_t done = 0;
    const time_t start = time(NULL);
    if (parse_options(argc, argv, &options) != 0) {
        fputs(usage, stderr);
        return 2;
    }
    (void)cuda_gpu_count();
    cuda_watchdog_start((unsigned)options.seconds + 120);
    cuda_team_open(&team, options.ranks, IMAGE_BYTES);
    stress_large_open(&large, &team, options.large);
    if (cuda_team_join(&team, options.ranks, TIMEOUT_MS, &options.config) != 0) {
        return 1;
    }
    const int bad = run_all(&options, &team, &large, &done);
    cuda_team_leave(&team);
    stress_large_close(&large);
    cuda_team_close(&team);
    printf("stress_cuda: %d GPU(s), %d ranks, seed %" PRIu64 ", calls %" PRIu64 " to %" PRIu64
           ", %d batches of 32 failed, %ld s\n",
           team.gpus, options.ranks, options.seed, options.first / BATCH_CALLS * BATCH_CALLS,
           options.first / BATCH_CALLS * BATCH_CALLS + done, bad, (long)(time(NULL) - start));
    return bad != 0;
}
