// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The model's perplexity on stories, for each of several ways to all-reduce its partial sums: in
 * all, or by how far into a story a token stands.
 */
#ifndef TP_LLAMA_PERPLEXITY_H
#define TP_LLAMA_PERPLEXITY_H

#include <stdbool.h>
#include <stddef.h>

#include "failure.h"
#include "model.h"
#include "stories.h"
#include "way.h"

struct perplexity_job {
    const struct model *model;
    const struct stories *stories;
    int ranks;
    const struct way *ways; /* [way_count] */
    size_t way_count;
    size_t bucket_size; /* consecutive predictions of a story that are judged together; 0: all */
    const char *resume; /* a file of finished results (results.h), or NULL */
    bool has_progress;  /* shown even where standard error is no terminal */
};

/* What was predicted in a bucket, over all stories. */
struct likelihood {
    size_t tokens;
    double nll; /* their negative log-likelihood in nats */
};

/* Buckets of the longest story; shorter ones have no tokens in the last of them. */
size_t perplexity_buckets(const struct stories *stories, size_t bucket_size);

/*
 * Judge all targets of all stories, teacher-forced.
 *
 *   likelihoods  [way_count][perplexity_buckets], written on success
 */
int perplexity_measure(const struct perplexity_job *job, struct likelihood *likelihoods,
                       struct failure *failure);

/* Buckets taken together. */
struct likelihood likelihood_sum(const struct likelihood *likelihoods, size_t count);

/* exp(mean negative log-likelihood) */
double likelihood_perplexity(struct likelihood likelihood);

#endif
