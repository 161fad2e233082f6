// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Direct broadcast: the root sends its elements to all.
 *
 * One hop and one quantization; the root keeps its elements exactly. Since only the root sends,
 * ranks first meet: one that means another root, or another call, is found out by all.
 *
 *   meet      nothing                       -> all
 *   for each piece:
 *   deliver   root: encode [piece] of send  -> all
 *             others: decode it             -> recv
 */
#include "base/error.h"
#include "coll/algorithm.h"

static flc_status send_all(struct flci_call *call, size_t elems, size_t pieces)
{
    const struct flci_span all = {0, call->count};
    for (size_t piece = 0; piece < pieces; piece++) {
        const struct flci_span span = flci_partition_piece(all, elems, piece);
        uint8_t *payload;
        FLCI_TRY(flci_message_begin(call, FLCI_STAGE_DELIVER, FLCI_TO_ALL, &payload));
        flci_call_encode(call, FLCI_STAGE_DELIVER, span, payload);
        flci_message_post(call, FLCI_STAGE_DELIVER, FLCI_TO_ALL, payload, span.count);
        flci_call_copy(call, span, span.begin);
    }
    return FLC_OK;
}

static flc_status receive_all(struct flci_call *call, size_t elems, size_t pieces)
{
    const struct flci_span all = {0, call->count};
    for (size_t piece = 0; piece < pieces; piece++) {
        const struct flci_span span = flci_partition_piece(all, elems, piece);
        const uint8_t *wire;
        FLCI_TRY(flci_message_receive(call, FLCI_STAGE_DELIVER, call->root, span.count, &wire));
        FLCI_TRY(flci_call_decode(call, FLCI_STAGE_DELIVER, call->root, span, wire));
        flci_message_release(call, call->root);
    }
    return FLC_OK;
}

static flc_status run(struct flci_call *call)
{
    const size_t elems = flci_message_elems(call);
    const size_t pieces = flci_partition_pieces(call->count, elems);
    FLCI_TRY(flci_message_meet(call, NULL, 0));
    flci_message_release_all(call);
    return call->transport->rank == call->root ? send_all(call, elems, pieces)
                                               : receive_all(call, elems, pieces);
}

const struct flci_algorithm flci_broadcast_direct = {
    .collective = FLCI_BROADCAST,
    .name = "direct",
    .summary = "the root sends to all; one hop and one quantization",
    .run = run,
};
