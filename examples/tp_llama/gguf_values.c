// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Looks values and tensors up by name and turns them into C's types; gguf.c has checked already
 * that all their bytes are there.
 */
#include <math.h>
#include <string.h>

#include "gguf.h"

#define BLOCK_ELEMS 32

bool gguf_text_is(struct gguf_text text, const char *expected)
{
    const size_t byte_count = strlen(expected);
    return text.byte_count == byte_count && memcmp(text.bytes, expected, byte_count) == 0;
}

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key)
{
    for (size_t i = 0; i < gguf->value_count; i++) {
        if (gguf_text_is(gguf->values[i].key, key))
            return &gguf->values[i];
    }
    return NULL;
}

const struct gguf_tensor *gguf_find_tensor(const struct gguf *gguf, const char *name)
{
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        if (gguf_text_is(gguf->tensors[i].name, name))
            return &gguf->tensors[i];
    }
    return NULL;
}

/* The types that are integers; the others have 0 bytes here. */
static const struct {
    size_t bytes;
    bool is_signed;
} integers[GGUF_TYPES] = {
    [GGUF_UINT8] = {1, false},  [GGUF_INT8] = {1, true},    [GGUF_UINT16] = {2, false},
    [GGUF_INT16] = {2, true},   [GGUF_UINT32] = {4, false}, [GGUF_INT32] = {4, true},
    [GGUF_UINT64] = {8, false}, [GGUF_INT64] = {8, true},
};

/* The value as a count of something; false where it is negative or no integer. */
static bool integer_of(const struct gguf_value *value, uint64_t *number)
{
    const size_t bytes = integers[value->type].bytes;
    if (value->is_array || bytes == 0)
        return false;
    memcpy(number, value->data, bytes);
    return !integers[value->type].is_signed || *number >> (8 * bytes - 1) == 0;
}

int gguf_read_number(const struct gguf *gguf, const char *key, size_t min, size_t max,
                     size_t *number, struct failure *failure)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (value == NULL)
        return failure_set(failure, "%s: no value %s", gguf->path, key);
    uint64_t found = 0;
    if (!integer_of(value, &found))
        return failure_set(failure, "%s: %s is no integer from 0 up", gguf->path, key);
    if (found < min || found > max)
        return failure_set(failure, "%s: %s is %llu; allowed: %zu to %zu", gguf->path, key,
                           (unsigned long long)found, min, max);
    *number = (size_t)found;
    return 0;
}

int gguf_read_float(const struct gguf *gguf, const char *key, float *number,
                    struct failure *failure)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (value == NULL)
        return failure_set(failure, "%s: no value %s", gguf->path, key);
    if (value->is_array || value->type != GGUF_FLOAT32)
        return failure_set(failure, "%s: %s is no float32", gguf->path, key);
    memcpy(number, value->data, sizeof *number);
    return 0;
}

struct gguf_text gguf_next_string(const uint8_t **at)
{
    uint64_t byte_count;
    memcpy(&byte_count, *at, sizeof byte_count);
    const struct gguf_text text = {(const char *)*at + sizeof byte_count, (size_t)byte_count};
    *at += sizeof byte_count + byte_count;
    return text;
}

int gguf_expect_text(const struct gguf *gguf, const char *key, const char *text,
                     struct failure *failure)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (value == NULL || value->is_array || value->type != GGUF_STRING)
        return failure_set(failure, "%s: no text %s; supported: '%s'", gguf->path, key, text);
    const uint8_t *at = value->data;
    if (!gguf_text_is(gguf_next_string(&at), text))
        return failure_set(failure, "%s: %s is another than '%s', which is supported", gguf->path,
                           key, text);
    return 0;
}

int gguf_read_strings(const struct gguf *gguf, const char *key, const struct gguf_value **strings,
                      struct failure *failure)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (value == NULL || !value->is_array || value->type != GGUF_STRING)
        return failure_set(failure, "%s: no list of strings %s", gguf->path, key);
    *strings = value;
    return 0;
}

/* A 16-bit float of the file. */
static float read_half(const uint8_t *bytes)
{
    uint16_t half;
    memcpy(&half, bytes, sizeof half);
    const int exponent = half >> 10 & 31;
    const int fraction = half & 1023;
    const float sign = half >> 15 != 0 ? -1.0f : 1.0f;
    if (exponent == 31)
        return fraction != 0 ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexpf((float)fraction, -24);
    return sign * ldexpf((float)(1024 + fraction), exponent - 25);
}

/* A block: scale d, then 32 signed bytes; x = q * d. */
static void dequantize_q8_0(const uint8_t *block, float *values)
{
    const float scale = read_half(block);
    for (size_t i = 0; i < BLOCK_ELEMS; i++)
        values[i] = (float)(int8_t)block[2 + i] * scale;
}

/* A block: scale d, minimum m, then 16 bytes, elements i and i + 16 in one; x = q * d + m. */
static void dequantize_q4_1(const uint8_t *block, float *values)
{
    const float scale = read_half(block);
    const float minimum = read_half(block + 2);
    for (size_t i = 0; i < BLOCK_ELEMS / 2; i++) {
        values[i] = (float)(block[4 + i] & 15) * scale + minimum;
        values[i + BLOCK_ELEMS / 2] = (float)(block[4 + i] >> 4) * scale + minimum;
    }
}

void gguf_dequantize(const struct gguf_tensor *tensor, float *values)
{
    if (tensor->encoding == GGUF_F32) {
        memcpy(values, tensor->data, tensor->data_bytes);
        return;
    }
    const size_t blocks = tensor->elems / BLOCK_ELEMS;
    const size_t block_bytes = tensor->data_bytes / blocks;
    for (size_t i = 0; i < blocks; i++) {
        const uint8_t *block = tensor->data + i * block_bytes;
        if (tensor->encoding == GGUF_Q8_0)
            dequantize_q8_0(block, values + i * BLOCK_ELEMS);
        else
            dequantize_q4_1(block, values + i * BLOCK_ELEMS);
    }
}
