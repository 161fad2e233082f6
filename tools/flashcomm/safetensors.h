// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * .safetensors files: read one tensor of F32, F16 or BF16.
 *
 * A file is a 64-bit length, a JSON object of that many bytes (for each tensor its dtype, shape
 * and data_offsets), then the elements of all tensors. The JSON is read by jansson; built
 * without it, safetensors_parse refuses every file and says so.
 */
#ifndef SAFETENSORS_H
#define SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "tensor.h"

/*
 * Find one tensor and check its entry against the size. Reads nothing but [size] bytes.
 *
 *   name    NULL where the file holds one tensor only
 *   tensor  written on success; its data points into `bytes`, at any alignment
 */
int safetensors_parse(const uint8_t *bytes, size_t size, const char *name, struct tensor *tensor,
                      struct failure *failure);

#endif
