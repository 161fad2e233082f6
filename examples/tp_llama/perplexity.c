// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Every rank walks over all ways and stories; the ranks meet in the reductions only. A story is
 * complete when its last rank has ended it: that one adds the tokens' likelihoods up, in their
 * order, and stores the sum of each bucket. What a file of results holds already is walked past by
 * every rank.
 */
#include "perplexity.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "progress.h"
#include "results.h"

/* A story with one of the ways. */
struct score {
    struct result_key key; /* where there is a file of results */
    double *nlls;          /* [story->count - 1], a token each; every rank writes its share */
    double *sums;          /* [bucket_count] */
    bool is_known;         /* not to be run; not changed while the ranks run */
    int ranks_done;
};

struct measurement {
    const struct perplexity_job *job;
    size_t bucket_count;
    struct score *scores; /* [way_count][stories->count] */
    double *nlls;         /* what the scores' point into */
    double *sums;         /* likewise */
    struct results results;
    struct progress progress;
    pthread_mutex_t lock; /* guards scores' ranks_done and sums, results and progress */
};

/* The predictions of a story that a bucket takes; none past its end. */
static struct share bucket_of(const struct story *story, size_t bucket_size, size_t bucket)
{
    const size_t targets = story->count - 1;
    if (bucket_size == 0)
        return (struct share){0, targets};
    const size_t first = bucket * bucket_size < targets ? bucket * bucket_size : targets;
    const size_t left = targets - first;
    return (struct share){first, left < bucket_size ? left : bucket_size};
}

size_t perplexity_buckets(const struct stories *stories, size_t bucket_size)
{
    size_t longest = 1;
    for (size_t s = 0; s < stories->count; s++) {
        const size_t targets = stories->items[s].count - 1;
        longest = targets > longest ? targets : longest;
    }
    return bucket_size == 0 ? 1 : (longest - 1) / bucket_size + 1;
}

/* The key of a bucket; a story that has only one is stored as a whole. */
static struct result_key key_of(const struct result_key *story_key, const struct story *story,
                                struct share bucket)
{
    struct result_key key = *story_key;
    if (bucket.count != story->count - 1)
        result_key_narrow(&key, bucket.first, bucket.count);
    return key;
}

/* All ranks have judged a story: sum up each bucket and store it. */
static int add_up(struct measurement *measurement, size_t index, struct failure *failure)
{
    const struct perplexity_job *job = measurement->job;
    const struct story *story = &job->stories->items[index % job->stories->count];
    const struct score *score = &measurement->scores[index];
    for (size_t b = 0; b < measurement->bucket_count; b++) {
        const struct share bucket = bucket_of(story, job->bucket_size, b);
        for (size_t i = 0; i < bucket.count; i++)
            score->sums[b] += score->nlls[bucket.first + i];
        if (job->resume == NULL || bucket.count == 0)
            continue;
        const struct result result = {key_of(&score->key, story, bucket), score->sums[b]};
        if (results_add(&measurement->results, &result, failure) != 0)
            return -1;
    }
    return 0;
}

/* A rank has ended a story, and its share is written. */
static int end_story(struct measurement *measurement, size_t index, const char *way,
                     struct failure *failure)
{
    int status = 0;
    pthread_mutex_lock(&measurement->lock);
    if (++measurement->scores[index].ranks_done == measurement->job->ranks) {
        status = add_up(measurement, index, failure);
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
        struct reduction reduction = {member, &job->ways[w]};
        const struct reducer reducer = {way_sum, &reduction};
        for (size_t s = 0; s < job->stories->count; s++) {
            const size_t index = w * job->stories->count + s;
            if (measurement->scores[index].is_known)
                continue;
            if (forward_story(&member->forward, &job->stories->items[s], &reducer,
                              measurement->scores[index].nlls, &member->failure) != 0 ||
                end_story(measurement, index, job->ways[w].name, &member->failure) != 0)
                return -1;
        }
    }
    return 0;
}

/* Take a story's buckets from the file, where all of them are in it. */
static void find_buckets(struct measurement *measurement, const struct story *story,
                         struct score *score)
{
    score->is_known = true;
    for (size_t b = 0; b < measurement->bucket_count && score->is_known; b++) {
        const struct share bucket = bucket_of(story, measurement->job->bucket_size, b);
        if (bucket.count == 0)
            break;
        const struct result_key key = key_of(&score->key, story, bucket);
        const struct result *stored = results_find(&measurement->results, &key);
        score->is_known = stored != NULL;
        score->sums[b] = stored != NULL ? stored->nll : 0.0;
    }
    for (size_t b = 0; b < measurement->bucket_count && !score->is_known; b++)
        score->sums[b] = 0.0;
}

