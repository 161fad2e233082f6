// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Reads the shape, checks each tensor against it, and only then allocates: one block for all
 * weights, in the order of the table in load_tensors, with the layers of a matrix side by side.
 */
#include "gguf_model.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "blk.1023.attn_output.weight" and room to spare. */
#define NAME_BYTES 64

static int read_shape(const struct gguf *gguf, struct model *model, struct failure *failure)
{
    const struct {
        const char *key;
        size_t max;
        size_t *number;
    } fields[] = {
        {"llama.embedding_length", MODEL_MAX_WIDTH, &model->dim},
        {"llama.feed_forward_length", MODEL_MAX_WIDTH, &model->hidden},
        {"llama.block_count", MODEL_MAX_LAYERS, &model->layers},
        {"llama.attention.head_count", MODEL_MAX_WIDTH, &model->heads},
        {"llama.attention.head_count_kv", MODEL_MAX_WIDTH, &model->kv_heads},
    };
    if (gguf_expect_text(gguf, "general.architecture", "llama", failure) != 0)
        return -1;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (gguf_read_number(gguf, fields[i].key, 1, fields[i].max, fields[i].number, failure) != 0)
            return -1;
    }
    if (model->dim % model->heads != 0 || model->dim / model->heads % 2 != 0)
        return failure_set(failure, "%s: width %zu over %zu heads is no even head size", gguf->path,
                           model->dim, model->heads);
    if (model->heads % model->kv_heads != 0)
        return failure_set(failure, "%s: %zu heads are no multiple of %zu KV heads", gguf->path,
                           model->heads, model->kv_heads);
    model->head_size = model->dim / model->heads;
    model->kv_dim = model->kv_heads * model->head_size;
    return 0;
}

/* What these options change is not computed here, so they must say the usual or nothing. */
static int check_variant(const struct gguf *gguf, const struct model *model,
                         struct failure *failure)
{
    static const char *const widths[] = {"llama.rope.dimension_count", "llama.attention.key_length",
                                         "llama.attention.value_length"};
    size_t number;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        if (gguf_find(gguf, widths[i]) != NULL &&
            gguf_read_number(gguf, widths[i], model->head_size, model->head_size, &number,
                             failure) != 0)
            return -1;
    }
    if (gguf_find(gguf, "llama.rope.scaling.type") != NULL &&
        gguf_expect_text(gguf, "llama.rope.scaling.type", "none", failure) != 0)
        return -1;
    if (gguf_find_tensor(gguf, "rope_freqs.weight") != NULL)
        return failure_set(failure,
                           "%s: has scaled rotary positions (rope_freqs.weight), which "
                           "are not supported",
                           gguf->path);
    return 0;
}

static int find_tensor(const struct gguf *gguf, const char *name, size_t inputs, size_t outputs,
                       const struct gguf_tensor **tensor, struct failure *failure)
{
    const struct gguf_tensor *found = gguf_find_tensor(gguf, name);
    if (found == NULL)
        return failure_set(failure, "%s: no tensor %s", gguf->path, name);
    if (found->dims[0] != inputs || found->dims[1] != outputs || found->elems != inputs * outputs)
        return failure_set(failure,
                           "%s: tensor %s has shape [%zu, %zu, %zu, %zu]; expected "
                           "[%zu, %zu]",
                           gguf->path, name, found->dims[0], found->dims[1], found->dims[2],
                           found->dims[3], inputs, outputs);
    *tensor = found;
    return 0;
}

/* A matrix of the model: the name of its tensor, in each layer or just one, and its shape. */
struct matrix {
    const char *name; /* in a layer, what stands between "blk.N." and ".weight" */
    size_t layers;    /* 0: a tensor outside the layers, whose whole name this is */
    size_t inputs;
    size_t outputs;
    const float **values;
};

static int find_matrix(const struct gguf *gguf, const struct matrix *matrix, size_t layer,
                       const struct gguf_tensor **tensor, struct failure *failure)
{
    char name[NAME_BYTES];
    if (matrix->layers == 0)
        snprintf(name, sizeof name, "%s", matrix->name);
    else
        snprintf(name, sizeof name, "blk.%zu.%s.weight", layer, matrix->name);
    return find_tensor(gguf, name, matrix->inputs, matrix->outputs, tensor, failure);
}

static size_t copies_of(const struct matrix *matrix)
{
    return matrix->layers == 0 ? 1 : matrix->layers;
}

/* Check all tensors before any memory is asked for. The sum cannot overflow: a file has few
 * tensors, and each lies in it. */
