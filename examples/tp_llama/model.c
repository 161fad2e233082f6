// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Loads a model file. The header is checked field by field against limits small enough that no
 * product of them overflows 64 bits; the sum over all tensors must then be the file's size, and
 * only after that is a pointer formed.
 */
#include "model.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fingerprint.h"
#include "read_file.h"

/* The weights are used where they lie in the file. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is little endian");

/* What these models were trained with; the file does not say. */
#define NORM_EPSILON 1e-5f

enum header_field { DIM, HIDDEN, LAYERS, HEADS, KV_HEADS, VOCAB, CONTEXT, HEADER_FIELDS };

#define HEADER_BYTES (HEADER_FIELDS * sizeof(int32_t))

static const struct {
    const char *name;
    int32_t max;
} field_limits[HEADER_FIELDS] = {
    [DIM] = {"dim", MODEL_MAX_WIDTH},
    [HIDDEN] = {"hidden_dim", MODEL_MAX_WIDTH},
    [LAYERS] = {"n_layers", MODEL_MAX_LAYERS},
    [HEADS] = {"n_heads", MODEL_MAX_WIDTH},
    [KV_HEADS] = {"n_kv_heads", MODEL_MAX_WIDTH},
    [VOCAB] = {"vocab_size", MODEL_MAX_VOCAB},
    [CONTEXT] = {"seq_len", MODEL_MAX_WIDTH},
};

static int check_header(const char *path, const int32_t header[HEADER_FIELDS],
                        struct failure *failure)
{
    for (int i = 0; i < HEADER_FIELDS; i++) {
        if (header[i] < 1 || header[i] > field_limits[i].max)
            return failure_set(failure, "%s: header field %s is %d; allowed: 1 to %d", path,
                               field_limits[i].name, header[i], field_limits[i].max);
    }
    const int32_t dim = header[DIM];
    const int32_t heads = header[HEADS];
    if (dim % heads != 0 || dim / heads % 2 != 0)
        return failure_set(failure, "%s: dim %d over n_heads %d is no even head size", path, dim,
                           heads);
    if (heads % header[KV_HEADS] != 0)
        return failure_set(failure, "%s: n_heads %d is no multiple of n_kv_heads %d", path, heads,
                           header[KV_HEADS]);
    return 0;
}

static void set_shape(struct model *model, const int32_t header[HEADER_FIELDS])
{
    model->dim = (size_t)header[DIM];
    model->hidden = (size_t)header[HIDDEN];
    model->layers = (size_t)header[LAYERS];
    model->heads = (size_t)header[HEADS];
    model->kv_heads = (size_t)header[KV_HEADS];
    model->vocab = (size_t)header[VOCAB];
    model->context = (size_t)header[CONTEXT];
    model->head_size = model->dim / model->heads;
    model->kv_dim = model->kv_heads * model->head_size;
    model->norm_epsilon = NORM_EPSILON;
}

/* A tensor of the file: where its pointer goes and how many elements it has. */
struct tensor {
    const float **values;
    uint64_t count;
};

/* Give every tensor its place, in the order of the file. */
static int place_tensors(struct model *model, int is_tied, size_t file_bytes, const char *path,
                         struct failure *failure)
{
    const uint64_t dim = model->dim;
    const uint64_t hidden = model->hidden;
    const uint64_t layers = model->layers;
    const uint64_t rope = (uint64_t)model->context * (model->head_size / 2);
    const struct tensor tensors[] = {
        {&model->token_embedding, model->vocab * dim},
        {&model->rms_attention, layers * dim},
        {&model->wq, layers * dim * dim},
        {&model->wk, layers * model->kv_dim * dim},
        {&model->wv, layers * model->kv_dim * dim},
        {&model->wo, layers * dim * dim},
        {&model->rms_ffn, layers * dim},
        {&model->w1, layers * hidden * dim},
        {&model->w2, layers * dim * hidden},
        {&model->w3, layers * hidden * dim},
        {&model->rms_final, dim},
        {&model->rope_cos, rope},
        {&model->rope_sin, rope},
        {&model->classifier, is_tied ? 0 : model->vocab * dim},
    };
    const size_t tensor_count = sizeof tensors / sizeof tensors[0];

    uint64_t expected_bytes = HEADER_BYTES;
    for (size_t i = 0; i < tensor_count; i++)
        expected_bytes += tensors[i].count * sizeof(float);
    if (expected_bytes != file_bytes)
        return failure_set(failure, "%s: %zu bytes, but its header implies %llu", path, file_bytes,
                           (unsigned long long)expected_bytes);

    const float *next = (const float *)model->storage + HEADER_BYTES / sizeof(float);
    for (size_t i = 0; i < tensor_count; i++) {
        *tensors[i].values = next;
        next += tensors[i].count;
    }
    if (is_tied)
        model->classifier = model->token_embedding;
    return 0;
}

int model_load(const char *path, struct model *model, struct failure *failure)
{
    memset(model, 0, sizeof *model);
    unsigned char *file = NULL;
    size_t file_bytes = 0;
    if (read_file(path, &file, &file_bytes, failure) != 0)
        return -1;
    model->storage = file;

    int32_t header[HEADER_FIELDS] = {0};
    if (file_bytes < HEADER_BYTES) {
        failure_set(failure, "%s: %zu bytes, too short for a model header of %zu", path, file_bytes,
                    HEADER_BYTES);
        goto err;
    }
    memcpy(header, file, HEADER_BYTES);
    const int is_tied = header[VOCAB] > 0;
    if (!is_tied && header[VOCAB] != INT32_MIN)
        header[VOCAB] = -header[VOCAB];
    if (check_header(path, header, failure) != 0)
        goto err;
    set_shape(model, header);
    if (place_tensors(model, is_tied, file_bytes, path, failure) != 0)
        goto err;
    model->fingerprint = fingerprint_of(file, file_bytes);
    return 0;

err:
    model_free(model);
    return -1;
}

void model_free(struct model *model)
{
    free(model->storage);
    model->storage = NULL;
}
