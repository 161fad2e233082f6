// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Fuzzes the .npy reader: whatever the bytes, it refuses them or describes elements that lie
 * inside them.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensor tensor;
    struct failure failure;
    if (npy_parse(data, size, &tensor, &failure) != 0) {
        return 0;
    }
    const uint8_t *const elems = tensor.data;
    const size_t bytes = tensor.count * flc_type_bytes(tensor.type);
    if (elems < data || elems + bytes != data + size) {
        abort();
    }
    return 0;
}
