// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How long a generated text stays the raw model's: greedy decoding from the beginning of each
 * story, for each of several ways to all-reduce, until a token differs.
 *
 * Every token is found by feeding the whole text before it, since the model keeps no keys and
 * values; so this is for small models, or for few tokens.
 */
#ifndef TP_LLAMA_GENERATE_H
#define TP_LLAMA_GENERATE_H

#include <stdbool.h>
#include <stddef.h>

#include "failure.h"
#include "model.h"
#include "stories.h"
#include "way.h"

struct generate_job {
    const struct model *model;
    const struct stories *stories; /* those with fewer tokens than the prompt are left out */
    int ranks;
    const struct way *ways; /* [way_count] */
    size_t way_count;
    const struct way *raw;
    size_t prompt; /* tokens of a story to start from, at least 1 */
    size_t tokens; /* to generate; prompt and these fit the model's context */
    bool has_progress;
};

struct agreement {
    size_t tokens;      /* like raw's until the first that differs, over all stories */
    size_t whole_texts; /* stories in which none differed */
};

/* How many stories are long enough. */
size_t generate_stories(const struct stories *stories, size_t prompt);

/*
 *   agreements  [way_count], written on success
 */
int generate_measure(const struct generate_job *job, struct agreement *agreements,
                     struct failure *failure);

#endif
