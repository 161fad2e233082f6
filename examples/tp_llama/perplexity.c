// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Every rank walks over all ways and stories; the ranks meet in the reductions only. A story's
 * likelihood is complete when its last rank has ended it: that one adds the shares up, in rank
 * order, and stores the sum. What a file of results holds already is walked past by every rank.
 */
#include "perplexity.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "forward.h"
#include "progress.h"
#include "results.h"
#include "team.h"

/* A story with one of the ways. */
struct score {
    struct result result;
    bool is_stored; /* found in the file; not changed while the ranks run */
    int ranks_done;
};

struct measurement {
    const struct perplexity_job *job;
    struct score *scores; /* [way_count][stories->count] */
    double *shares;       /* [way_count][stories->count][ranks] */
    struct results results;
    struct progress progress;
    pthread_mutex_t lock; /* guards scores' ranks_done and nll, results and progress */
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

/* A rank has ended a story, and its share is written. */
static int end_story(struct measurement *measurement, size_t index, const char *way,
                     struct failure *failure)
{
    const int ranks = measurement->job->ranks;
    struct score *score = &measurement->scores[index];
    const double *shares = measurement->shares + index * (size_t)ranks;
    int status = 0;
    pthread_mutex_lock(&measurement->lock);
    if (++score->ranks_done == ranks) {
        for (int rank = 0; rank < ranks; rank++)
            score->result.nll += shares[rank];
        if (measurement->job->resume != NULL)
            status = results_add(&measurement->results, &score->result, failure);
        progress_step(&measurement->progress, way);
    }
    pthread_mutex_unlock(&measurement->lock);
    return status;
}

static int measure_rank(struct member *member, void *context)
{
    struct measurement *measurement = context;
    const struct perplexity_job *job = measurement->job;
    for (size_t w = 0; w < job->way_count; w++) {
        struct reduction reduction = {member, &job->ways[w].config};
        const struct reducer reducer = {sum_partials, &reduction};
        for (size_t s = 0; s < job->stories->count; s++) {
            const struct story *story = &job->stories->items[s];
            const size_t index = w * job->stories->count + s;
            double *share = measurement->shares + index * (size_t)job->ranks + member->forward.rank;
            if (story->count < 2 || measurement->scores[index].is_stored)
                continue; /* nothing to predict, or known */
            if (forward_story(&member->forward, story, &reducer, share, &member->failure) != 0 ||
                end_story(measurement, index, job->ways[w].name, &member->failure) != 0)
                return -1;
        }
    }
    return 0;
}

/* Give every score its key, and its value where the file has it; returns how many are known. */
static int find_stored(struct measurement *measurement, size_t *known, struct failure *failure)
{
    const struct perplexity_job *job = measurement->job;
    *known = 0;
    for (size_t i = 0; i < job->way_count * job->stories->count; i++) {
        struct score *score = &measurement->scores[i];
        const struct story *story = &job->stories->items[i % job->stories->count];
        const struct way *way = &job->ways[i / job->stories->count];
        if (result_key_init(&score->result.key, job->model->fingerprint, story, job->ranks,
                            &way->config, failure) != 0)
            return -1;
        const struct result *stored = results_find(&measurement->results, &score->result.key);
        score->is_stored = stored != NULL;
        if (stored != NULL)
            score->result.nll = stored->nll;
        *known += score->is_stored;
    }
    return 0;
}

static int run_ranks(struct measurement *measurement, size_t known, struct failure *failure)
{
    const struct perplexity_job *job = measurement->job;
    const size_t scores = job->way_count * job->stories->count;
    if (known == scores)
        return 0; /* cutting the model into shards would take a while */
    progress_start(&measurement->progress, job->has_progress, scores, known);
    pthread_mutex_init(&measurement->lock, NULL);
    const int status = team_run(job->model, job->ranks, measure_rank, measurement, failure);
    pthread_mutex_destroy(&measurement->lock);
    progress_end(&measurement->progress);
    return status;
}

static int measure(struct measurement *measurement, struct failure *failure)
{
    size_t known = 0;
    if (measurement->job->resume == NULL)
        return run_ranks(measurement, known, failure);
    if (results_open(&measurement->results, measurement->job->resume, failure) != 0)
        return -1;
    int status = find_stored(measurement, &known, failure);
    if (status == 0)
        status = run_ranks(measurement, known, failure);
    results_close(&measurement->results);
    return status;
}

int perplexity_measure(const struct perplexity_job *job, double *perplexities,
                       struct failure *failure)
{
    const size_t stories = job->stories->count;
    struct measurement measurement = {
        .job = job,
        .scores = calloc(job->way_count * stories, sizeof *measurement.scores),
        .shares = calloc(job->way_count * stories * (size_t)job->ranks, sizeof(double)),
    };
    int status;
    if (measurement.scores == NULL || measurement.shares == NULL)
        status = failure_set(failure, "out of memory for the results of %d ranks", job->ranks);
    else
        status = measure(&measurement, failure);
    for (size_t w = 0; status == 0 && w < job->way_count; w++) {
        double sum = 0.0;
        for (size_t s = 0; s < stories; s++)
            sum += measurement.scores[w * stories + s].result.nll;
        perplexities[w] = exp(sum / (double)job->stories->targets);
    }
    free(measurement.scores);
    free(measurement.shares);
    return status;
}
