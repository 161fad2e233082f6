// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A way to all-reduce a model's partial sums: a configuration of the collective for each site of a
 * layer, and the reducer that follows it.
 */
#ifndef TP_LLAMA_WAY_H
#define TP_LLAMA_WAY_H

#include <flashcomm/flashcomm.h>

#include "forward.h"
#include "team.h"

struct way {
    const char *name;               /* for the progress bar */
    flc_coll_config configs[SITES]; /* which differ in formats only */
};

/* The context of a reducer whose function is way_sum: a rank, and what it reduces with. */
struct reduction {
    struct member *member;
    const struct way *way;
};

int way_sum(void *context, size_t layer, enum site site, float *values, size_t rows,
            struct failure *failure);

#endif
