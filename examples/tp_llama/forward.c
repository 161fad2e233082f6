// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The llama layer in plain loops: RMS norm, rotary positions, causal attention with shared KV
 * heads, gated SiLU feed-forward, classifier. All rows of a story go through one product before
 * the next begins, so that there is one reduction a layer and site. Read feed first.
 */
#include "forward.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "multiply.h"

static void normalize(float *restrict normed, const float *restrict x, const float *restrict gain,
                      float epsilon, size_t rows, size_t dim)
{
    for (size_t row = 0; row < rows; row++) {
        const float *in = x + row * dim;
        float squares = 0.0f;
        for (size_t i = 0; i < dim; i++)
            squares += in[i] * in[i];
        const float scale = 1.0f / sqrtf(squares / (float)dim + epsilon);
        for (size_t i = 0; i < dim; i++)
            normed[row * dim + i] = in[i] * scale * gain[i];
    }
}

/* Turn each pair of neighbours in every head of `values`, [rows][heads * head_size], in place. */
static void rotate(const struct model *model, float *values, size_t rows, size_t heads)
{
    const size_t pairs = model->head_size / 2;
    for (size_t row = 0; row < rows; row++) {
        const float *cosines = model->rope_cos + row * pairs;
        const float *sines = model->rope_sin + row * pairs;
        for (size_t head = 0; head < heads; head++) {
            float *pair = values + (row * heads + head) * model->head_size;
            for (size_t i = 0; i < pairs; i++, pair += 2) {
                const float even = pair[0];
                const float odd = pair[1];
                pair[0] = even * cosines[i] - odd * sines[i];
                pair[1] = even * sines[i] + odd * cosines[i];
            }
        }
    }
}

static float largest(const float *values, size_t count)
{
    float max = values[0];
    for (size_t i = 1; i < count; i++)
        max = values[i] > max ? values[i] : max;
    return max;
}

/* Turn scores into weights that sum to 1. */
static void softmax(float *values, size_t count)
{
    const float max = largest(values, count);
    float sum = 0.0f;
    for (size_t i = 0; i < count; i++) {
        values[i] = expf(values[i] - max);
        sum += values[i];
    }
    const float scale = 1.0f / sum;
    for (size_t i = 0; i < count; i++)
        values[i] *= scale;
}

/* One query against the rows 0 to `row`: the weighted mean of their values. */
static void attend_row(struct forward *forward, size_t row, size_t rows,
                       const float *restrict query, const float *restrict values,
                       float *restrict out)
{
    const size_t head_size = forward->model->head_size;
    const size_t kv_width = forward->shard.kv_width;
    const float scale = 1.0f / sqrtf((float)head_size);
    float *restrict weights = forward->weights;

    memset(weights, 0, (row + 1) * sizeof *weights);
    for (size_t i = 0; i < head_size; i++) {
        const float *keys = forward->keys + i * rows;
        const float part = query[i] * scale;
        for (size_t past = 0; past <= row; past++)
            weights[past] += part * keys[past];
    }
    softmax(weights, row + 1);
    memset(out, 0, head_size * sizeof *out);
    for (size_t past = 0; past <= row; past++) {
        const float weight = weights[past];
        for (size_t i = 0; i < head_size; i++)
            out[i] += weight * values[past * kv_width + i];
    }
}

/* Attention of the rank's heads, from q, k, v to `attended`. */
static void attend(struct forward *forward, size_t rows)
{
    const struct model *model = forward->model;
    const struct shard *shard = &forward->shard;
    const size_t head_size = model->head_size;
    const size_t sharers = model->heads / model->kv_heads;
    for (size_t head = 0; head < shard->heads.count; head++) {
        const size_t kv_head = (shard->heads.first + head) / sharers - shard->kv_heads.first;
        const size_t kv_at = kv_head * head_size;
        for (size_t row = 0; row < rows; row++) {
            for (size_t i = 0; i < head_size; i++)
                forward->keys[i * rows + row] = forward->k[row * shard->kv_width + kv_at + i];
        }
        for (size_t row = 0; row < rows; row++) {
            const size_t at = row * shard->q_width + head * head_size;
            attend_row(forward, row, rows, forward->q + at, forward->v + kv_at,
                       forward->attended + at);
        }
    }
}

