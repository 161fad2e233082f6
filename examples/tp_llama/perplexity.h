// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The model's perplexity on stories, for each of several ways to all-reduce its partial sums.
 */
#ifndef TP_LLAMA_PERPLEXITY_H
#define TP_LLAMA_PERPLEXITY_H

#include <stddef.h>

#include <flashcomm/flashcomm.h>

#include "failure.h"
#include "model.h"
#include "stories.h"

/*
 * exp(mean negative log-likelihood) over all targets of all stories, teacher-forced.
 *
 *   configs       [config_count]
 *   perplexities  [config_count], written on success
 */
int perplexity_measure(const struct model *model, const struct stories *stories, int ranks,
                       const flc_coll_config *configs, size_t config_count, double *perplexities,
                       struct failure *failure);

#endif
