// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A file of finished results, so that an interrupted measurement goes on where it was. A result is
 * one line of JSON: the negative log-likelihood of one text, or of a part of its tokens, with one
 * format, and everything it depends on. Runs with other models, texts or formats may share a file.
 */
#ifndef TP_LLAMA_RESULTS_H
#define TP_LLAMA_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <flashcomm/flashcomm.h>

#include "failure.h"
#include "stories.h"
#include "way.h"

#define RESULT_NAME_BYTES 128

/* What a result depends on. */
struct result_key {
    uint64_t model; /* fingerprints: of the file, */
    uint64_t text;  /* of the tokens, and of which of them are judged, */
    uint64_t codec; /* and of what the formats make of a sample */
    int ranks;
    bool is_invariant;
    char algorithm[RESULT_NAME_BYTES];
    char format[RESULT_NAME_BYTES]; /* canonical, of the reduce and the gather step; where it is
                                       not the same, of each site */
};

struct result {
    struct result_key key;
    double nll;
};

struct results {
    const char *path;
    struct result *items;
    size_t count;
    FILE *stream; /* open for appending */
};

/* Make the key of a whole text with a way to all-reduce. */
int result_key_init(struct result_key *key, uint64_t model, const struct story *text, int ranks,
                    const struct way *way, struct failure *failure);

/* Make a whole text's key that of its `count` predictions from the one numbered `first` on. */
void result_key_narrow(struct result_key *key, size_t first, size_t count);

/*
 * Read the results of a file, which is created if it is not there, and keep it open for more; to
 * be given to results_close. A line that this program would not have written is a failure that
 * names it.
 */
int results_open(struct results *results, const char *path, struct failure *failure);

/* The stored result with this key, or NULL. */
const struct result *results_find(const struct results *results, const struct result_key *key);

/* Write one more line, at once. Not thread-safe; what is added is not found by results_find. */
int results_add(struct results *results, const struct result *result, struct failure *failure);

void results_close(struct results *results);

#endif
