// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Reads .npy headers: a strict parser of the one form of dictionary that they hold,
 *
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *
 * with its keys in any order. Every length and dimension is checked before it is used.
 */
#include "npy.h"

#include <string.h>

#define MAGIC_BYTES 6
static const uint8_t magic[MAGIC_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* Where a header's text is being read. */
struct cursor {
    const char *start;
    const char *at;
    const char *end;
    struct failure *failure;
};

enum key { KEY_DESCR, KEY_FORTRAN_ORDER, KEY_SHAPE, KEYS };

static const char *const key_names[KEYS] = {"descr", "fortran_order", "shape"};

struct header {
    bool seen[KEYS];
    char descr[16];
    bool fortran_order;
    int dims;
    size_t shape[TENSOR_MAX_DIMS];
};

bool npy_is(const uint8_t *bytes, size_t size)
{
    return size >= MAGIC_BYTES && memcmp(bytes, magic, MAGIC_BYTES) == 0;
}

static void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\n')) {
        cursor->at++;
    }
}

/* Step over `c`, after spaces, if it comes next. */
static bool take(struct cursor *cursor, char c)
{
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != c) {
        return false;
    }
    cursor->at++;
    return true;
}

static int expected(struct cursor *cursor, const char *what)
{
    return failure_set(cursor->failure, ".npy header: expected %s at character %td", what,
                       cursor->at - cursor->start + 1);
}

/* A quoted string without escapes, which no key or element type has. */
static int parse_string(struct cursor *cursor, const char *what, char *text, size_t text_bytes)
{
    skip_space(cursor);
    if (cursor->at == cursor->end || (*cursor->at != '\'' && *cursor->at != '"')) {
        return expected(cursor, what);
    }
    const char quote = *cursor->at;
    const char *const first = cursor->at + 1;
    const char *const last = memchr(first, quote, (size_t)(cursor->end - first));
    if (last == NULL || (size_t)(last - first) >= text_bytes) {
        return expected(cursor, what);
    }
    memcpy(text, first, (size_t)(last - first));
    text[last - first] = '\0';
    cursor->at = last + 1;
    return 0;
}

static int parse_bool(struct cursor *cursor, bool *value)
{
    skip_space(cursor);
    const size_t left = (size_t)(cursor->end - cursor->at);
    *value = left >= 4 && memcmp(cursor->at, "True", 4) == 0;
    if (!*value && !(left >= 5 && memcmp(cursor->at, "False", 5) == 0)) {
        return expected(cursor, "True or False");
    }
    cursor->at += *value ? 4 : 5;
    return 0;
}

static int parse_dimension(struct cursor *cursor, size_t *value)
{
    skip_space(cursor);
    const char *const first = cursor->at;
    size_t number = 0;
    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        const size_t digit = (size_t)(*cursor->at - '0');
        if (__builtin_mul_overflow(number, (size_t)10, &number) ||
            __builtin_add_overflow(number, digit, &number)) {
            cursor->at = first;
            return expected(cursor, "a dimension that fits in memory");
        }
        cursor->at++;
    }
    if (cursor->at == first) {
        return expected(cursor, "a dimension or ')'");
    }
    *value = number;
    return 0;
}

static int parse_shape(struct cursor *cursor, struct header *header)
{
    if (!take(cursor, '(')) {
        return expected(cursor, "'('");
    }
    header->dims = 0;
    while (!take(cursor, ')')) {
        size_t dimension = 0;
        if (parse_dimension(cursor, &dimension) != 0) {
            return -1;
        }
        if (header->dims == TENSOR_MAX_DIMS) {
            return failure_set(cursor->failure, "has more than %d dimensions", TENSOR_MAX_DIMS);
        }
        header->shape[header->dims++] = dimension;
        if (!take(cursor, ',')) {
            if (!take(cursor, ')')) {
                return expected(cursor, "',' or ')'");
            }
            break;
        }
    }
    if (header->dims == 0) {
        return failure_set(cursor->failure, "has no dimensions: 1 to %d are read", TENSOR_MAX_DIMS);
    }
    return 0;
}

