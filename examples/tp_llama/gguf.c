// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Parses the tables of a GGUF file. A cursor never leaves the image: each read first compares what
 * it needs with what is left. Counts are limited by the bytes that so many items must at least
 * take, so a lie about a count cannot make an allocation larger than a few times the file.
 */
#include "gguf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "numbers are used as they lie in the file");

#define MAGIC       "GGUF"
#define MAGIC_BYTES 4
#define VERSION     3

/* Where the file does not say otherwise, tensors start at multiples of this. */
#define DEFAULT_ALIGNMENT 32
#define MAX_ALIGNMENT     ((size_t)1 << 16)

/* Key length, type and one byte; name length, dimension count, encoding and offset. */
#define MIN_VALUE_BYTES  13
#define MIN_TENSOR_BYTES 24

/* A search walks over all of them; models have hundreds. */
#define MAX_TABLE_ROWS 65536

static const size_t type_bytes[GGUF_TYPES] = {
    [GGUF_UINT8] = 1,  [GGUF_INT8] = 1,  [GGUF_UINT16] = 2,  [GGUF_INT16] = 2,
    [GGUF_UINT32] = 4, [GGUF_INT32] = 4, [GGUF_FLOAT32] = 4, [GGUF_BOOL] = 1,
    [GGUF_UINT64] = 8, [GGUF_INT64] = 8, [GGUF_FLOAT64] = 8, /* strings and arrays: their own */
};

struct cursor {
    const uint8_t *image;
    size_t image_bytes;
    size_t at; /* <= image_bytes */
    const char *path;
    struct failure *failure;
};

static int take(struct cursor *cursor, void *target, size_t bytes)
{
    if (bytes > cursor->image_bytes - cursor->at)
        return failure_set(cursor->failure, "%s: ends at byte %zu, inside its tables", cursor->path,
                           cursor->image_bytes);
    memcpy(target, cursor->image + cursor->at, bytes);
    cursor->at += bytes;
    return 0;
}

static int skip(struct cursor *cursor, uint64_t count, size_t item_bytes)
{
    if (count > (cursor->image_bytes - cursor->at) / item_bytes)
        return failure_set(cursor->failure, "%s: %llu items of %zu bytes at byte %zu; %zu are left",
                           cursor->path, (unsigned long long)count, item_bytes, cursor->at,
                           cursor->image_bytes - cursor->at);
    cursor->at += (size_t)count * item_bytes;
    return 0;
}

static int take_text(struct cursor *cursor, struct gguf_text *text)
{
    uint64_t bytes = 0;
    if (take(cursor, &bytes, sizeof bytes) != 0)
        return -1;
    text->bytes = (const char *)cursor->image + cursor->at;
    if (skip(cursor, bytes, 1) != 0)
        return -1;
    text->byte_count = (size_t)bytes;
    return 0;
}

static int take_type(struct cursor *cursor, enum gguf_type *type)
{
    uint32_t number = 0;
    if (take(cursor, &number, sizeof number) != 0)
        return -1;
    if (number >= GGUF_TYPES)
        return failure_set(cursor->failure, "%s: value type %u before byte %zu; allowed: 0 to %d",
                           cursor->path, number, cursor->at, GGUF_TYPES - 1);
    *type = (enum gguf_type)number;
    return 0;
}

static int take_value(struct cursor *cursor, struct gguf_value *value)
{
    uint64_t count = 1;
    if (take_text(cursor, &value->key) != 0 || take_type(cursor, &value->type) != 0)
        return -1;
    value->is_array = value->type == GGUF_ARRAY;
    if (value->is_array &&
        (take_type(cursor, &value->type) != 0 || take(cursor, &count, sizeof count) != 0))
        return -1;
    if (value->type == GGUF_ARRAY)
        return failure_set(cursor->failure, "%s: an array of arrays before byte %zu; not supported",
                           cursor->path, cursor->at);
    value->data = cursor->image + cursor->at;
    if (value->type != GGUF_STRING) {
        if (skip(cursor, count, type_bytes[value->type]) != 0)
            return -1;
    } else {
        struct gguf_text text;
        for (uint64_t i = 0; i < count; i++) {
            if (take_text(cursor, &text) != 0)
                return -1;
        }
    }
    value->count = (size_t)count;
    return 0;
}

static int take_dims(struct cursor *cursor, struct gguf_tensor *tensor)
{
    uint32_t dim_count = 0;
    if (take(cursor, &dim_count, sizeof dim_count) != 0)
        return -1;
    if (dim_count > GGUF_MAX_DIMS)
        return failure_set(cursor->failure,
                           "%s: a tensor of %u dimensions before byte %zu; allowed: 0 to %d",
                           cursor->path, dim_count, cursor->at, GGUF_MAX_DIMS);
    tensor->elems = 1;
    for (size_t i = 0; i < GGUF_MAX_DIMS; i++) {
        uint64_t dim = 1;
        if (i < dim_count && take(cursor, &dim, sizeof dim) != 0)
            return -1;
        if (dim == 0 || dim > SIZE_MAX / sizeof(float) / tensor->elems)
            return failure_set(cursor->failure, "%s: tensor with a dimension of %llu at byte %zu",
                               cursor->path, (unsigned long long)dim, cursor->at);
        tensor->dims[i] = (size_t)dim;
        tensor->elems *= (size_t)dim;
    }
    return 0;
}

/* A block is the unit of an encoding; rows are whole blocks. */
static bool block_shape(uint32_t encoding, size_t *elems, size_t *bytes)
{
    switch (encoding) {
    case GGUF_F32:
        *elems = 1;
        *bytes = 4;
        return true;
    case GGUF_Q4_1:
        *elems = 32;
        *bytes = 20;
        return true;
    case GGUF_Q8_0:
        *elems = 32;
        *bytes = 34;
        return true;
    default:
        return false;
    }
}

