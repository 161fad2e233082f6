// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A tensor of a file: its shape, element type and elements.
 *
 * Parsers (npy.h, safetensors.h) are pure functions over the bytes of a file and leave `data`
 * pointing into them; tensor_load reads a file and copies. Elements are little-endian, in C
 * order (the last dimension is contiguous).
 */
#ifndef TENSOR_H
#define TENSOR_H

#include <stddef.h>

#include "flashcomm/codec.h"
#include "tool_failure.h"

#define TENSOR_MAX_DIMS 8

/* Room for the text of any shape: 8 numbers of 20 digits, commas, spaces, parentheses, NUL. */
#define TENSOR_SHAPE_TEXT_BYTES 192

struct tensor {
    int dims;                      /* 1 to TENSOR_MAX_DIMS */
    size_t shape[TENSOR_MAX_DIMS]; /* [dims], any of them may be 0 */
    size_t count;                  /* product of the shape */
    flc_type type;
    const void *data; /* [count] elements; a parser's have any alignment */
    void *memory;     /* what tensor_free frees; NULL where a parser made the tensor */
};

/*
 * Read a file: .npy by its first bytes, else .safetensors by its name.
 *
 *   name    which tensor of a .safetensors file; NULL where it holds one only, and for .npy
 *   tensor  written on success; release with tensor_free
 *
 * 0, or -1 with a sentence that names the file.
 */
int tensor_load(const char *path, const char *name, struct tensor *tensor, struct failure *failure);

/* Convert a loaded tensor to another element type. 0, or -1 when out of memory. */
int tensor_convert(struct tensor *tensor, flc_type type, struct failure *failure);

void tensor_free(struct tensor *tensor);

/*
 * For parsers: set `count` from `dims`, `shape` and `type`, and check that the file has exactly
 * so many bytes of elements. `data_bytes` is what the file has.
 */
int tensor_set_count(struct tensor *tensor, size_t data_bytes, struct failure *failure);

/* Write a shape such as "(4, 288)" or "(7)"; returns `text`. */
const char *tensor_shape_text(int dims, const size_t *shape, char text[TENSOR_SHAPE_TEXT_BYTES]);

#endif
