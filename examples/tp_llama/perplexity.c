// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Every rank walks over all configurations and stories; the ranks meet in the reductions only,
 * and their shares of the likelihood are added up when all have ended, in rank order.
 */
#include "perplexity.h"

#include <math.h>
#include <stdlib.h>

#include "forward.h"
#include "team.h"

struct measurement {
    const struct stories *stories;
    const flc_coll_config *configs;
    size_t config_count;
    double *nll; /* [ranks][config_count] */
};

/* The reducer's context. */
struct reduction {
    struct member *member;
    const flc_coll_config *config;
};

static int sum_partials(void *context, size_t layer, enum site site, float *values, size_t rows,
                        struct failure *failure)
{
    (void)layer;
    (void)site;
    const struct reduction *reduction = context;
    const size_t dim = reduction->member->forward.model->dim;
    return team_sum(reduction->member, reduction->config, values, rows * dim, failure);
}

static int measure_rank(struct member *member, void *context)
{
    const struct measurement *measurement = context;
    double *nll = measurement->nll + (size_t)member->forward.rank * measurement->config_count;
    for (size_t c = 0; c < measurement->config_count; c++) {
        struct reduction reduction = {member, &measurement->configs[c]};
        const struct reducer reducer = {sum_partials, &reduction};
        for (size_t s = 0; s < measurement->stories->count; s++) {
            const struct story *story = &measurement->stories->items[s];
            double share = 0.0;
            if (story->count < 2)
                continue; /* nothing to predict */
            if (forward_story(&member->forward, story, &reducer, &share, &member->failure) != 0)
                return -1;
            nll[c] += share;
        }
    }
    return 0;
}

int perplexity_measure(const struct model *model, const struct stories *stories, int ranks,
                       const flc_coll_config *configs, size_t config_count, double *perplexities,
                       struct failure *failure)
{
    double *nll = calloc((size_t)ranks * config_count, sizeof *nll);
    if (nll == NULL)
        return failure_set(failure, "out of memory for the results of %d ranks", ranks);
    struct measurement measurement = {stories, configs, config_count, nll};
    const int status = team_run(model, ranks, measure_rank, &measurement, failure);
    for (size_t c = 0; status == 0 && c < config_count; c++) {
        double sum = 0.0;
        for (size_t rank = 0; rank < (size_t)ranks; rank++)
            sum += nll[rank * config_count + c];
        perplexities[c] = exp(sum / (double)stories->targets);
    }
    free(nll);
    return status;
}
