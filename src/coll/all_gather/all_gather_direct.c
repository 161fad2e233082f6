// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Direct all-gather: every rank sends its elements to all.
 *
 * One hop and one quantization. A rank decodes its own bytes too, so that all ranks hold the same
 * bits in every chunk.
 *
 *   for each piece of send:
 *   gather   encode [piece] of send                          -> all
 *            decode the pieces of all ranks, one's own too   -> their chunks of recv
 *
 * In place works because a piece of one's own chunk is written only after it was encoded.
 */
#include "base/error.h"
#include "coll/algorithm.h"

static flc_status send_piece(struct flci_call *call, size_t elems, size_t piece)
{
    const struct flci_span all = {0, call->count};
    const struct flci_span span = flci_partition_piece(all, elems, piece);
    const struct flci_span own = {(size_t)call->transport->rank * call->count + span.begin,
                                  span.count};
    uint8_t *payload;
    FLCI_TRY(flci_message_begin(call, FLCI_STAGE_GATHER, FLCI_TO_ALL, &payload));
    flci_call_encode(call, FLCI_STAGE_GATHER, span, payload);
    flci_message_post(call, FLCI_STAGE_GATHER, FLCI_TO_ALL, payload, span.count);
    /* The payload stays as it is until a later message takes its slot. */
    return flci_call_decode(call, FLCI_STAGE_GATHER, call->transport->rank, own, payload);
}

static flc_status receive_piece(struct flci_call *call, size_t elems, size_t piece)
{
    const int ranks = call->transport->ranks;
    for (int step = 1; step < ranks; step++) {
        const int from = (call->transport->rank + step) % ranks;
        const struct flci_span chunk = {(size_t)from * call->count, call->count};
        const struct flci_span span = flci_partition_piece(chunk, elems, piece);
        const uint8_t *wire;
        FLCI_TRY(flci_message_receive(call, FLCI_STAGE_GATHER, from, span.count, &wire));
        FLCI_TRY(flci_call_decode(call, FLCI_STAGE_GATHER, from, span, wire));
        flci_message_release(call, from);
    }
    return FLC_OK;
}

static flc_status run(struct flci_call *call)
{
    const size_t elems = flci_message_elems(call);
    const size_t pieces = flci_partition_pieces(call->count, elems);
    FLCI_TRY(send_piece(call, elems, 0));
    for (size_t piece = 0; piece < pieces; piece++) {
        if (piece + 1 < pieces) { /* while the peers decode this piece */
            FLCI_TRY(send_piece(call, elems, piece + 1));
        }
        FLCI_TRY(receive_piece(call, elems, piece));
    }
    return FLC_OK;
}

const struct flci_algorithm flci_all_gather_direct = {
    .collective = FLCI_ALL_GATHER,
    .name = "direct",
    .summary = "everyone sends its elements to all; one hop and one quantization",
    .run = run,
};
