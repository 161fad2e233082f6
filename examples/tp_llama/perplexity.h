// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The model's perplexity on stories, for each of several ways to all-reduce its partial sums.
 */
#ifndef TP_LLAMA_PERPLEXITY_H
#define TP_LLAMA_PERPLEXITY_H

#include <stdbool.h>
#include <stddef.h>

#include <flashcomm/flashcomm.h>

#include "failure.h"
#include "model.h"
#include "stories.h"

/* One way to all-reduce. */
struct way {
    const char *name; /* for the progress bar */
    flc_coll_config config;
};

struct perplexity_job {
    const struct model *model;
    const struct stories *stories;
    int ranks;
    const struct way *ways; /* [way_count] */
    size_t way_count;
    const char *resume; /* a file of finished results (results.h), or NULL */
    bool has_progress;  /* shown even where standard error is no terminal */
};

/*
 * exp(mean negative log-likelihood) over all targets of all stories, teacher-forced.
 *
 *   perplexities  [way_count], written on success
 */
int perplexity_measure(const struct perplexity_job *job, double *perplexities,
                       struct failure *failure);

#endif
