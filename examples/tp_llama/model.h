// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A llama-shaped model in memory, and its loader from the "legacy export" layout of llama2.c: seven
 * int32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len), then every tensor as
 * float32, all little endian. A negative vocab_size says that the classifier is a tensor of its
 * own; otherwise it is the token embedding. Matrices are [output][input], one after the other over
 * the layers. gguf_model.h is the other loader.
 */
#ifndef TP_LLAMA_MODEL_H
#define TP_LLAMA_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"

/* Generous for anything one would run in plain C; layers * dim * hidden stays below 2^43. */
#define MODEL_MAX_WIDTH  (1 << 16)
#define MODEL_MAX_LAYERS (1 << 10)
#define MODEL_MAX_VOCAB  (1 << 20)

struct model {
    size_t dim;
    size_t hidden;
    size_t layers;
    size_t heads;
    size_t kv_heads; /* divides heads: each serves heads / kv_heads query heads */
    size_t vocab;
    size_t context;
    size_t head_size; /* dim / heads, even */
    size_t kv_dim;    /* kv_heads * head_size */
    float norm_epsilon;
    uint64_t fingerprint; /* of the whole file */

    const float *token_embedding; /* [vocab][dim] */
    const float *rms_attention;   /* [layers][dim] */
    const float *wq;              /* [layers][dim][dim] */
    const float *wk;              /* [layers][kv_dim][dim] */
    const float *wv;              /* [layers][kv_dim][dim] */
    const float *wo;              /* [layers][dim][dim] */
    const float *rms_ffn;         /* [layers][dim] */
    const float *w1;              /* [layers][hidden][dim] */
    const float *w2;              /* [layers][dim][hidden] */
    const float *w3;              /* [layers][hidden][dim] */
    const float *rms_final;       /* [dim] */
    const float *rope_cos;        /* [context][head_size / 2] */
    const float *rope_sin;        /* [context][head_size / 2] */
    const float *classifier;      /* [vocab][dim] */

    void *storage; /* what the pointers above point into */
};

/* Fill `model`, to be given to model_free; the file's size must be the one its header implies. */
int model_load(const char *path, struct model *model, struct failure *failure);

void model_free(struct model *model);

#endif
