// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * tp_llama: how far may the bits of an all-reduce go down before a language model notices?
 *
 * Runs a small llama with tensor parallelism over threads, all-reduces its partial sums through
 * flashcomm in each given format, and prints the perplexity; or dumps the partial sums. Reading
 * order: this file, team.h, forward.h, shard.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include <flashcomm/flashcomm.h>

#include "failure.h"
#include "model.h"
#include "options.h"
#include "partials.h"
#include "perplexity.h"
#include "stories.h"
#include "tokenizer.h"

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
    printf(", \"stories\": %zu, \"tokens\": %zu, \"results\": [", stories->count, stories->targets);
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
    printf("stories %zu, tokens %zu, ranks %d, algorithm %s\n\n", stories->count, stories->targets,
           options->ranks, options->algorithm);
    printf("%-28s %9s %10s\n", "format", "wire bits", "perplexity");
    for (size_t i = 0; i < options->format_count; i++)
        printf("%-28s %9.3f %10.3f\n", options->formats[i].text, options->formats[i].wire_bits,
               perplexities[i]);
}

static int measure(const struct options *options, const struct model *model,
                   const struct stories *stories)
{
    struct failure failure;
    int exit_status = EXIT_SUCCESS;
    flc_coll_config *configs = calloc(options->format_count, sizeof *configs);
    double *perplexities = calloc(options->format_count, sizeof *perplexities);
    if (configs == NULL || perplexities == NULL) {
        failure_set(&failure, "out of memory for %zu formats", options->format_count);
        exit_status = report(&failure, EXIT_FAILURE);
        goto end;
    }
    for (size_t i = 0; i < options->format_count; i++) {
        configs[i] = (flc_coll_config)FLC_COLL_CONFIG_INIT;
        configs[i].reduce = options->formats[i].reduce;
        configs[i].gather = options->formats[i].gather;
        configs[i].algorithm = options->algorithm;
        configs[i].flags = options->is_invariant ? FLC_INVARIANT : 0;
    }
    if (perplexity_measure(model, stories, options->ranks, configs, options->format_count,
                           perplexities, &failure) != 0)
        exit_status = report(&failure, EXIT_FAILURE);
    else if (options->is_json)
        print_json(options, stories, perplexities);
    else
        print_table(options, stories, perplexities);

end:
    free(configs);
    free(perplexities);
    return exit_status;
}

static int dump(const struct options *options, const struct model *model, const struct story *story)
{
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

static int run(const struct options *options, const struct model *model)
{
    struct failure failure;
    if ((size_t)options->ranks > model->heads) {
        failure_set(&failure, "--ranks is %d; allowed with this model: 1 to %zu, its heads",
                    options->ranks, model->heads);
        return report(&failure, EXIT_USAGE);
    }
    struct tokenizer tokenizer;
    if (tokenizer_load(options->tokenizer, model->vocab, &tokenizer, &failure) != 0)
        return report(&failure, EXIT_FAILURE);
    struct stories stories;
    const int status = stories_load(options->text, &tokenizer, model->context, options->stories,
                                    &stories, &failure);
    tokenizer_free(&tokenizer);
    if (status != 0)
        return report(&failure, EXIT_FAILURE);
    const int exit_status = options->dump != NULL ? dump(options, model, &stories.items[0])
                                                  : measure(options, model, &stories);
    stories_free(&stories);
    return exit_status;
}

int main(int argc, char **argv)
{
    struct options options;
    struct model model;
    struct failure failure;
    options_parse(argc, argv, &options);
    int exit_status;
    if (model_load(options.model, &model, &failure) != 0) {
        exit_status = report(&failure, EXIT_FAILURE);
    } else {
        exit_status = run(&options, &model);
        model_free(&model);
    }
    options_free(&options);
    if (fflush(stdout) != 0 && exit_status == EXIT_SUCCESS) {
        failure_set(&failure, "cannot write to standard output");
        exit_status = report(&failure, EXIT_FAILURE);
    }
    return exit_status;
}
