// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Runs the raw model on the first tokens of a story, keeps what each rank is about to reduce, and
 * writes it in numpy's format 1.0. Later tokens do not matter: attention looks back only.
 */
#include "partials.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forward.h"
#include "team.h"

/* The npy header: magic, version 1.0, uint16 length of the rest, a dictionary padded to a line. */
#define NPY_HEADER_BYTES 128
#define NPY_PREFIX_BYTES 10
#define NPY_PREFIX       "\x93NUMPY\x01\x00\x76\x00"

static_assert(sizeof NPY_PREFIX == NPY_PREFIX_BYTES + 1, "and the final NUL");
static_assert(NPY_HEADER_BYTES - NPY_PREFIX_BYTES == 0x76, "the length that the prefix states");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "'<f4' is what lies in memory");
static_assert(NPY_HEADER_BYTES % 64 == 0, "numpy wants the data aligned to 64 bytes");

struct dump {
    const int *tokens; /* [count] */
    size_t count;
    float *values; /* [ranks][layers][SITES][count][dim] */
};

/* The reducer's context: a rank's slab of the dump. */
struct recorder {
    struct member *member;
    float *slab; /* [layers][SITES][tokens][dim] */
};

static int record_and_sum(void *context, size_t layer, enum site site, float *values, size_t rows,
                          struct failure *failure)
{
    const flc_coll_config raw = FLC_COLL_CONFIG_INIT;
    const struct recorder *recorder = context;
    const size_t count = rows * recorder->member->forward.model->dim;
    memcpy(recorder->slab + (layer * SITES + site) * count, values, count * sizeof *values);
    return team_sum(recorder->member, &raw, values, count, failure);
}

static int record_rank(struct member *member, void *context)
{
    const struct dump *dump = context;
    const struct model *model = member->forward.model;
    const size_t slab = model->layers * SITES * dump->count * model->dim;
    struct recorder recorder = {member, dump->values + (size_t)member->forward.rank * slab};
    const struct reducer reducer = {record_and_sum, &recorder};
    int next; /* of no interest */
    return forward_next(&member->forward, dump->tokens, dump->count, &reducer, &next,
                        &member->failure);
}

static int write_npy(const char *path, const float *values, int ranks, size_t rows, size_t dim,
                     struct failure *failure)
{
    unsigned char header[NPY_HEADER_BYTES];
    memset(header, ' ', sizeof header);
    memcpy(header, NPY_PREFIX, NPY_PREFIX_BYTES);
    const int used = snprintf((char *)header + NPY_PREFIX_BYTES, sizeof header - NPY_PREFIX_BYTES,
                              "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %zu, %zu), }",
                              ranks, rows, dim);
    header[NPY_PREFIX_BYTES + used] = ' '; /* the text's end */
    header[sizeof header - 1] = '\n';

    FILE *stream = fopen(path, "wb");
    if (stream == NULL)
        return failure_set(failure, "%s: cannot create: %s", path, strerror(errno));
    const size_t count = (size_t)ranks * rows * dim;
    size_t written = fwrite(header, 1, NPY_HEADER_BYTES, stream);
    written += fwrite(values, sizeof *values, count, stream);
    const int close_status = fclose(stream);
    if (written != NPY_HEADER_BYTES + count || close_status != 0)
        return failure_set(failure, "%s: cannot write: %s", path, strerror(errno));
    return 0;
}

int partials_dump(const char *path, const struct model *model, const struct story *story,
                  size_t tokens, int ranks, size_t *rows, struct failure *failure)
{
    if (tokens >= story->count)
        return failure_set(failure, "--dump-tokens is %zu; the first story allows 1 to %zu", tokens,
                           story->count - 1);
    const size_t dump_rows = model->layers * SITES * tokens;
    const uint64_t count = (uint64_t)ranks * dump_rows * model->dim;
    float *values =
        count > SIZE_MAX / sizeof *values ? NULL : calloc((size_t)count, sizeof *values);
    if (values == NULL)
        return failure_set(failure, "out of memory for %llu partial sums",
                           (unsigned long long)count);

    struct dump dump = {story->tokens, tokens, values};
    int status = team_run(model, ranks, record_rank, &dump, failure);
    if (status == 0)
        status = write_npy(path, values, ranks, dump_rows, model->dim, failure);
    if (status == 0)
        *rows = dump_rows;
    free(values);
    return status;
}