static int parse_item(struct cursor *cursor, struct header *header)
{
    char name[16];
    if (parse_string(cursor, "a quoted key", name, sizeof name) != 0) {
        return -1;
    }
    int key = 0;
    while (key < KEYS && strcmp(name, key_names[key]) != 0) {
        key++;
    }
    if (key == KEYS) {
        return failure_set(cursor->failure,
                           ".npy header: unknown key '%s'; known are descr, fortran_order, shape",
                           name);
    }
    if (header->seen[key]) {
        return failure_set(cursor->failure, ".npy header: key '%s' comes twice", name);
    }
    header->seen[key] = true;
    if (!take(cursor, ':')) {
        return expected(cursor, "':'");
    }
    switch ((enum key)key) {
    case KEY_DESCR:
        return parse_string(cursor, "an element type in quotes (structures are not read)",
                            header->descr, sizeof header->descr);
    case KEY_FORTRAN_ORDER:
        return parse_bool(cursor, &header->fortran_order);
    case KEY_SHAPE:
    case KEYS:
        break;
    }
    return parse_shape(cursor, header);
}

static int parse_dictionary(struct cursor *cursor, struct header *header)
{
    if (!take(cursor, '{')) {
        return expected(cursor, "'{'");
    }
    while (!take(cursor, '}')) {
        if (parse_item(cursor, header) != 0) {
            return -1;
        }
        if (!take(cursor, ',')) {
            if (!take(cursor, '}')) {
                return expected(cursor, "',' or '}'");
            }
            break;
        }
    }
    skip_space(cursor);
    if (cursor->at != cursor->end) {
        return expected(cursor, "the header's end");
    }
    for (int key = 0; key < KEYS; key++) {
        if (!header->seen[key]) {
            return failure_set(cursor->failure, ".npy header: key '%s' is missing", key_names[key]);
        }
    }
    return 0;
}

/* Find the header's text: versions differ in the bytes of its length. */
static int find_header(const uint8_t *bytes, size_t size, size_t *start, size_t *length,
                       struct failure *failure)
{
    if (!npy_is(bytes, size)) {
        return failure_set(failure, "is no .npy file: it does not begin with \\x93NUMPY");
    }
    if (size < MAGIC_BYTES + 2) {
        return failure_set(failure, "ends after %zu bytes, inside the .npy header", size);
    }
    const unsigned major = bytes[6];
    const unsigned minor = bytes[7];
    if (major < 1 || major > 3 || minor != 0) {
        return failure_set(failure, ".npy version %u.%u is not read; 1.0, 2.0 and 3.0 are", major,
                           minor);
    }
    *start = major == 1 ? 10 : 12;
    if (size < *start) {
        return failure_set(failure, "ends after %zu bytes, inside the .npy header", size);
    }
    *length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (major > 1) {
        *length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    }
    if (*length > size - *start) {
        return failure_set(failure, ".npy header of %zu bytes does not fit in a file of %zu bytes",
                           *length, size);
    }
    return 0;
}

int npy_parse(const uint8_t *bytes, size_t size, struct tensor *tensor, struct failure *failure)
{
    size_t start = 0;
    size_t length = 0;
    if (find_header(bytes, size, &start, &length, failure) != 0) {
        return -1;
    }
    const char *const text = (const char *)bytes + start;
    struct cursor cursor = {text, text, text + length, failure};
    struct header header = {.dims = 0};
    if (parse_dictionary(&cursor, &header) != 0) {
        return -1;
    }

    struct tensor view = {.dims = header.dims, .data = bytes + start + length};
    memcpy(view.shape, header.shape, sizeof view.shape);
    if (strcmp(header.descr, "<f4") == 0) {
        view.type = FLC_FLOAT32;
    } else if (strcmp(header.descr, "<f2") == 0) {
        view.type = FLC_FLOAT16;
    } else {
        return failure_set(failure,
                           "element type '%s' is not read; '<f4' (float32) and '<f2' (float16) are",
                           header.descr);
    }
    if (header.fortran_order && header.dims > 1) {
        return failure_set(failure, "is in Fortran order, which is not read; C order is "
                                    "(numpy.ascontiguousarray)");
    }
    if (tensor_set_count(&view, size - start - length, failure) != 0) {
        return -1;
    }
    *tensor = view;
    return 0;
}
