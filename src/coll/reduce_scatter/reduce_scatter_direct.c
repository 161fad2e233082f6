// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Direct reduce-scatter: every rank sends each owner its part of the owner's chunk.
 *
 * Rank r owns chunk r. One hop and one quantization; the owner's own part enters the sum exactly
 * unless FLC_INVARIANT asks for equal treatment, and the sum is rounded once to the type.
 *
 *   for each piece of the chunks:
 *   reduce   encode [piece of chunk d] of send          -> rank d, for all d
 *            sum the pieces of all ranks in rank order  -> recv
 *
 * In place works because a piece of recv is written only after that piece of one's own chunk was
 * summed, and no other rank is sent it.
 */
#include "base/error.h"
#include "coll/algorithm.h"

static struct flci_span piece_of(const struct flci_call *call, int owner, size_t elems,
                                 size_t piece)
{
    const struct flci_span chunk = {(size_t)owner * call->count, call->count};
    return flci_partition_piece(chunk, elems, piece);
}

static flc_status run(struct flci_call *call)
{
    const int me = call->transport->rank;
    const size_t elems = flci_message_elems(call);
    const size_t pieces = flci_partition_pieces(call->count, elems);
    call->wires[me] = NULL; /* summed from send */
    FLCI_TRY(flci_call_send_to_owners(call, piece_of, elems, 0));
    for (size_t piece = 0; piece < pieces; piece++) {
        const struct flci_span mine = piece_of(call, me, elems, piece);
        if (piece + 1 < pieces) { /* while the peers sum this piece */
            FLCI_TRY(flci_call_send_to_owners(call, piece_of, elems, piece + 1));
        }
        FLCI_TRY(flci_message_receive_all(call, FLCI_STAGE_REDUCE, mine.count));
        FLCI_TRY(flci_call_reduce(call, FLCI_STAGE_REDUCE, mine, piece * elems, NULL));
        flci_message_release_all(call);
    }
    return FLC_OK;
}

const struct flci_algorithm flci_reduce_scatter_direct = {
    .collective = FLCI_REDUCE_SCATTER,
    .name = "direct",
    .summary = "everyone sends each owner its part; one hop and one quantization",
    .run = run,
};
