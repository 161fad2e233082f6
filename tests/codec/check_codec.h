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

#include "codec/codec_rows.h"
#include "codec_properties.h"
#include "guarded.h"

/* The most elements of a case: two blocks and a part. */
#define CASE_MOST_ELEMS (2 * FLC_BLOCK_ELEMS + 1009)
#define CASE_MOST_BYTES (4 * CASE_MOST_ELEMS)

/* One case, and the memory that all cases share. */
struct codec_case {
    const struct flci_codec_row *row;
    flc_format format;
    flc_type type;
    size_t count;
    const char *data_name;
    unsigned number;                                     /* varies placements and modes */
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

/* Make `row` the one that flc_encode and flc_decode use. */
void codec_case_use_row(const struct flci_codec_row *row);

/* All claims about encoding and decoding c->elems; raw too. */
void codec_case_check(struct codec_case *c);

/* All claims about encoding c->x, float32 whatever the type, as reductions do; not raw, at most a
   block. */
void codec_case_check_sum(struct codec_case *c);

/* Print GB/s of every format at group 128, and its ratio to memcpy. */
void codec_bench(const struct flci_codec_row *row);

#endif
