// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What every rank sends: see run_inputs.h. Either one file is cut along its first dimension, or
 * every rank has a file of its own.
 */
#include "run_inputs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Every rank has a file of its own; or the root has one, and no other rank. */
static void use_files(const struct run_options *o, struct run_inputs *in)
{
    const struct tensor *const first = &in->tensors[0];
    for (size_t i = 0; i < in->tensor_count; i++) {
        in->data[o->collective->has_root ? (size_t)o->root : i] = in->tensors[i].data;
    }
    in->count = first->count;
    in->dims = first->dims;
    memcpy(in->shape, first->shape, sizeof in->shape);
}

/* One file for all ranks: its first dimension is the rank. */
static void use_slices(const struct run_options *o, struct run_inputs *in)
{
    const struct tensor *const tensor = &in->tensors[0];
    const size_t slice_bytes = tensor->count / (size_t)o->ranks * flc_type_bytes(tensor->type);
    for (int r = 0; r < o->ranks; r++) {
        in->data[r] = (const char *)tensor->data + (size_t)r * slice_bytes;
    }
    in->count = tensor->count / (size_t)o->ranks;
    in->dims = tensor->dims - 1;
    for (int i = 0; i < in->dims; i++) {
        in->shape[i] = tensor->shape[i + 1];
    }
    if (in->dims == 0) {
        in->dims = 1; /* one number a rank: .npy without dimensions is not written */
        in->shape[0] = 1;
    }
}

static int load_all(const struct run_options *o, struct run_inputs *in, struct failure *failure)
{
    in->tensors = calloc(o->file_count, sizeof *in->tensors);
    if (in->tensors == NULL) {
        return failure_set(failure, "out of memory");
    }
    for (size_t i = 0; i < o->file_count; i++) {
        if (tensor_load(o->files[i], o->tensor, &in->tensors[i], failure) != 0) {
            return -1;
        }
        in->tensor_count++;
    }
    return 0;
}

/* Shape and type, as the files have them, must agree. */
static int check_like_first(const struct run_options *o, const struct run_inputs *in, size_t index,
                            struct failure *failure)
{
    const struct tensor *const first = &in->tensors[0];
    const struct tensor *const tensor = &in->tensors[index];
    const size_t shape_bytes = (size_t)first->dims * sizeof first->shape[0];
    if (tensor->dims == first->dims && tensor->type == first->type &&
        memcmp(tensor->shape, first->shape, shape_bytes) == 0) {
        return 0;
    }
    char text[TENSOR_SHAPE_TEXT_BYTES];
    char first_text[TENSOR_SHAPE_TEXT_BYTES];
    return failure_set(failure, "%s has shape %s of %s, %s has %s of %s: all must agree",
                       o->files[index], tensor_shape_text(tensor->dims, tensor->shape, text),
                       flc_type_name(tensor->type), o->files[0],
                       tensor_shape_text(first->dims, first->shape, first_text),
                       flc_type_name(first->type));
}

/* Whether the number of files is right; sets *sliced where one file serves all ranks. */
static int check_files(const struct run_options *o, const struct run_inputs *in, bool *sliced,
                       struct failure *failure)
{
    const size_t ranks = (size_t)o->ranks;
    const struct tensor *const first = &in->tensors[0];
    char text[TENSOR_SHAPE_TEXT_BYTES];
    *sliced = o->file_count == 1 && first->shape[0] == ranks && !o->collective->has_root;
    if (o->file_count != ranks && !*sliced && !o->collective->has_root) {
        return failure_set(failure,
                           "%s has shape %s: the first dimension of a single file must be the "
                           "ranks, %zu; otherwise give one file for each rank",
                           o->files[0], tensor_shape_text(first->dims, first->shape, text), ranks);
    }
    for (size_t i = 1; i < in->tensor_count; i++) {
        if (check_like_first(o, in, i, failure) != 0) {
            return -1;
        }
    }
    return 0;
}

int run_inputs_load(const struct run_options *o, struct run_inputs *in, struct failure *failure)
{
    const size_t ranks = (size_t)o->ranks;
    bool sliced = false;
    *in = (struct run_inputs){.count = 0};
    if (o->collective->has_root && o->file_count != 1) {
        return failure_set(failure, "%zu files: %s takes one, the root's", o->file_count,
                           o->collective->name);
    }
    if (o->file_count != 1 && o->file_count != ranks) {
        return failure_set(failure,
                           "%zu files for %zu ranks: give one file for each rank, or one file "
                           "whose first dimension is the ranks",
                           o->file_count, ranks);
    }
    if (load_all(o, in, failure) != 0 || check_files(o, in, &sliced, failure) != 0) {
        return -1;
    }
    for (size_t i = 0; i < in->tensor_count && o->has_type; i++) {
        if (tensor_convert(&in->tensors[i], o->type, failure) != 0) {
            return -1;
        }
    }
    in->type = in->tensors[0].type;
    if (sliced) {
        use_slices(o, in);
    } else {
        use_files(o, in);
    }
    if (o->collective->sends_all && in->count % ranks != 0) {
        return failure_set(failure,
                           "%s gives a rank %zu elements: %s cuts them into a chunk for each of "
                           "%zu ranks, which must be equal",
                           o->files[0], in->count, o->collective->name, ranks);
    }
    return 0;
}

void run_inputs_free(struct run_inputs *inputs)
{
    for (size_t i = 0; i < inputs->tensor_count; i++) {
        tensor_free(&inputs->tensors[i]);
    }
    free(inputs->tensors);
    inputs->tensors = NULL;
    inputs->tensor_count = 0;
}
