// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Who owns what: pure arithmetic on element counts, equal on all ranks. Chunks are cut at blocks,
 * so that every block is encoded whole; pieces of a chunk fit a transport slot.
 */
#ifndef FLCI_COLL_PARTITION_H
#define FLCI_COLL_PARTITION_H

#include <stddef.h>

#include "flashcomm/codec.h"

struct flci_span {
    size_t begin, count; /* elements */
};

/* Rank `rank`'s chunk of `count` elements: chunks differ by one block at most. */
static inline struct flci_span flci_partition_chunk(size_t count, int ranks, int rank)
{
    const size_t blocks = count / FLC_BLOCK_ELEMS + (count % FLC_BLOCK_ELEMS != 0);
    const size_t each = blocks / (size_t)ranks, rest = blocks % (size_t)ranks, r = (size_t)rank;
    const size_t first = each * r + (r < rest ? r : rest);
    const size_t end = first + each + (r < rest);
    struct flci_span span;
    span.begin = first < blocks ? first * FLC_BLOCK_ELEMS : count;
    span.count = (end < blocks ? end * FLC_BLOCK_ELEMS : count) - span.begin;
    return span;
}

/* Piece `piece` of a span cut every `piece_elems`, possibly empty. */
static inline struct flci_span flci_partition_piece(struct flci_span span, size_t piece_elems,
                                                    size_t piece)
{
    const size_t skipped = span.count / piece_elems < piece ? span.count : piece * piece_elems;
    const size_t left = span.count - skipped;
    return (struct flci_span){span.begin + skipped, left < piece_elems ? left : piece_elems};
}

/* Pieces needed for spans of up to `count` elements; at least one, so that ranks meet. */
static inline size_t flci_partition_pieces(size_t count, size_t piece_elems)
{
    return count == 0 ? 1 : (count - 1) / piece_elems + 1;
}

#endif
