// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A reader of GGUF, version 3, little endian: named values, then a table of tensors, then their
 * data. It works on a file's bytes in memory and copies nothing; what it hands out points into
 * them. Every size and offset is checked before use, so no file, however broken, makes it read
 * outside its bytes. Values that nobody asks for are skipped, but must be well formed.
 */
#ifndef TP_LLAMA_GGUF_H
#define TP_LLAMA_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

#define GGUF_MAX_DIMS 4

/* Bytes of the file, not terminated. */
struct gguf_text {
    const char *bytes;
    size_t byte_count;
};

/* The kinds of values of the format. */
enum gguf_type {
    GGUF_UINT8,
    GGUF_INT8,
    GGUF_UINT16,
    GGUF_INT16,
    GGUF_UINT32,
    GGUF_INT32,
    GGUF_FLOAT32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_UINT64,
    GGUF_INT64,
    GGUF_FLOAT64,
    GGUF_TYPES,
};

struct gguf_value {
    struct gguf_text key;
    enum gguf_type type; /* of the items, if it is an array */
    bool is_array;
    size_t count; /* items; 1 if it is no array */
    const uint8_t *data;
};

/* The encodings of tensors that this reader knows, with the numbers that the format gives them. */
enum gguf_encoding { GGUF_F32 = 0, GGUF_Q4_1 = 3, GGUF_Q8_0 = 8 };

struct gguf_tensor {
    struct gguf_text name;
    enum gguf_encoding encoding;
    size_t dims[GGUF_MAX_DIMS]; /* innermost first; 1 behind the last */
    size_t elems;
    const uint8_t *data;
    size_t data_bytes;
};

struct gguf {
    const char *path; /* for sentences about failures */
    struct gguf_value *values;
    size_t value_count;
    struct gguf_tensor *tensors;
    size_t tensor_count;
};

/* Whether a file that starts with these bytes says that it is GGUF. */
bool gguf_has_magic(const uint8_t *image, size_t image_bytes);

/*
 * Read the tables, to be given to gguf_free. `image` and `path` must outlive `gguf`.
 */
int gguf_parse(const uint8_t *image, size_t image_bytes, const char *path, struct gguf *gguf,
               struct failure *failure);

void gguf_free(struct gguf *gguf);

/* The first value with this key, or NULL. */
const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key);

/* A whole number of any integer type, in [min, max]; a missing one is a failure. */
int gguf_read_number(const struct gguf *gguf, const char *key, size_t min, size_t max,
                     size_t *number, struct failure *failure);

int gguf_read_float(const struct gguf *gguf, const char *key, float *number,
                    struct failure *failure);

/* Check that the value is this text. */
int gguf_expect_text(const struct gguf *gguf, const char *key, const char *text,
                     struct failure *failure);

/* The array of strings with this key. */
int gguf_read_strings(const struct gguf *gguf, const char *key, const struct gguf_value **strings,
                      struct failure *failure);

/* The string at `*at`, which is moved behind it; start from value->data, value->count times. */
struct gguf_text gguf_next_string(const uint8_t **at);

bool gguf_text_is(struct gguf_text text, const char *expected);

/* The first tensor with this name, or NULL. */
const struct gguf_tensor *gguf_find_tensor(const struct gguf *gguf, const char *name);

/* Write all elements of a tensor to `values`, [tensor->elems]. */
void gguf_dequantize(const struct gguf_tensor *tensor, float *values);

#endif
