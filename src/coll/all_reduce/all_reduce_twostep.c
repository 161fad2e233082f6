// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Two-step all-reduce, staged: the algorithm of Flash Communication over any transport.
 *
 * Rank r owns chunk r of the buffer. Two hops and two quantizations whatever the number of ranks;
 * a rank sends 2 (ranks - 1) / ranks of the encoded buffer. The owner's own contribution enters
 * the sum exactly, unless FLC_INVARIANT asks for equal treatment; the owner too writes what the
 * gathered bytes decode to, so that all ranks hold the same bits.
 *
 *   for each piece of the chunks, so that it fits the transport's slots:
 *   reduce   encode [piece of chunk d] of send -> rank d, for all d
 *            sum the pieces of all ranks in rank order, divide for AVG
 *   gather   encode the sum                    -> all
 *            decode the sums of all ranks      -> recv
 *
 * In place works because a piece of recv is written only after that piece of send was encoded.
 */
#include "base/error.h"
#include "coll/algorithm.h"

static struct flci_span piece_of(const struct flci_call *call, int owner, size_t elems,
                                 size_t piece)
{
    const struct flci_span chunk = flci_partition_chunk(call->count, call->transport->ranks, owner);
    return flci_partition_piece(chunk, elems, piece);
}

/* Sum one's own piece and send it to all; before the peers need it, nothing else. */
static flc_status sum_piece(struct flci_call *call, size_t elems, size_t piece)
{
    const struct flci_span mine = piece_of(call, call->transport->rank, elems, piece);
    uint8_t *payload;
    FLCI_TRY(flci_message_receive_all(call, FLCI_STAGE_REDUCE, mine.count));
    FLCI_TRY(flci_message_begin(call, FLCI_STAGE_GATHER, FLCI_TO_ALL, &payload));
    FLCI_TRY(flci_call_reduce(call, FLCI_STAGE_REDUCE, mine, mine.begin, payload));
    flci_message_post(call, FLCI_STAGE_GATHER, FLCI_TO_ALL, payload, mine.count);
    flci_message_release_all(call);
    return FLC_OK;
}

static flc_status receive_sums(struct flci_call *call, size_t elems, size_t piece)
{
    const int ranks = call->transport->ranks;
    for (int step = 1; step < ranks; step++) {
        const int owner = (call->transport->rank + step) % ranks;
        const struct flci_span span = piece_of(call, owner, elems, piece);
        const uint8_t *wire;
        FLCI_TRY(flci_message_receive(call, FLCI_STAGE_GATHER, owner, span.count, &wire));
        FLCI_TRY(flci_call_decode(call, FLCI_STAGE_GATHER, owner, span, wire));
        flci_message_release(call, owner);
    }
    return FLC_OK;
}

static flc_status run(struct flci_call *call)
{
    const size_t elems = flci_message_elems(call);
    const struct flci_span longest = flci_partition_chunk(call->count, call->transport->ranks, 0);
    const size_t pieces = flci_partition_pieces(longest.count, elems);
    call->wires[call->transport->rank] = NULL; /* summed from send */
    FLCI_TRY(flci_call_send_to_owners(call, piece_of, elems, 0));
    for (size_t piece = 0; piece < pieces; piece++) {
        FLCI_TRY(sum_piece(call, elems, piece));
        if (piece + 1 < pieces) { /* while the peers sum this piece */
            FLCI_TRY(flci_call_send_to_owners(call, piece_of, elems, piece + 1));
        }
        FLCI_TRY(receive_sums(call, elems, piece));
    }
    return FLC_OK;
}

const struct flci_algorithm flci_all_reduce_twostep = {
    .collective = FLCI_ALL_REDUCE,
    .name = "twostep",
    .summary = "reduce-scatter then all-gather, two hops and two quantizations",
    .run = run,
};
