// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * tp_llama: how far may the bits of an all-reduce go down before a language model notices?
 *
 * Runs a small llama with tensor parallelism over threads, all-reduces its partial sums through
 * flashcomm in each given format, and prints the perplexity; or dumps the partial sums. Reading
 * order: this file, subject.h, team.h, forward.h, shard.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include <flashcomm/flashcomm.h>

#include "failure.h"
#include "options.h"
#include "partials.h"
#include "perplexity.h"
#include "stories.h"
#include "subject.h"

/* Print the failure; returns the exit status that goes with it. */
static int report(const struct failure *failure, int exit_status)
{
    fprintf(stderr, "tp_llama: %s\n", failure->text);
    return exit_status;
}

static void print_json_string(const char *text)
{
    putchar('"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if ((unsigned char)*c < ' ')
            printf("\\u%04x", (unsigned)*c);
        else
            putchar(*c);
    }
    putchar('"');
}

static void print_json(const struct options *options, const struct stories *stories,
                       const double *perplexities)
{
    printf("{\"model\": ");
    print_json_string(options->model);
    printf(", \"text\": ");
    print_json_string(options->text);
    if (options->is_gguf)
        printf(", \"windows\": %zu, \"context\": %zu", stories->count, options->context);
    else
        printf(", \"stories\": %zu", stories->count);
    printf(", \"tokens\": %zu, \"results\": [", stories->targets);
    for (size_t i = 0; i < options->format_count; i++) {
        printf("%s{\"format\": ", i == 0 ? "" : ", ");
        print_json_string(options->formats[i].text);
        printf(", \"ranks\": %d, \"perplexity\": %.6f, \"wire_bits\": %.6f}", options->ranks,
               perplexities[i], options->formats[i].wire_bits);
    }
    printf("]}\n");
}

static void print_table(const struct options *options, const struct stories *stories,
                        const double *perplexities)
{
    if (options->is_gguf)
        printf("windows %zu of at most %zu tokens, each judged from its second on: ",
               stories->count, options->context);
    else
        printf("stories %zu, ", stories->count);
    printf("tokens %zu, ranks %d, algorithm %s\n\n", stories->targets, options->ranks,
           options->algorithm);
    printf("%-28s %9s %10s\n", "format", "wire bits", "perplexity");
    for (size_t i = 0; i < options->format_count; i++)
        printf("%-28s %9.3f %10.3f\n", options->formats[i].text, options->formats[i].wire_bits,
               perplexities[i]);
}

static int measure(const struct options *options, const struct subject *subject)
{
    struct failure failure;
    int exit_status = EXIT_SUCCESS;
    struct way *ways = calloc(options->format_count, sizeof *ways);
    double *perplexities = calloc(options->format_count, sizeof *perplexities);
    if (ways == NULL || perplexities == NULL) {
        failure_set(&failure, "out of memory for %zu formats", options->format_count);
        exit_status = report(&failure, EXIT_FAILURE);
        goto end;
    }
    for (size_t i = 0; i < options->format_count; i++) {
        ways[i].name = options->formats[i].text;
        ways[i].config = (flc_coll_config)FLC_COLL_CONFIG_INIT;
        ways[i].config.reduce = options->formats[i].reduce;
        ways[i].config.gather = options->formats[i].gather;
        ways[i].config.algorithm = options->algorithm;
        ways[i].config.flags = options->is_invariant ? FLC_INVARIANT : 0;
    }
    const struct perplexity_job job = {
        .model = &subject->model,
        .stories = &subject->texts,
        .ranks = options->ranks,
        .ways = ways,
        .way_count = options->format_count,
        .resume = options->resume,
        .has_progress = options->has_progress,
    };
    if (perplexity_measure(&job, perplexities, &failure) != 0)
        exit_status = report(&failure, EXIT_FAILURE);
    else if (options->is_json)
        print_json(options, &subject->texts, perplexities);
    else
        print_table(options, &subject->texts, perplexities);

end:
    free(ways);
    free(perplexities);
    return exit_status;
}

static int dump(const struct options *options, const struct subject *subject)
{
    const struct model *model = &subject->model;
    const struct story *story = &subject->texts.items[0];
    struct failure failure;
    if (options->dump_tokens >= story->count) {
        failure_set(&failure, "--dump-tokens is %zu; allowed with this text: 1 to %zu",
                    options->dump_tokens, story->count - 1);
        return report(&failure, EXIT_USAGE);
    }
    size_t rows = 0;
    if (partials_dump(options->dump, model, story, options->dump_tokens, options->ranks, &rows,
                      &failure) != 0)
        return report(&failure, EXIT_FAILURE);
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
        report(&failure, exit_status);
    } else {
        exit_status = options.dump != NULL ? dump(&options, &subject) : measure(&options, &subject);
        subject_free(&subject);
    }
    options_free(&options);
    if (fflush(stdout) != 0 && exit_status == EXIT_SUCCESS) {
        failure_set(&failure, "cannot write to standard output");
        exit_status = report(&failure, EXIT_FAILURE);
    }
    return exit_status;
}
