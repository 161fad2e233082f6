// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Chunks and pieces: they tile what they cut, at blocks, up to the largest counts there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coll/partition.h"
#include "flashcomm/flashcomm.h"

static const size_t counts[] = {
    0,
    1,
    2,
    4095,
    4096,
    4097,
    3 * 4096,
    3 * 4096 + 1,
    64 * 4096,
    64 * 4096 + 17,
    65 * 4096 - 1,
    1000003,
    SIZE_MAX / 2,
    SIZE_MAX / 2 + 1,
    SIZE_MAX - 4096,
    SIZE_MAX - 4095,
    SIZE_MAX - 1,
    SIZE_MAX,
};

#define COUNTS (sizeof counts / sizeof counts[0])

static size_t blocks_of(size_t elems)
{
    return elems / FLC_BLOCK_ELEMS + (elems % FLC_BLOCK_ELEMS != 0);
}

static void check_chunks(size_t count, int ranks)
{
    size_t at = 0, fewest = SIZE_MAX, most = 0, previous = SIZE_MAX;
    for (int rank = 0; rank < ranks; rank++) {
        const struct flci_span chunk = flci_partition_chunk(count, ranks, rank);
        const size_t blocks = blocks_of(chunk.count);
        assert_int_equal(chunk.begin, at);
        assert_true(chunk.count <= count - at);
        at += chunk.count;
        /* Every cut is at a block; only the tensor's end need not be. */
        assert_true(at == count || at % FLC_BLOCK_ELEMS == 0);
        fewest = blocks < fewest ? blocks : fewest;
        most = blocks > most ? blocks : most;
        assert_true(blocks <= previous); /* earlier ranks have the larger ones */
        previous = blocks;
    }
    assert_int_equal(at, count);
    assert_true(most - fewest <= 1);
}

static void chunks_tile_the_tensor(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNTS; i++) {
        for (int ranks = 1; ranks <= FLC_MAX_RANKS; ranks++) {
            check_chunks(counts[i], ranks);
        }
    }
}

/* Pieces 0, 1, .. of the span, and one beyond the last. */
static void check_pieces(struct flci_span span, size_t piece_elems)
{
    const size_t pieces = flci_partition_pieces(span.count, piece_elems);
    const size_t first_checked = pieces > 100 ? pieces - 100 : 0;
    size_t at = span.begin + first_checked * piece_elems;
    struct flci_span beyond;
    assert_true(pieces >= 1);
    for (size_t piece = first_checked; piece < pieces; piece++) {
        const struct flci_span cut = flci_partition_piece(span, piece_elems, piece);
        assert_int_equal(cut.begin, at);
        assert_true(cut.count == piece_elems || piece == pieces - 1);
        assert_true(cut.count > 0 || span.count == 0);
        assert_true(cut.count <= piece_elems);
        at += cut.count;
    }
    assert_int_equal(at - span.begin, span.count);
    beyond = flci_partition_piece(span, piece_elems, pieces);
    assert_int_equal(beyond.count, 0);
    beyond = flci_partition_piece(span, piece_elems, SIZE_MAX);
    assert_int_equal(beyond.count, 0);
}

static void pieces_tile_the_chunk(void **state)
{
    static const size_t sizes[] = {4096, 8192, 5 * 4096, (size_t)1 << 40, SIZE_MAX / 4096 * 4096};
    (void)state;
    for (size_t i = 0; i < COUNTS; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            check_pieces((struct flci_span){0, counts[i]}, sizes[k]);
            check_pieces(flci_partition_chunk(counts[i], 3, 1), sizes[k]);
            check_pieces(flci_partition_chunk(counts[i], 7, 6), sizes[k]);
        }
    }
}

/* All ranks walk as many pieces as the largest chunk has: no rank's chunk needs more. */
static void first_chunk_has_the_most_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNTS; i++) {
        for (int ranks = 1; ranks <= FLC_MAX_RANKS; ranks++) {
            const size_t most =
                flci_partition_pieces(flci_partition_chunk(counts[i], ranks, 0).count, 8192);
            for (int rank = 1; rank < ranks; rank++) {
                const struct flci_span chunk = flci_partition_chunk(counts[i], ranks, rank);
                assert_true(flci_partition_pieces(chunk.count, 8192) <= most);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_tile_the_tensor),
        cmocka_unit_test(pieces_tile_the_chunk),
        cmocka_unit_test(first_chunk_has_the_most_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
