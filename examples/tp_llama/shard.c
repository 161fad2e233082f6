// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Cuts a rank's rows or columns out of each matrix and transposes them; see shard.h.
 */
#include "shard.h"

#include <assert.h>
#include <stdlib.h>

struct share share_of(size_t total, int rank, int ranks)
{
    const size_t part = total / (size_t)ranks;
    const size_t larger = total % (size_t)ranks;
    const size_t before = (size_t)rank;
    return (struct share){
        .first = before * part + (before < larger ? before : larger),
        .count = part + (before < larger ? 1 : 0),
    };
}

/*
 * Copy rows and columns of a matrix of the file, transposed.
 *
 *   matrix   [..][width]
 *   next     where the copy goes, [columns.count][rows.count]; moved behind it
 *   returns  the copy
 */
static float *copy_transposed(const float *matrix, size_t width, struct share rows,
                              struct share columns, float **next)
{
    float *copy = *next;
    for (size_t r = 0; r < rows.count; r++) {
        const float *row = matrix + (rows.first + r) * width + columns.first;
        for (size_t c = 0; c < columns.count; c++)
            copy[c * rows.count + r] = row[c];
    }
    *next += columns.count * rows.count;
    return copy;
}

static size_t storage_floats(const struct shard *shard, const struct model *model)
{
    const size_t attention = 2 * shard->q_width + 2 * shard->kv_width;
    const size_t ffn = 3 * shard->hidden.count;
    return (model->layers * (attention + ffn) + model->vocab) * model->dim;
}

static void copy_layer(struct shard *shard, const struct model *model, size_t layer, float **next)
{
    const size_t dim = model->dim;
    const size_t hidden = model->hidden;
    const size_t head_size = model->head_size;
    const struct share all = {0, dim};
    const struct share q = {shard->heads.first * head_size, shard->q_width};
    const struct share kv = {shard->kv_heads.first * head_size, shard->kv_width};
    const float *wk = model->wk + layer * model->kv_dim * dim;
    const float *wv = model->wv + layer * model->kv_dim * dim;

    shard->layers[layer] = (struct layer_shard){
        .wq = copy_transposed(model->wq + layer * dim * dim, dim, q, all, next),
        .wk = copy_transposed(wk, dim, kv, all, next),
        .wv = copy_transposed(wv, dim, kv, all, next),
        .wo = copy_transposed(model->wo + layer * dim * dim, dim, all, q, next),
        .w1 = copy_transposed(model->w1 + layer * hidden * dim, dim, shard->hidden, all, next),
        .w3 = copy_transposed(model->w3 + layer * hidden * dim, dim, shard->hidden, all, next),
        .w2 = copy_transposed(model->w2 + layer * dim * hidden, hidden, all, shard->hidden, next),
    };
}

int shard_init(struct shard *shard, const struct model *model, int rank, int ranks,
               struct failure *failure)
{
    *shard = (struct shard){
        .heads = share_of(model->heads, rank, ranks),
        .hidden = share_of(model->hidden, rank, ranks),
    };
    assert(shard->heads.count > 0);
    const size_t sharers = model->heads / model->kv_heads; /* query heads of one KV head */
    const size_t last_head = shard->heads.first + shard->heads.count - 1;
    shard->kv_heads.first = shard->heads.first / sharers;
    shard->kv_heads.count = last_head / sharers + 1 - shard->kv_heads.first;
    shard->q_width = shard->heads.count * model->head_size;
    shard->kv_width = shard->kv_heads.count * model->head_size;

    /* No overflow: the file held at least as many floats. */
    const size_t floats = storage_floats(shard, model);
    shard->layers = calloc(model->layers, sizeof *shard->layers);
    shard->storage = calloc(floats, sizeof *shard->storage);
    if (shard->layers == NULL || shard->storage == NULL) {
        shard_free(shard);
        return failure_set(failure, "out of memory for the weights of rank %d", rank);
    }

    float *next = shard->storage;
    for (size_t layer = 0; layer < model->layers; layer++)
        copy_layer(shard, model, layer, &next);
    const struct share vocab = {0, model->vocab};
    const struct share all = {0, model->dim};
    shard->classifier = copy_transposed(model->classifier, model->dim, vocab, all, &next);
    assert(next == shard->storage + floats);
    return 0;
}

void shard_free(struct shard *shard)
{
    free(shard->layers);
    free(shard->storage);
    shard->layers = NULL;
    shard->storage = NULL;
}
