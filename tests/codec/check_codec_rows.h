// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Every row this tree may have, by name: which are built, and which of those this processor runs.
 * The library itself lists only the latter, and a row that nobody tested must not go unseen.
 */
#ifndef CHECK_CODEC_ROWS_H
#define CHECK_CODEC_ROWS_H

#include <stddef.h>

#include "codec/codec_rows.h"

/* 0 if there is no such name. */
int known_row_is_name(const char *name);

/* The row, or NULL where it cannot be tested. */
const struct flci_codec_row *known_row_find(const char *name);

/* Row `index` of those that can be tested, in the order of --list; NULL behind the last. */
const struct flci_codec_row *known_row_at(size_t index);

/* How whole tensors go through a row: the library's functions, or for the GPU others. */
struct row_calls {
    flc_status (*encode)(flc_format format, flc_type type, const void *src, size_t count,
                         void *wire, size_t wire_bytes, flc_stats *stats);
    flc_status (*decode)(flc_format format, flc_type type, const void *wire, size_t wire_bytes,
                         void *dst, size_t count);
    int is_library;
};

/* The calls that reach a row from now on. */
struct row_calls known_row_use(const struct flci_codec_row *row);

/* What keeps a known row from being tested; "" for one that can be. */
const char *known_row_why_not(const char *name);

/* A line for every row. */
void known_rows_print(void);

/* A line for every row that a run did not test; `only` is the one it was told to, or NULL. */
void known_rows_print_untested(const char *only);

/* The number of the library's rows that the list lacks, each with a complaint on stderr. */
unsigned known_rows_check(void);

#endif
