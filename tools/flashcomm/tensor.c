// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Tensors of files: finds out what a file is, hands its bytes to the right parser, copies the
 * elements out. Files are mapped rather than read, because a .safetensors file is often many
 * times larger than the one tensor that is wanted.
 */
#include "tensor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elem_convert.h"
#include "npy.h"
#include "safetensors.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files hold little-endian elements");

const char *tensor_shape_text(int dims, const size_t *shape, char text[TENSOR_SHAPE_TEXT_BYTES])
{
    size_t used = 0;
    text[used++] = '(';
    for (int i = 0; i < dims; i++) {
        const int length = snprintf(text + used, TENSOR_SHAPE_TEXT_BYTES - used, "%s%zu",
                                    i == 0 ? "" : ", ", shape[i]);
        used += (size_t)length;
    }
    (void)snprintf(text + used, TENSOR_SHAPE_TEXT_BYTES - used, ")");
    return text;
}

int tensor_set_count(struct tensor *tensor, size_t data_bytes, struct failure *failure)
{
    char text[TENSOR_SHAPE_TEXT_BYTES];
    bool overflow = false;
    bool empty = false;
    size_t count = 1;
    size_t bytes = 0;
    for (int i = 0; i < tensor->dims; i++) {
        empty = empty || tensor->shape[i] == 0;
        overflow = overflow || __builtin_mul_overflow(count, tensor->shape[i], &count);
    }
    if (empty) {
        count = 0;
        overflow = false; /* (0, huge, huge) is an honest shape */
    }
    if (overflow || __builtin_mul_overflow(count, flc_type_bytes(tensor->type), &bytes)) {
        return failure_set(failure, "shape %s is larger than memory",
                           tensor_shape_text(tensor->dims, tensor->shape, text));
    }
    if (bytes != data_bytes) {
        return failure_set(failure, "shape %s of %s needs %zu bytes of data, the file has %zu",
                           tensor_shape_text(tensor->dims, tensor->shape, text),
                           flc_type_name(tensor->type), bytes, data_bytes);
    }
    tensor->count = count;
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t text_bytes = strlen(text);
    const size_t end_bytes = strlen(end);
    return text_bytes >= end_bytes && strcmp(text + text_bytes - end_bytes, end) == 0;
}

static int parse(const char *path, const char *name, const uint8_t *bytes, size_t size,
                 struct tensor *view, struct failure *failure)
{
    if (npy_is(bytes, size)) {
        if (name != NULL) {
            return failure_set(failure, "--tensor %s: a .npy file holds one tensor without a name",
                               name);
        }
        return npy_parse(bytes, size, view, failure);
    }
    if (ends_with(path, ".safetensors")) {
        return safetensors_parse(bytes, size, name, view, failure);
    }
    return failure_set(failure, "is neither a .npy file (by its first bytes) nor named "
                                ".safetensors");
}

/* Take over the elements of a parser's view, which end with the mapping. */
static int copy_view(const struct tensor *view, struct tensor *tensor, struct failure *failure)
{
    const size_t bytes = view->count * flc_type_bytes(view->type);
    void *memory = malloc(bytes == 0 ? 1 : bytes);
    if (memory == NULL) {
        return failure_set(failure, "out of memory: %zu bytes", bytes);
    }
    if (bytes != 0) {
        memcpy(memory, view->data, bytes);
    }
    *tensor = *view;
    tensor->data = memory;
    tensor->memory = memory;
    return 0;
}

static int load_mapped(const char *path, int fd, const char *name, struct tensor *tensor,
                       struct failure *failure)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return failure_set(failure, "%s", strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return failure_set(failure, "is not a regular file");
    }
    if (info.st_size == 0) {
        return failure_set(failure, "is empty");
    }
    if ((uintmax_t)info.st_size > SIZE_MAX) {
        return failure_set(failure, "is larger than memory");
    }
    const size_t size = (size_t)info.st_size;
    void *const bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return failure_set(failure, "mmap: %s", strerror(errno));
    }
    struct tensor view = {.dims = 0};
    int result = parse(path, name, bytes, size, &view, failure);
    if (result == 0) {
        result = copy_view(&view, tensor, failure);
    }
    (void)munmap(bytes, size);
    return result;
}

int tensor_load(const char *path, const char *name, struct tensor *tensor, struct failure *failure)
{
    /* O_NONBLOCK: a FIFO without a writer is refused at once instead of waited for. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return failure_set(failure, "%s: %s", path, strerror(errno));
    }
    struct failure why;
    const int result = load_mapped(path, fd, name, tensor, &why);
    (void)close(fd);
    return result == 0 ? 0 : failure_set(failure, "%s: %s", path, why.text);
}

int tensor_convert(struct tensor *tensor, flc_type type, struct failure *failure)
{
    if (tensor->type == type) {
        return 0;
    }
    size_t bytes = 0;
    if (__builtin_mul_overflow(tensor->count, flc_type_bytes(type), &bytes)) {
        return failure_set(failure, "%zu elements of %s are larger than memory", tensor->count,
                           flc_type_name(type));
    }
    void *const memory = malloc(bytes == 0 ? 1 : bytes);
    if (memory == NULL) {
        return failure_set(failure, "out of memory: %zu bytes", bytes);
    }
    elems_convert(tensor->type, tensor->data, type, memory, tensor->count);
    free(tensor->memory);
    tensor->data = memory;
    tensor->memory = memory;
    tensor->type = type;
    return 0;
}

void tensor_free(struct tensor *tensor)
{
    free(tensor->memory);
    tensor->data = NULL;
    tensor->memory = NULL;
}
