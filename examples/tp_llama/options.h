// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The command line of tp_llama, checked as far as it can be without reading a file, except for the
 * magic that says which kind of model it names.
 */
#ifndef TP_LLAMA_OPTIONS_H
#define TP_LLAMA_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include <flashcomm/flashcomm.h>

#include "forward.h"

#define EXIT_USAGE        2

#define OPTION_PATH_BYTES 4096

/* One item of --format. */
struct format_option {
    const char *text; /* as given */
    flc_format reduce;
    flc_format gather;
    double wire_bits; /* an element, metadata included, mean of both steps */
};

struct options {
    char model[OPTION_PATH_BYTES];
    bool is_gguf;                      /* the model; otherwise it is one of llama2.c */
    char tokenizer[OPTION_PATH_BYTES]; /* of a llama2.c model */
    char text[OPTION_PATH_BYTES];
    int ranks;
    struct format_option *formats; /* [format_count] */
    size_t format_count;
    char *format_text; /* what the formats' texts point into */
    const char *algorithm;
    bool is_invariant;
    enum site site;     /* where the formats are applied; SITES: at both */
    size_t by_position; /* predictions in a bucket; 0: no buckets */
    size_t stories;     /* of a llama2.c model */
    size_t tokens;      /* of a GGUF model, as is context */
    size_t context;
    const char *resume; /* NULL: results are not stored */
    bool has_progress;
    bool is_json;
    const char *dump; /* NULL: none */
    size_t dump_tokens;
    size_t generate; /* tokens; 0: measure perplexity */
    size_t prompt;
};

extern const char *const option_site_names[SITES + 1];

/* Fill `options`, to be given to options_free; on bad usage say so and exit with EXIT_USAGE. */
void options_parse(int argc, char **argv, struct options *options);

void options_free(struct options *options);

#endif
