// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Writes .npy files: header, elements. Files that appear whole or not at all are output_file.h's.
 */
#include "npy.h"

#include <stdio.h>
#include <string.h>

#include "elem_convert.h"
#include "output_file.h"

#define HEADER_ALIGN 64 /* NumPy's: elements start there */
#define CHUNK_ELEMS  4096

/* Magic, version and length, the dictionary with the longest shape, padding. */
#define HEADER_BYTES 384

static const unsigned char magic_and_version[8] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};

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

int npy_save(const char *path, int dims, const size_t *shape, flc_type type, const void *data,
             struct failure *failure)
{
    struct output_file output;
    if (output_file_open(path, &output, failure) != 0) {
        return -1;
    }
    (void)write_array(output.stream, dims, shape, type, data); /* the stream remembers */
    return output_file_finish(&output, failure);
}
