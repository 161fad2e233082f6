// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * NumPy's .npy files: read and write one array of float32 or float16.
 *
 * A file is "\x93NUMPY", a version, the header's length, the header (a Python dictionary as
 * text), then the elements. Versions 1 to 3 are read, 1 is written.
 */
#ifndef NPY_H
#define NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor.h"

/* Does a file with these bytes claim to be .npy? */
bool npy_is(const uint8_t *bytes, size_t size);

/*
 * Read the header and check it against the size. Pure: reads nothing but [size] bytes.
 *
 *   tensor  written on success; its data points into `bytes`
 */
int npy_parse(const uint8_t *bytes, size_t size, struct tensor *tensor, struct failure *failure);

/*
 * Write an array; bf16, which .npy does not know, is widened to float32. The file appears under
 * its name only when it is whole.
 *
 *   shape  [dims], 1 to TENSOR_MAX_DIMS
 *   data   as many elements of `type` as the shape says
 */
int npy_save(const char *path, int dims, const size_t *shape, flc_type type, const void *data,
             struct failure *failure);

#endif