/* Sum the partial results of all ranks and add them to the residual. */
static int add_reduced(struct forward *forward, const struct reducer *reducer, size_t layer,
                       enum site site, size_t rows, struct failure *failure)
{
    if (reducer->sum(reducer->context, layer, site, forward->partial, rows, failure) != 0)
        return -1;
    for (size_t i = 0; i < rows * forward->model->dim; i++)
        forward->x[i] += forward->partial[i];
    return 0;
}

static int attention_block(struct forward *forward, const struct reducer *reducer, size_t layer,
                           size_t rows, struct failure *failure)
{
    const struct shard *shard = &forward->shard;
    const struct layer_shard *weights = &shard->layers[layer];
    const size_t dim = forward->model->dim;
    normalize(forward->normed, forward->x, forward->model->rms_attention + layer * dim,
              forward->model->norm_epsilon, rows, dim);
    multiply(forward->q, forward->normed, weights->wq, rows, dim, shard->q_width);
    multiply(forward->k, forward->normed, weights->wk, rows, dim, shard->kv_width);
    multiply(forward->v, forward->normed, weights->wv, rows, dim, shard->kv_width);
    rotate(forward->model, forward->q, rows, shard->heads.count);
    rotate(forward->model, forward->k, rows, shard->kv_heads.count);
    attend(forward, rows);
    multiply(forward->partial, forward->attended, weights->wo, rows, shard->q_width, dim);
    return add_reduced(forward, reducer, layer, SITE_ATTENTION, rows, failure);
}

static int ffn_block(struct forward *forward, const struct reducer *reducer, size_t layer,
                     size_t rows, struct failure *failure)
{
    const struct layer_shard *weights = &forward->shard.layers[layer];
    const size_t dim = forward->model->dim;
    const size_t hidden = forward->shard.hidden.count;
    normalize(forward->normed, forward->x, forward->model->rms_ffn + layer * dim,
              forward->model->norm_epsilon, rows, dim);
    multiply(forward->gate, forward->normed, weights->w1, rows, dim, hidden);
    multiply(forward->up, forward->normed, weights->w3, rows, dim, hidden);
    for (size_t i = 0; i < rows * hidden; i++) {
        const float gate = forward->gate[i];
        forward->gate[i] = gate / (1.0f + expf(-gate)) * forward->up[i];
    }
    multiply(forward->partial, forward->gate, weights->w2, rows, hidden, dim);
    return add_reduced(forward, reducer, layer, SITE_FFN, rows, failure);
}

/* The negative log-likelihood of `target` where these are the logits. */
static double judge_row(const float *logits, size_t vocab, int target)
{
    const float max = largest(logits, vocab);
    double sum = 0.0;
    for (size_t i = 0; i < vocab; i++)
        sum += (double)expf(logits[i] - max);
    return log(sum) + (double)max - (double)logits[target];
}

/* That of some rows of a story after the final norm, `normed`. */
static void judge(struct forward *forward, const struct story *story, struct share rows,
                  double *nlls)
{
    const size_t vocab = forward->model->vocab;
    const size_t dim = forward->model->dim;
    const size_t end = rows.first + rows.count;
    for (size_t first = rows.first; first < end; first += JUDGED_ROWS) {
        const size_t count = end - first < JUDGED_ROWS ? end - first : JUDGED_ROWS;
        multiply(forward->logits, forward->normed + first * dim, forward->shard.classifier, count,
                 dim, vocab);
        for (size_t row = 0; row < count; row++)
            nlls[first + row] =
                judge_row(forward->logits + row * vocab, vocab, story->tokens[first + row + 1]);
    }
}

