// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * One rank's part of a model's weights.
 *
 * Attention is split by query heads and the feed-forward network by hidden columns, as evenly as
 * whole heads and columns allow. A rank owns the rows of wq, w1 and w3 and the columns of wo and
 * w2 that belong to its share, so what it computes with wo and w2 is a partial sum. The KV heads
 * its query heads read are computed here too, on several ranks where there are fewer of them.
 *
 * All matrices are stored [input][output], the other way round than in the file: then the inner
 * loop of a product runs along an output row, which a compiler vectorizes without reordering sums.
 */
#ifndef TP_LLAMA_SHARD_H
#define TP_LLAMA_SHARD_H

#include <stddef.h>

#include "failure.h"
#include "model.h"

/* A contiguous share of `total` things. */
struct share {
    size_t first;
    size_t count;
};

/* Rank's share; the first total % ranks of them hold one more. */
struct share share_of(size_t total, int rank, int ranks);

struct layer_shard {
    float *wq; /* [dim][q_width] */
    float *wk; /* [dim][kv_width] */
    float *wv; /* [dim][kv_width] */
    float *wo; /* [q_width][dim] */
    float *w1; /* [dim][hidden.count] */
    float *w3; /* [dim][hidden.count] */
    float *w2; /* [hidden.count][dim] */
};

struct shard {
    struct share heads;
    struct share kv_heads;
    struct share hidden;
    size_t q_width;  /* heads.count * head_size */
    size_t kv_width; /* kv_heads.count * head_size */

    struct layer_shard *layers; /* [model->layers] */
    float *classifier;          /* [dim][vocab], the whole on every rank */
    float *storage;             /* what the pointers above point into */
};

/* Copy the rank's weights, to be given to shard_free. 1 <= ranks <= model->heads. */
int shard_init(struct shard *shard, const struct model *model, int rank, int ranks,
               struct failure *failure);

void shard_free(struct shard *shard);

#endif
