// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Picks a site's configuration; team.h does the rest.
 */
#include "way.h"

int way_sum(void *context, size_t layer, enum site site, float *values, size_t rows,
            struct failure *failure)
{
    (void)layer;
    const struct reduction *reduction = context;
    const size_t count = rows * reduction->member->forward.model->dim;
    return team_sum(reduction->member, &reduction->way->configs[site], values, count, failure);
}