static int count_floats(const struct gguf *gguf, const struct matrix *matrices, size_t matrix_count,
                        uint64_t *floats, struct failure *failure)
{
    for (size_t i = 0; i < matrix_count; i++) {
        for (size_t layer = 0; layer < copies_of(&matrices[i]); layer++) {
            const struct gguf_tensor *tensor = NULL;
            if (find_matrix(gguf, &matrices[i], layer, &tensor, failure) != 0)
                return -1;
            *floats += tensor->elems;
        }
    }
    return 0;
}

static void fill_rope(float *cosines, float *sines, const struct model *model, double base)
{
    const size_t pairs = model->head_size / 2;
    for (size_t row = 0; row < model->context; row++) {
        for (size_t i = 0; i < pairs; i++) {
            const double turn = pow(base, -2.0 * (double)i / (double)model->head_size);
            cosines[row * pairs + i] = (float)cos((double)row * turn);
            sines[row * pairs + i] = (float)sin((double)row * turn);
        }
    }
}

static int load_tensors(const struct gguf *gguf, float rope_base, struct model *model,
                        struct failure *failure)
{
    const size_t dim = model->dim;
    const bool is_tied = gguf_find_tensor(gguf, "output.weight") == NULL;
    const struct matrix matrices[] = {
        {"token_embd.weight", 0, dim, model->vocab, &model->token_embedding},
        {"attn_norm", model->layers, dim, 1, &model->rms_attention},
        {"attn_q", model->layers, dim, dim, &model->wq},
        {"attn_k", model->layers, dim, model->kv_dim, &model->wk},
        {"attn_v", model->layers, dim, model->kv_dim, &model->wv},
        {"attn_output", model->layers, dim, dim, &model->wo},
        {"ffn_norm", model->layers, dim, 1, &model->rms_ffn},
        {"ffn_gate", model->layers, dim, model->hidden, &model->w1},
        {"ffn_down", model->layers, model->hidden, dim, &model->w2},
        {"ffn_up", model->layers, dim, model->hidden, &model->w3},
        {"output_norm.weight", 0, dim, 1, &model->rms_final},
        {"output.weight", 0, dim, model->vocab, &model->classifier}, /* the last: see is_tied */
    };
    const size_t matrix_count = sizeof matrices / sizeof matrices[0] - (is_tied ? 1 : 0);
    const size_t rope = model->context * (model->head_size / 2);

    uint64_t floats = 2 * (uint64_t)rope;
    if (count_floats(gguf, matrices, matrix_count, &floats, failure) != 0)
        return -1;
    float *next = floats > SIZE_MAX / sizeof *next ? NULL : malloc((size_t)floats * sizeof *next);
    if (next == NULL)
        return failure_set(failure, "%s: out of memory for %llu weights", gguf->path,
                           (unsigned long long)floats);
    model->storage = next;
    for (size_t i = 0; i < matrix_count; i++) {
        *matrices[i].values = next;
        for (size_t layer = 0; layer < copies_of(&matrices[i]); layer++) {
            const struct gguf_tensor *tensor = NULL;
            if (find_matrix(gguf, &matrices[i], layer, &tensor, failure) != 0)
                return -1;
            gguf_dequantize(tensor, next);
            next += tensor->elems;
        }
    }
    if (is_tied)
        model->classifier = model->token_embedding;
    model->rope_cos = next;
    model->rope_sin = next + rope;
    fill_rope(next, next + rope, model, (double)rope_base);
    return 0;
}

int gguf_model_load(const struct gguf *gguf, size_t context, struct model *model,
                    struct failure *failure)
{
    memset(model, 0, sizeof *model);
    float rope_base = 10000.0f; /* what the format takes where a file does not say */
    size_t max_context = 0;
    if (read_shape(gguf, model, failure) != 0 || check_variant(gguf, model, failure) != 0 ||
        gguf_read_number(gguf, "llama.context_length", 1, SIZE_MAX, &max_context, failure) != 0 ||
        gguf_read_float(gguf, "llama.attention.layer_norm_rms_epsilon", &model->norm_epsilon,
                        failure) != 0 ||
        (gguf_find(gguf, "llama.rope.freq_base") != NULL &&
         gguf_read_float(gguf, "llama.rope.freq_base", &rope_base, failure) != 0))
        return -1;
    if (context > max_context)
        return failure_set(failure, "%s: --context is %zu; allowed with this model: 2 to %zu",
                           gguf->path, context, max_context);
    const struct gguf_tensor *embedding = gguf_find_tensor(gguf, "token_embd.weight");
    if (embedding == NULL || embedding->dims[1] > MODEL_MAX_VOCAB)
        return failure_set(failure, "%s: no tensor token_embd.weight of 1 to %d tokens", gguf->path,
                           MODEL_MAX_VOCAB);
    model->vocab = embedding->dims[1];
    model->context = context;
    if (load_tensors(gguf, rope_base, model, failure) != 0) {
        model_free(model);
        return -1;
    }
    return 0;
}
