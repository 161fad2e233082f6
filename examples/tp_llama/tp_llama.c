// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * tp_llama: how far may the bits of an all-reduce go down before a language model notices?
 *
 * Runs a small llama with tensor parallelism over threads, all-reduces its partial sums through
 * flashcomm in each given format, and prints the perplexity, or how long a generated text stays the
 * raw model's; or dumps the partial sums. Reading order: this file, subject.h, team.h, forward.h,
 * shard.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include <flashcomm/flashcomm.h>

#include "failure.h"
#include "generate.h"
#include "options.h"
#include "partials.h"
#include "perplexity.h"
#include "report.h"
#include "stories.h"
#include "subject.h"

/* Print the failure; returns the exit status that goes with it. */
static int fail(const struct failure *failure, int exit_status)
{
    fprintf(stderr, "tp_llama: %s\n", failure->text);
    return exit_status;
}

/* The formats' ways, [format_count], and raw's; to be freed. NULL: out of memory. */
static struct way *make_ways(const struct options *options, struct way *raw)
{
    *raw = (struct way){.name = "raw"};
    for (int site = 0; site < SITES; site++) {
        raw->configs[site] = (flc_coll_config)FLC_COLL_CONFIG_INIT;
        raw->configs[site].algorithm = options->algorithm;
        raw->configs[site].flags = options->is_invariant ? FLC_INVARIANT : 0;
    }
    struct way *ways = calloc(options->format_count, sizeof *ways);
    for (size_t i = 0; ways != NULL && i < options->format_count; i++) {
        ways[i] = *raw;
        ways[i].name = options->formats[i].text;
        for (int site = 0; site < SITES; site++) {
            if (options->site != SITES && options->site != (enum site)site)
                continue;
            ways[i].configs[site].reduce = options->formats[i].reduce;
            ways[i].configs[site].gather = options->formats[i].gather;
        }
    }
    return ways;
}

static int measure(const struct options *options, const struct subject *subject)
{
    struct failure failure;
    struct way raw;
    const size_t bucket_count = perplexity_buckets(&subject->texts, options->by_position);
    struct way *ways = make_ways(options, &raw);
    struct likelihood *likelihoods =
        calloc(options->format_count * bucket_count, sizeof *likelihoods);
    const struct perplexity_job job = {
        .model = &subject->model,
        .stories = &subject->texts,
        .ranks = options->ranks,
        .ways = ways,
        .way_count = options->format_count,
        .bucket_size = options->by_position,
        .resume = options->resume,
        .has_progress = options->has_progress,
    };
    int status;
    if (ways == NULL || likelihoods == NULL)
        status = failure_set(&failure, "out of memory for %zu formats", options->format_count);
    else
        status = perplexity_measure(&job, likelihoods, &failure);
    if (status == 0)
        report_perplexity(options, &subject->texts, likelihoods, bucket_count);
    free(ways);
    free(likelihoods);
    return status == 0 ? EXIT_SUCCESS : fail(&failure, EXIT_FAILURE);
}

/* The model's context and the texts' lengths are known only now. */
static int check_generate(const struct options *options, const struct subject *subject,
                          struct failure *failure)
{
    const size_t context = subject->model.context;
    if (options->prompt >= context || options->generate > context - options->prompt)
        return failure_set(failure,
                           "--prompt is %zu and --generate %zu; allowed with this model: %zu in "
                           "all, its context",
                           options->prompt, options->generate, context);
    if (generate_stories(&subject->texts, options->prompt) == 0)
        return failure_set(failure, "--prompt is %zu; no text has as many tokens", options->prompt);
    return 0;
}

static int generate(const struct options *options, const struct subject *subject)
{
    struct failure failure;
    if (check_generate(options, subject, &failure) != 0)
        return fail(&failure, EXIT_USAGE);
    struct way raw;
    struct way *ways = make_ways(options, &raw);
    struct agreement *agreements = calloc(options->format_count, sizeof *agreements);
    const struct generate_job job = {
        .model = &subject->model,
        .stories = &subject->texts,
        .ranks = options->ranks,
        .ways = ways,
        .way_count = options->format_count,
        .raw = &raw,
        .prompt = options->prompt,
        .tokens = options->generate,
        .has_progress = options->has_progress,
    };
    int status;
    if (ways == NULL || agreements == NULL)
        status = failure_set(&failure, "out of memory for %zu formats", options->format_count);
    else
        status = generate_measure(&job, agreements, &failure);
    if (status == 0)
        report_generation(options, generate_stories(&subject->texts, options->prompt), agreements);
    free(ways);
    free(agreements);
    return status == 0 ? EXIT_SUCCESS : fail(&failure, EXIT_FAILURE);
}

static int dump(const struct options *options, const struct subject *subject)
{
    const struct model *model = &subject->model;
    const struct story *story = &subject->texts.items[0];
    struct failure failure;
    if (options->dump_tokens >= story->count) {
        failure_set(&failure, "--dump-tokens is %zu; allowed with this text: 1 to %zu",
                    options->dump_tokens, story->count - 1);
        return fail(&failure, EXIT_USAGE);
    }
    size_t rows = 0;
    if (partials_dump(options->dump, model, story, options->dump_tokens, options->ranks, &rows,
                      &failure) != 0)
        return fail(&failure, EXIT_FAILURE);
    printf("%s: float32 [%d][%zu][%zu]\n", options->dump, options->ranks, rows, model->dim);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options;
    struct subject subject;
    struct failure failure;
    options_parse(argc, argv, &options);
    int exit_status = subject_load(&options, &subject, &failure);
    if (exit_status != EXIT_SUCCESS) {
        fail(&failure, exit_status);
    } else {
        exit_status = options.dump != NULL    ? dump(&options, &subject)
                      : options.generate != 0 ? generate(&options, &subject)
                                              : measure(&options, &subject);
        subject_free(&subject);
    }
    options_free(&options);
    if (fflush(stdout) != 0 && exit_status == EXIT_SUCCESS) {
        failure_set(&failure, "cannot write to standard output");
        exit_status = fail(&failure, EXIT_FAILURE);
    }
    return exit_status;
}
