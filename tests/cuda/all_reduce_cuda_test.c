// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * flc_all_reduce_cuda against flc_all_reduce on the CPU, byte for byte, on every rank:
 *
 *   all_reduce_cuda_test [--ranks A-B] [--quick] [--formats LIST] [--seed S] [--staging BYTES]
 *                        [--max-blocks N] [--seconds T]
 *
 * Calls of changing size and format go back to back into a rank's stream; some batches are
 * captured in a CUDA graph and replayed; inputs change from call to call and from round to round,
 * since with equal inputs a stale read gives the right bytes. Without a GPU: exit status 77.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "all_reduce_cases.h"
#include "cuda_batch.h"

#define IMAGE_BYTES ((size_t)20 << 20) /* two of the largest calls */
#define TIMEOUT_MS  20000

struct options {
    int first_ranks, last_ranks, is_quick;
    const char *formats;
    uint64_t seed;
    unsigned seconds;
    flc_cuda_config config;
};

struct totals {
    long calls, replays, failed;
};

static const char usage[] =
    "usage: all_reduce_cuda_test [--ranks A-B] [--quick] [--formats LIST] [--seed S]\n"
    "                            [--staging BYTES] [--max-blocks N] [--seconds T]\n";

static int parse_ranks(const char *text, struct options *options)
{
    char *end = NULL;
    options->first_ranks = options->last_ranks = (int)strtol(text, &end, 10);
    if (*end == '-') {
        options->last_ranks = (int)strtol(end + 1, &end, 10);
    }
    return *end == '\0' && options->first_ranks >= 2 &&
                   options->first_ranks <= options->last_ranks &&
                   options->last_ranks <= FLC_CUDA_MAX_RANKS
               ? 0
               : -1;
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"ranks", required_argument, NULL, 'r'},   {"quick", no_argument, NULL, 'q'},
        {"formats", required_argument, NULL, 'f'}, {"seed", required_argument, NULL, 's'},
        {"staging", required_argument, NULL, 'g'}, {"max-blocks", required_argument, NULL, 'b'},
        {"seconds", required_argument, NULL, 't'}, {NULL, 0, NULL, 0}};
    int letter, failed = 0;
    *options = (struct options){.first_ranks = 2,
                                .last_ranks = FLC_CUDA_MAX_RANKS,
                                .seed = 1,
                                .seconds = 900,
                                .config = FLC_CUDA_CONFIG_INIT};
    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (letter) {
        case 'r':
            failed |= parse_ranks(optarg, options);
            break;
        case 'q':
            options->is_quick = 1;
            break;
        case 'f':
            options->formats = optarg;
            break;
        case 's':
            options->seed = strtoull(optarg, NULL, 0);
            break;
        case 'g':
            options->config.staging_bytes = strtoull(optarg, NULL, 0);
            break;
        case 'b':
            options->config.max_blocks = (int)strtol(optarg, NULL, 10);
            break;
        case 't':
            options->seconds = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            failed = 1;
        }
    }
    return failed != 0 || optind != argc ? -1 : 0;
}

/* The next batch of calls: how many there are, how they run, changes from batch to batch. */
static void make_batch(const struct cuda_team *team, struct case_list *list, long number,
                       struct cuda_call *kept, struct cuda_batch *batch)
{
    static const int calls[] = {24, 7, 48, 1, 16, 3};
    memset(batch, 0, sizeof *batch);
    batch->note = "all_reduce";
    batch->is_graph = number % 3 == 1;
    batch->is_shared = number % 4 >= 2;
    batch->rounds = batch->is_graph ? 3 : 1 + (int)(number % 2);
    while (kept->count != 0 && batch->count < calls[number % 6] &&
           cuda_batch_add(batch, team, *kept)) {
        if (!case_list_next(list, kept)) {
            kept->count = 0;
        }
    }
}

static void run_ranks(struct cuda_team *team, const struct case_formats *formats,
                      const struct options *options, int ranks, struct totals *totals)
{
    static struct cuda_batch batch;
    struct case_list list = {.formats = formats,
                             .ranks = ranks,
                             .stride = options->is_quick ? 11 : 1,
                             .seed = options->seed};
    struct cuda_call call;
    (void)snprintf(cuda_watched, sizeof cuda_watched, "making communicators of %d ranks", ranks);
    if (cuda_team_join(team, ranks, TIMEOUT_MS, &options->config) != 0) {
        totals->failed++;
        cuda_team_leave(team);
        return;
    }
    if (!case_list_next(&list, &call)) {
        call.count = 0;
    }
    for (long number = 0; call.count != 0; number++) {
        make_batch(team, &list, number, &call, &batch);
        const int failed = cuda_batch_run(team, &batch);
        totals->calls += batch.count;
        totals->replays += batch.is_graph ? batch.rounds : 0;
        totals->failed += failed < 0 ? 1 : failed;
        if (failed < 0) {
            break; /* the communicators are done for */
        }
    }
    cuda_team_leave(team);
}

int main(int argc, char **argv)
{
    static struct case_formats formats;
    static struct cuda_team team;
    struct options options;
    struct totals totals = {0};
    const time_t start = time(NULL);
    if (parse_options(argc, argv, &options) != 0) {
        fputs(usage, stderr);
        return 2;
    }
    if (case_formats_init(&formats, options.formats) != 0) {
        return 2;
    }
    const int gpus = cuda_gpu_count();
    cuda_watchdog_start(options.seconds);
    cuda_team_open(&team, options.last_ranks, IMAGE_BYTES);
    for (int ranks = options.first_ranks; ranks <= options.last_ranks; ranks++) {
        run_ranks(&team, &formats, &options, ranks, &totals);
    }
    cuda_team_close(&team);
    printf("all_reduce_cuda_test: %d GPU(s), ranks %d to %d, %d formats, %ld calls, %ld graph "
           "replays, %ld failed, %ld s\n",
           gpus, options.first_ranks, options.last_ranks, formats.count, totals.calls,
           totals.replays, totals.failed, (long)(time(NULL) - start));
    return totals.failed != 0;
}
