// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Writes .npy files: under a temporary name beside the final one, then renamed, so that a
 * reader, a full disk or a crash never leaves a file that looks whole and is not.
 */
#include "npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elem_convert.h"

#define HEADER_ALIGN 64 /* NumPy's: elements start there */
#define CHUNK_ELEMS  4096

/* Magic, version and length, the dictionary with the longest shape, padding. */
#define HEADER_BYTES 384

static const unsigned char magic_and_version[8] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};

int npy_save_check(const char *path, struct failure *failure)
{
    const char *const slash = strrchr(path, '/');
    const size_t folder_bytes = slash == NULL ? 1 : (size_t)(slash - path) + 1;
    char folder[4096];
    struct stat info;
    if (folder_bytes >= sizeof folder) {
        return failure_set(failure, "the output's name has %zu characters: too many", strlen(path));
    }
    memcpy(folder, slash == NULL ? "." : path, folder_bytes);
    folder[folder_bytes] = '\0';
    if (access(folder, W_OK | X_OK) != 0) {
        return failure_set(failure, "%s: cannot write there: %s", folder, strerror(errno));
    }
    if (lstat(path, &info) != 0) {
        return errno == ENOENT ? 0 : failure_set(failure, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return failure_set(failure, "%s: exists and is not a regular file", path);
    }
    return 0;
}

static size_t make_header(int dims, const size_t *shape, flc_type type, char header[HEADER_BYTES])
{
    char text[TENSOR_SHAPE_TEXT_BYTES];
    (void)tensor_shape_text(dims, shape, text);
    text[strlen(text) - 1] = '\0'; /* Python writes a tuple of one as (7,) */
    memcpy(header, magic_and_version, sizeof magic_and_version);
    const int length = snprintf(header + 10, HEADER_BYTES - 10,
                                "{'descr': '%s', 'fortran_order': False, 'shape': %s%s), }",
                                type == FLC_FLOAT16 ? "<f2" : "<f4", text, dims == 1 ? "," : "");
    const size_t used = 10 + (size_t)length;
    const size_t total = (used + 1 + HEADER_ALIGN - 1) / HEADER_ALIGN * HEADER_ALIGN;
    memset(header + used, ' ', total - used);
    header[total - 1] = '\n';
    header[8] = (char)((total - 10) & 0xff);
    header[9] = (char)((total - 10) >> 8);
    return total;
}

static int write_widened(FILE *file, flc_type type, const void *data, size_t count)
{
    const size_t elem_bytes = flc_type_bytes(type);
    float chunk[CHUNK_ELEMS];
    for (size_t done = 0; done < count; done += CHUNK_ELEMS) {
        const size_t elems = count - done < CHUNK_ELEMS ? count - done : CHUNK_ELEMS;
        elems_convert(type, (const char *)data + done * elem_bytes, FLC_FLOAT32, chunk, elems);
        if (fwrite(chunk, sizeof chunk[0], elems, file) != elems) {
            return -1;
        }
    }
    return 0;
}

static int write_array(FILE *file, int dims, const size_t *shape, flc_type type, const void *data)
{
    char header[HEADER_BYTES];
    const size_t header_bytes = make_header(dims, shape, type, header);
    if (fwrite(header, 1, header_bytes, file) != header_bytes) {
        return -1;
    }
    size_t count = 1;
    for (int i = 0; i < dims; i++) {
        count *= shape[i];
    }
    if (type == FLC_BFLOAT16) {
        return write_widened(file, type, data, count);
    }
    const size_t bytes = count * flc_type_bytes(type);
    return fwrite(data, 1, bytes, file) == bytes ? 0 : -1;
}

/* Write and close `fd`; -1 with errno set. */
static int write_file(int fd, int dims, const size_t *shape, flc_type type, const void *data)
{
    FILE *const file = fdopen(fd, "wb");
    if (file == NULL) {
        (void)close(fd);
        return -1;
    }
    const int written = write_array(file, dims, shape, type, data);
    const int written_errno = errno;
    if (fclose(file) != 0) {
        return -1;
    }
    errno = written_errno;
    return written;
}

int npy_save(const char *path, int dims, const size_t *shape, flc_type type, const void *data,
             struct failure *failure)
{
    if (npy_save_check(path, failure) != 0) {
        return -1;
    }
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.tmp%ld", path, (long)getpid()) < 0) {
        return failure_set(failure, "%s: out of memory", path);
    }
    int result = 0;
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        result = failure_set(failure, "%s: %s", temporary, strerror(errno));
    } else if (write_file(fd, dims, shape, type, data) != 0 || rename(temporary, path) != 0) {
        result = failure_set(failure, "%s: %s", path, strerror(errno));
        (void)unlink(temporary);
    }
    free(temporary);
    return result;
}