/* `offset` is where in the data section the tensor says it starts. */
static int take_tensor(struct cursor *cursor, struct gguf_tensor *tensor, uint64_t *offset)
{
    uint32_t encoding = 0;
    if (take_text(cursor, &tensor->name) != 0 || take_dims(cursor, tensor) != 0 ||
        take(cursor, &encoding, sizeof encoding) != 0 || take(cursor, offset, sizeof *offset) != 0)
        return -1;
    size_t block_elems;
    size_t block_bytes;
    if (!block_shape(encoding, &block_elems, &block_bytes))
        return failure_set(cursor->failure,
                           "%s: a tensor of type %u before byte %zu; supported: %d (F32), %d "
                           "(Q4_1), %d (Q8_0)",
                           cursor->path, encoding, cursor->at, GGUF_F32, GGUF_Q4_1, GGUF_Q8_0);
    if (tensor->dims[0] % block_elems != 0)
        return failure_set(cursor->failure,
                           "%s: a tensor with rows of %zu before byte %zu; its type needs a "
                           "multiple of %zu",
                           cursor->path, tensor->dims[0], cursor->at, block_elems);
    tensor->encoding = (enum gguf_encoding)encoding;
    tensor->data_bytes = tensor->elems / block_elems * block_bytes; /* <= 4 an element */
    return 0;
}

static int take_tensors(struct cursor *cursor, struct gguf *gguf, uint64_t *offsets)
{
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        if (take_tensor(cursor, &gguf->tensors[i], &offsets[i]) != 0)
            return -1;
    }
    size_t alignment = DEFAULT_ALIGNMENT;
    if (gguf_find(gguf, "general.alignment") != NULL &&
        gguf_read_number(gguf, "general.alignment", 1, MAX_ALIGNMENT, &alignment,
                         cursor->failure) != 0)
        return -1;
    const size_t padding = (alignment - cursor->at % alignment) % alignment;
    if (padding > cursor->image_bytes - cursor->at)
        return failure_set(cursor->failure, "%s: ends before its tensors", cursor->path);
    const size_t data_at = cursor->at + padding;
    const size_t left = cursor->image_bytes - data_at;
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        struct gguf_tensor *tensor = &gguf->tensors[i];
        if (offsets[i] % alignment != 0 || offsets[i] > left ||
            tensor->data_bytes > left - offsets[i])
            return failure_set(cursor->failure,
                               "%s: tensor %zu has %zu bytes at %llu of the data; allowed: "
                               "multiples of %zu, and %zu bytes in all",
                               cursor->path, i, tensor->data_bytes, (unsigned long long)offsets[i],
                               alignment, left);
        tensor->data = cursor->image + data_at + offsets[i];
    }
    return 0;
}

static int take_tables(struct cursor *cursor, struct gguf *gguf)
{
    gguf->values = calloc(gguf->value_count + 1, sizeof *gguf->values);
    gguf->tensors = calloc(gguf->tensor_count + 1, sizeof *gguf->tensors);
    uint64_t *offsets = calloc(gguf->tensor_count + 1, sizeof *offsets);
    int status = -1;
    if (gguf->values == NULL || gguf->tensors == NULL || offsets == NULL) {
        failure_set(cursor->failure, "%s: out of memory for %zu values and %zu tensors",
                    cursor->path, gguf->value_count, gguf->tensor_count);
        goto end;
    }
    for (size_t i = 0; i < gguf->value_count; i++) {
        if (take_value(cursor, &gguf->values[i]) != 0)
            goto end;
    }
    status = take_tensors(cursor, gguf, offsets);

end:
    free(offsets);
    return status;
}

static int take_count(struct cursor *cursor, const char *what, size_t min_bytes, size_t *count)
{
    uint64_t number = 0;
    if (take(cursor, &number, sizeof number) != 0)
        return -1;
    size_t max = cursor->image_bytes / min_bytes;
    max = max < MAX_TABLE_ROWS ? max : MAX_TABLE_ROWS;
    if (number > max)
        return failure_set(cursor->failure, "%s: %llu %s; allowed in a file of %zu bytes: %zu",
                           cursor->path, (unsigned long long)number, what, cursor->image_bytes,
                           max);
    *count = (size_t)number;
    return 0;
}

bool gguf_has_magic(const uint8_t *image, size_t image_bytes)
{
    return image_bytes >= MAGIC_BYTES && memcmp(image, MAGIC, MAGIC_BYTES) == 0;
}

int gguf_parse(const uint8_t *image, size_t image_bytes, const char *path, struct gguf *gguf,
               struct failure *failure)
{
    *gguf = (struct gguf){.path = path};
    if (!gguf_has_magic(image, image_bytes))
        return failure_set(failure, "%s: does not start with %s", path, MAGIC);
    struct cursor cursor = {image, image_bytes, MAGIC_BYTES, path, failure};
    uint32_t version = 0;
    if (take(&cursor, &version, sizeof version) != 0)
        return -1;
    if (version != VERSION)
        return failure_set(failure, "%s: GGUF version %u; supported: %d", path, version, VERSION);
    if (take_count(&cursor, "tensors", MIN_TENSOR_BYTES, &gguf->tensor_count) != 0 ||
        take_count(&cursor, "values", MIN_VALUE_BYTES, &gguf->value_count) != 0)
        return -1;
    if (take_tables(&cursor, gguf) != 0) {
        gguf_free(gguf);
        return -1;
    }
    return 0;
}

void gguf_free(struct gguf *gguf)
{
    free(gguf->values);
    free(gguf->tensors);
    *gguf = (struct gguf){0};
}
