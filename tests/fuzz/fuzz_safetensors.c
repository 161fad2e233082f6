// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Fuzzes the .safetensors reader: whatever the bytes, it refuses them or describes elements that
 * lie inside them. Tried without a name and with one that a corpus can hold.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "safetensors.h"

static void parse_as(const uint8_t *data, size_t size, const char *name)
{
    struct tensor tensor;
    struct failure failure;
    if (safetensors_parse(data, size, name, &tensor, &failure) != 0) {
        return;
    }
    const uint8_t *const elems = tensor.data;
    const size_t bytes = tensor.count * flc_type_bytes(tensor.type);
    if (elems < data + 8 || bytes > size || elems > data + size - bytes) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse_as(data, size, NULL);
    parse_as(data, size, "x");
    return 0;
}
