// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Reads to the end instead of trusting a size, so that pipes work and a file that grows or
 * shrinks meanwhile does no harm.
 */
#include "read_file.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY_BYTES ((size_t)1 << 16)

static int read_stream(FILE *stream, const char *path, unsigned char **bytes, size_t *byte_count,
                       struct failure *failure)
{
    unsigned char *buffer = NULL;
    size_t capacity = 0;
    size_t used = 0;
    do {
        if (used == capacity) {
            const size_t larger = capacity == 0 ? FIRST_CAPACITY_BYTES : capacity * 2;
            unsigned char *grown = capacity > SIZE_MAX / 2 ? NULL : realloc(buffer, larger);
            if (grown == NULL) {
                free(buffer);
                return failure_set(failure, "%s: out of memory after %zu bytes", path, used);
            }
            buffer = grown;
            capacity = larger;
        }
        used += fread(buffer + used, 1, capacity - used, stream);
    } while (used == capacity);
    if (ferror(stream)) {
        free(buffer);
        return failure_set(failure, "%s: cannot read: %s", path, strerror(errno));
    }
    *bytes = buffer;
    *byte_count = used;
    return 0;
}

int read_file(const char *path, unsigned char **bytes, size_t *byte_count, struct failure *failure)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return failure_set(failure, "%s: cannot open: %s", path, strerror(errno));
    const int status = read_stream(stream, path, bytes, byte_count, failure);
    fclose(stream);
    return status;
}