/* Give every score its key, and its sums where the file has them. */
static int find_stored(struct measurement *measurement, struct failure *failure)
{
    const struct perplexity_job *job = measurement->job;
    for (size_t i = 0; i < job->way_count * job->stories->count; i++) {
        struct score *score = &measurement->scores[i];
        const struct story *story = &job->stories->items[i % job->stories->count];
        if (score->is_known)
            continue;
        if (result_key_init(&score->key, job->model->fingerprint, story, job->ranks,
                            &job->ways[i / job->stories->count], failure) != 0)
            return -1;
        find_buckets(measurement, story, score);
    }
    return 0;
}

static int run_ranks(struct measurement *measurement, struct failure *failure)
{
    const struct perplexity_job *job = measurement->job;
    const size_t scores = job->way_count * job->stories->count;
    size_t known = 0;
    for (size_t i = 0; i < scores; i++)
        known += measurement->scores[i].is_known;
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
    if (measurement->job->resume == NULL)
        return run_ranks(measurement, failure);
    if (results_open(&measurement->results, measurement->job->resume, failure) != 0)
        return -1;
    int status = find_stored(measurement, failure);
    if (status == 0)
        status = run_ranks(measurement, failure);
    results_close(&measurement->results);
    return status;
}

/* Make the scores; a story without a token to predict is known from the start. */
static int measurement_init(struct measurement *measurement, const struct perplexity_job *job,
                            struct failure *failure)
{
    const size_t score_count = job->way_count * job->stories->count;
    const size_t bucket_count = perplexity_buckets(job->stories, job->bucket_size);
    *measurement = (struct measurement){
        .job = job,
        .bucket_count = bucket_count,
        .scores = calloc(score_count, sizeof *measurement->scores),
        .nlls = calloc(job->way_count * job->stories->targets, sizeof(double)),
        .sums = calloc(score_count * bucket_count, sizeof(double)),
    };
    if (measurement->scores == NULL || measurement->nlls == NULL || measurement->sums == NULL)
        return failure_set(failure, "out of memory for the results of %zu formats, %zu tokens each",
                           job->way_count, job->stories->targets);
    double *nlls = measurement->nlls;
    for (size_t i = 0; i < score_count; i++) {
        const size_t targets = job->stories->items[i % job->stories->count].count - 1;
        struct score *score = &measurement->scores[i];
        *score = (struct score){
            .nlls = nlls, .sums = measurement->sums + i * bucket_count, .is_known = targets == 0};
        nlls += targets;
    }
    return 0;
}

static struct likelihood sum_stories(const struct measurement *measurement, size_t way,
                                     size_t bucket)
{
    const struct perplexity_job *job = measurement->job;
    struct likelihood sum = {0, 0.0};
    for (size_t s = 0; s < job->stories->count; s++) {
        sum.tokens += bucket_of(&job->stories->items[s], job->bucket_size, bucket).count;
        sum.nll += measurement->scores[way * job->stories->count + s].sums[bucket];
    }
    return sum;
}

int perplexity_measure(const struct perplexity_job *job, struct likelihood *likelihoods,
                       struct failure *failure)
{
    struct measurement measurement;
    int status = measurement_init(&measurement, job, failure);
    if (status == 0)
        status = measure(&measurement, failure);
    for (size_t w = 0; status == 0 && w < job->way_count; w++) {
        for (size_t b = 0; b < measurement.bucket_count; b++)
            likelihoods[w * measurement.bucket_count + b] = sum_stories(&measurement, w, b);
    }
    free(measurement.scores);
    free(measurement.nlls);
    free(measurement.sums);
    return status;
}

struct likelihood likelihood_sum(const struct likelihood *likelihoods, size_t count)
{
    struct likelihood sum = {0, 0.0};
    for (size_t i = 0; i < count; i++) {
        sum.tokens += likelihoods[i].tokens;
        sum.nll += likelihoods[i].nll;
    }
    return sum;
}

double likelihood_perplexity(struct likelihood likelihood)
{
    return exp(likelihood.nll / (double)likelihood.tokens);
}
