// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The texts a model is judged on, as tokens.
 *
 * Small models know one kind of text: ASCII, with one newline between paragraphs. So a run of
 * newlines becomes one, and a story with any other character is left out.
 */
#ifndef TP_LLAMA_STORIES_H
#define TP_LLAMA_STORIES_H

#include <stddef.h>

#include "failure.h"
#include "tokenizer.h"

struct story {
    int *tokens;  /* TOKEN_BEGIN, then the text's */
    size_t count; /* at most the model's context */
};

struct stories {
    struct story *items;
    size_t count;
    size_t targets; /* tokens that the model is asked to predict: all but each TOKEN_BEGIN */
};

/*
 * Read the first `limit` ASCII stories of a file, to be given to stories_free.
 *
 *   path       a name that ends in .json: a list of strings, a story each; else one plain text
 *   context    tokens after which a story is cut, TOKEN_BEGIN included
 *
 * A file without any token to predict is an error.
 */
int stories_load(const char *path, const struct tokenizer *tokenizer, size_t context, size_t limit,
                 struct stories *stories, struct failure *failure);

void stories_free(struct stories *stories);

#endif
