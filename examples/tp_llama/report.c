// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A position is a token's place in its story or window, counted from 0; so the first that is
 * predicted is at 1.
 */
#include "report.h"

#include <stdio.h>

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

/* What both reports begin with. */
static void print_json_head(const struct options *options)
{
    printf("{\"model\": ");
    print_json_string(options->model);
    printf(", \"text\": ");
    print_json_string(options->text);
    if (options->site != SITES)
        printf(", \"site\": \"%s\"", option_site_names[options->site]);
}

static void print_json_format(const struct options *options, size_t format)
{
    printf("%s{\"format\": ", format == 0 ? "" : ", ");
    print_json_string(options->formats[format].text);
    printf(", \"ranks\": %d", options->ranks);
}

/* buckets: [count] */
static void print_json_buckets(const struct options *options, const struct likelihood *buckets,
                               size_t count)
{
    printf(", \"by_position\": [");
    for (size_t b = 0; b < count; b++)
        printf("%s{\"first\": %zu, \"tokens\": %zu, \"nll\": %.6f, \"perplexity\": %.6f}",
               b == 0 ? "" : ", ", b * options->by_position + 1, buckets[b].tokens,
               buckets[b].nll / (double)buckets[b].tokens, likelihood_perplexity(buckets[b]));
    putchar(']');
}

static void print_json(const struct options *options, const struct stories *stories,
                       const struct likelihood *likelihoods, size_t bucket_count)
{
    print_json_head(options);
    if (options->is_gguf)
        printf(", \"windows\": %zu, \"context\": %zu", stories->count, options->context);
    else
        printf(", \"stories\": %zu", stories->count);
    printf(", \"tokens\": %zu, \"results\": [", stories->targets);
    for (size_t i = 0; i < options->format_count; i++) {
        const struct likelihood *buckets = likelihoods + i * bucket_count;
        print_json_format(options, i);
        printf(", \"perplexity\": %.6f, \"wire_bits\": %.6f",
               likelihood_perplexity(likelihood_sum(buckets, bucket_count)),
               options->formats[i].wire_bits);
        if (options->by_position != 0)
            print_json_buckets(options, buckets, bucket_count);
        putchar('}');
    }
    printf("]}\n");
}

/* The end of the line above a table. */
static void print_ways(const struct options *options)
{
    printf("ranks %d, algorithm %s", options->ranks, options->algorithm);
    if (options->site != SITES)
        printf(", formats at %s only, raw elsewhere", option_site_names[options->site]);
    printf("\n\n");
}

static void print_buckets(const struct options *options, const struct likelihood *likelihoods,
                          size_t bucket_count)
{
    printf("\n%-28s %14s %9s %9s %10s\n", "format", "first position", "tokens", "nll",
           "perplexity");
    for (size_t i = 0; i < options->format_count * bucket_count; i++)
        printf("%-28s %14zu %9zu %9.4f %10.3f\n", options->formats[i / bucket_count].text,
               i % bucket_count * options->by_position + 1, likelihoods[i].tokens,
               likelihoods[i].nll / (double)likelihoods[i].tokens,
               likelihood_perplexity(likelihoods[i]));
}

static void print_table(const struct options *options, const struct stories *stories,
                        const struct likelihood *likelihoods, size_t bucket_count)
{
    if (options->is_gguf)
        printf("windows %zu of at most %zu tokens, each judged from its second on: ",
               stories->count, options->context);
    else
        printf("stories %zu, ", stories->count);
    printf("tokens %zu, ", stories->targets);
    print_ways(options);
    printf("%-28s %9s %10s\n", "format", "wire bits", "perplexity");
    for (size_t i = 0; i < options->format_count; i++)
        printf("%-28s %9.3f %10.3f\n", options->formats[i].text, options->formats[i].wire_bits,
               likelihood_perplexity(likelihood_sum(likelihoods + i * bucket_count, bucket_count)));
    if (options->by_position != 0)
        print_buckets(options, likelihoods, bucket_count);
}

void report_perplexity(const struct options *options, const struct stories *stories,
                       const struct likelihood *likelihoods, size_t bucket_count)
{
    if (options->is_json)
        print_json(options, stories, likelihoods, bucket_count);
    else
        print_table(options, stories, likelihoods, bucket_count);
}

static void print_generation_json(const struct options *options, size_t texts,
                                  const struct agreement *agreements)
{
    print_json_head(options);
    printf(", \"texts\": %zu, \"prompt\": %zu, \"generated\": %zu, \"results\": [", texts,
           options->prompt, options->generate);
    for (size_t i = 0; i < options->format_count; i++) {
        print_json_format(options, i);
        printf(", \"equal_tokens\": %.6f, \"equal_texts\": %zu, \"wire_bits\": %.6f}",
               (double)agreements[i].tokens / (double)texts, agreements[i].whole_texts,
               options->formats[i].wire_bits);
    }
    printf("]}\n");
}

static void print_generation(const struct options *options, size_t texts,
                             const struct agreement *agreements)
{
    printf("%zu texts, each %zu tokens generated from its first %zu: ", texts, options->generate,
           options->prompt);
    print_ways(options);
    printf("%-28s %9s %12s %11s\n", "format", "wire bits", "equal tokens", "equal texts");
    for (size_t i = 0; i < options->format_count; i++)
        printf("%-28s %9.3f %12.1f %11zu\n", options->formats[i].text,
               options->formats[i].wire_bits, (double)agreements[i].tokens / (double)texts,
               agreements[i].whole_texts);
    printf("\nequal tokens: mean number before the first that differs from raw's.\n");
}

void report_generation(const struct options *options, size_t texts,
                       const struct agreement *agreements)
{
    if (options->is_json)
        print_generation_json(options, texts, agreements);
    else
        print_generation(options, texts, agreements);
}
