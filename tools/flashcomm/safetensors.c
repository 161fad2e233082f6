// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Reads .safetensors headers: see safetensors.h. jansson parses the JSON (and bounds its
 * depth); what it says is a claim of the file, checked here against the file's size.
 */
#include "safetensors.h"

#if defined(FLC_HAVE_JANSSON)

#    include <jansson.h>
#    include <stdio.h>
#    include <string.h>

#    define LENGTH_BYTES 8

/* The format's own limit; without one a header could claim most of a large file. */
#    define HEADER_MAX_BYTES 100000000u

/* How many names an error lists. */
#    define NAMES_LISTED 8

static const char metadata_key[] = "__metadata__"; /* not a tensor */

/* "a, b, c", cut after some names, for an error to suggest. */
static void list_names(json_t *root, char *text, size_t text_bytes)
{
    size_t used = 0;
    int listed = 0;
    const char *name;
    json_t *entry;
    text[0] = '\0';
    json_object_foreach(root, name, entry)
    {
        (void)entry;
        if (strcmp(name, metadata_key) == 0) {
            continue;
        }
        if (listed == NAMES_LISTED || used >= text_bytes - 1) {
            (void)snprintf(text + used, text_bytes - used, ", ...");
            return;
        }
        const int length =
            snprintf(text + used, text_bytes - used, "%s%s", listed == 0 ? "" : ", ", name);
        used += (size_t)length < text_bytes - used ? (size_t)length : text_bytes - used - 1;
        listed++;
    }
}

static json_t *find_entry(json_t *root, const char *name, struct failure *failure)
{
    char names[512];
    const size_t others = json_object_get(root, metadata_key) != NULL ? 1 : 0;
    const size_t tensors = json_object_size(root) - others;
    if (tensors == 0) {
        (void)failure_set(failure, "holds no tensor");
        return NULL;
    }
    list_names(root, names, sizeof names);
    if (name == NULL && tensors > 1) {
        (void)failure_set(failure, "holds %zu tensors: name one with --tensor: %s", tensors, names);
        return NULL;
    }
    const char *key;
    json_t *entry;
    json_object_foreach(root, key, entry)
    {
        if (strcmp(key, metadata_key) != 0 && (name == NULL || strcmp(key, name) == 0)) {
            return entry;
        }
    }
    (void)failure_set(failure, "holds no tensor '%s'; it holds %s", name, names);
    return NULL;
}

static int read_type(json_t *entry, flc_type *type, struct failure *failure)
{
    static const char *const names[] = {
        [FLC_FLOAT32] = "F32", [FLC_FLOAT16] = "F16", [FLC_BFLOAT16] = "BF16"};
    const char *const dtype = json_string_value(json_object_get(entry, "dtype"));
    if (dtype == NULL) {
        return failure_set(failure, "safetensors header: the tensor has no string \"dtype\"");
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(dtype, names[i]) == 0) {
            *type = (flc_type)i;
            return 0;
        }
    }
    return failure_set(failure, "element type %s is not read; F32, F16 and BF16 are", dtype);
}

static int read_size(json_t *value, const char *what, size_t *size, struct failure *failure)
{
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (unsigned long long)number > SIZE_MAX) {
        return failure_set(failure, "safetensors header: %s holds something other than a size",
                           what);
    }
    *size = (size_t)number;
    return 0;
}

static int read_shape(json_t *entry, struct tensor *tensor, struct failure *failure)
{
    json_t *const shape = json_object_get(entry, "shape");
    if (!json_is_array(shape)) {
        return failure_set(failure, "safetensors header: the tensor has no array \"shape\"");
    }
    const size_t dims = json_array_size(shape);
    if (dims < 1 || dims > TENSOR_MAX_DIMS) {
        return failure_set(failure, "has %zu dimensions: 1 to %d are read", dims, TENSOR_MAX_DIMS);
    }
    for (size_t i = 0; i < dims; i++) {
        if (read_size(json_array_get(shape, i), "shape", &tensor->shape[i], failure) != 0) {
            return -1;
        }
    }
    tensor->dims = (int)dims;
    return 0;
}

/* The tensor's bytes: from `begin` to `end` of the [data_bytes] after the header. */
static int read_offsets(json_t *entry, size_t data_bytes, size_t *begin, size_t *end,
                        struct failure *failure)
{
    json_t *const offsets = json_object_get(entry, "data_offsets");
    if (!json_is_array(offsets) || json_array_size(offsets) != 2) {
        return failure_set(failure,
                           "safetensors header: the tensor has no \"data_offsets\" of two numbers");
    }
    if (read_size(json_array_get(offsets, 0), "data_offsets", begin, failure) != 0 ||
        read_size(json_array_get(offsets, 1), "data_offsets", end, failure) != 0) {
        return -1;
    }
    if (*begin > *end || *end > data_bytes) {
        return failure_set(failure,
                           "safetensors header: data_offsets %zu to %zu do not lie in the %zu "
                           "bytes after the header",
                           *begin, *end, data_bytes);
    }
    return 0;
}

static int read_tensor(json_t *root, const char *name, const uint8_t *data, size_t data_bytes,
                       struct tensor *tensor, struct failure *failure)
{
    json_t *const entry = find_entry(root, name, failure);
    if (entry == NULL) {
        return -1;
    }
    struct tensor view = {.dims = 0};
    size_t begin = 0;
    size_t end = 0;
    if (read_type(entry, &view.type, failure) != 0 || read_shape(entry, &view, failure) != 0 ||
        read_offsets(entry, data_bytes, &begin, &end, failure) != 0 ||
        tensor_set_count(&view, end - begin, failure) != 0) {
        return -1;
    }
    view.data = data + begin;
    *tensor = view;
    return 0;
}

int safetensors_parse(const uint8_t *bytes, size_t size, const char *name, struct tensor *tensor,
                      struct failure *failure)
{
    if (size < LENGTH_BYTES) {
        return failure_set(failure, "ends after %zu bytes, inside the safetensors header", size);
    }
    uint64_t length = 0;
    for (int i = 0; i < LENGTH_BYTES; i++) {
        length |= (uint64_t)bytes[i] << (8 * i);
    }
    if (length > HEADER_MAX_BYTES || length > size - LENGTH_BYTES) {
        return failure_set(failure,
                           "safetensors header of %llu bytes does not fit in a file of %zu bytes "
                           "(at most %u are read)",
                           (unsigned long long)length, size, HEADER_MAX_BYTES);
    }
    json_error_t error;
    const char *const text = (const char *)bytes + LENGTH_BYTES;
    json_t *const root = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        return failure_set(failure, "safetensors header: %s at byte %d", error.text,
                           error.position);
    }
    const size_t header_bytes = LENGTH_BYTES + (size_t)length;
    int result;
    if (json_is_object(root)) {
        result =
            read_tensor(root, name, bytes + header_bytes, size - header_bytes, tensor, failure);
    } else {
        result = failure_set(failure, "safetensors header: holds no JSON object");
    }
    json_decref(root);
    return result;
}

#else

int safetensors_parse(const uint8_t *bytes, size_t size, const char *name, struct tensor *tensor,
                      struct failure *failure)
{
    (void)bytes;
    (void)size;
    (void)name;
    (void)tensor;
    return failure_set(failure, "this flashcomm was built without jansson and reads no "
                                ".safetensors files");
}

#endif
