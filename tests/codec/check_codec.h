// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the parts of check_codec share: the walk (check_codec.c), one case of it (codec_case.c) and
 * the timing (codec_bench.c).
 */
#ifndef CHECK_CODEC_H
#define CHECK_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "check_codec_rows.h"
#include "codec_properties.h"
#include "guarded.h"

/* The most elements of a case: two blocks and a part. */
#define CASE_MOST_ELEMS (2 * FLC_BLOCK_ELEMS + 1009)
#define CASE_MOST_BYTES (4 * CASE_MOST_ELEMS)

/* One case, and the memory that all cases share. */
struct codec_case {
    const struct flci_codec_row *row;
    struct row_calls calls;
    flc_format format;
    flc_type type;
    size_t count;
    const char *data_name;
    unsigned number;                                     /* varies placements and modes */
    unsigned sample, checked;                            /* every how many-th; how many */
    uint8_t elems[CASE_MOST_BYTES];                      /* [count] of `type`: the input */
    uint8_t mask[CASE_MOST_BYTES];                       /* see properties_mask_used */
    float x[CASE_MOST_ELEMS], y[CASE_MOST_ELEMS];        /* input and output, widened */
    uint8_t wire[CASE_MOST_BYTES], out[CASE_MOST_BYTES]; /* what the first call made */
    struct guarded elems_room, wire_room;
    struct tightness seen;
    unsigned failures;
};

/* Print a failed claim about the case. */
void codec_case_fail(struct codec_case *c, const char *what);

/* All claims about encoding and decoding c->elems; raw too. */
void codec_case_check(struct codec_case *c);

/* All claims about encoding c->x, float32 whatever the type, as reductions do; not raw, at most a
   block. */
void codec_case_check_sum(struct codec_case *c);

/* What --bench times. */
struct bench_options {
    flc_type type;
    size_t bytes;        /* of elements, a multiple of BENCH_STEP_BYTES; 0: the default sizes */
    const char *formats; /* names with commas between them, NULL: the default list */
};

#define BENCH_STEP_BYTES ((size_t)16384) /* whole blocks of any type */

/* 0, and a complaint on stderr, for a list with a name that codec_bench would not know. */
int codec_bench_check_formats(const char *list);

/* Print GB/s of a row, NULL being the one in use, and its ratio to memcpy. 0 if it fails. */
int codec_bench(const struct flci_codec_row *row, const struct bench_options *options);

#endif