/* Take tokens, [rows], through all layers and the final norm, to `normed`. */
static int feed(struct forward *forward, const int *tokens, size_t rows,
                const struct reducer *reducer, struct failure *failure)
{
    const struct model *model = forward->model;
    const size_t dim = model->dim;
    for (size_t row = 0; row < rows; row++) {
        const float *embedding = model->token_embedding + (size_t)tokens[row] * dim;
        memcpy(forward->x + row * dim, embedding, dim * sizeof *embedding);
    }
    for (size_t layer = 0; layer < model->layers; layer++) {
        if (attention_block(forward, reducer, layer, rows, failure) != 0 ||
            ffn_block(forward, reducer, layer, rows, failure) != 0)
            return -1;
    }
    normalize(forward->normed, forward->x, model->rms_final, model->norm_epsilon, rows, dim);
    return 0;
}

int forward_story(struct forward *forward, const struct story *story, const struct reducer *reducer,
                  double *nlls, struct failure *failure)
{
    const size_t rows = story->count - 1;
    if (feed(forward, story->tokens, rows, reducer, failure) != 0)
        return -1;
    /* Every rank holds the same residual, so the classifier's rows are shared out. */
    judge(forward, story, share_of(rows, forward->rank, forward->ranks), nlls);
    return 0;
}

int forward_next(struct forward *forward, const int *tokens, size_t count,
                 const struct reducer *reducer, int *next, struct failure *failure)
{
    const size_t vocab = forward->model->vocab;
    const size_t dim = forward->model->dim;
    if (feed(forward, tokens, count, reducer, failure) != 0)
        return -1;
    multiply(forward->logits, forward->normed + (count - 1) * dim, forward->shard.classifier, 1,
             dim, vocab);
    size_t likeliest = 0;
    for (size_t i = 1; i < vocab; i++) {
        if (forward->logits[i] > forward->logits[likeliest])
            likeliest = i;
    }
    *next = (int)likeliest;
    return 0;
}

/* A matrix between two products: where its pointer goes and its size. */
struct matrix {
    float **values;
    uint64_t count;
};

static int allocate_matrices(struct forward *forward)
{
    const struct model *model = forward->model;
    const struct shard *shard = &forward->shard;
    const uint64_t rows = model->context;
    const struct matrix matrices[] = {
        {&forward->x, rows * model->dim},
        {&forward->normed, rows * model->dim},
        {&forward->partial, rows * model->dim},
        {&forward->q, rows * shard->q_width},
        {&forward->k, rows * shard->kv_width},
        {&forward->v, rows * shard->kv_width},
        {&forward->attended, rows * shard->q_width},
        {&forward->gate, rows * shard->hidden.count},
        {&forward->up, rows * shard->hidden.count},
        {&forward->keys, model->head_size * rows},
        {&forward->weights, rows},
        {&forward->logits, (uint64_t)JUDGED_ROWS * model->vocab},
    };
    const size_t matrix_count = sizeof matrices / sizeof matrices[0];
    uint64_t floats = 0;
    for (size_t i = 0; i < matrix_count; i++)
        floats += matrices[i].count;
    if (floats > SIZE_MAX / sizeof *forward->storage)
        return -1;
    forward->storage = calloc((size_t)floats, sizeof *forward->storage);
    if (forward->storage == NULL)
        return -1;
    float *next = forward->storage;
    for (size_t i = 0; i < matrix_count; i++) {
        *matrices[i].values = next;
        next += matrices[i].count;
    }
    return 0;
}

int forward_init(struct forward *forward, const struct model *model, int rank, int ranks,
                 struct failure *failure)
{
    *forward = (struct forward){.model = model, .rank = rank, .ranks = ranks};
    if (shard_init(&forward->shard, model, rank, ranks, failure) != 0)
        return -1;
    if (allocate_matrices(forward) != 0) {
        shard_free(&forward->shard);
        return failure_set(failure, "out of memory for the matrices of rank %d", rank);
    }
    return 0;
}

void forward_fini(struct forward *forward)
{
    free(forward->storage);
    forward->storage = NULL;
    shard_free(&forward->shard);
}
