// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * One-shot all-reduce: every rank sends all of its input to all, and sums all of it.
 *
 * One hop and one quantization, for (ranks - 1) times the bytes: for small messages. Every rank
 * sums the same decoded bytes, its own included, in rank order; the sum is rounded once to the
 * element type.
 *
 *   exchange   encode [piece] of send      -> all
 *              sum the pieces of all ranks -> recv
 */
#include "base/error.h"
#include "coll/algorithm.h"

static flc_status run_piece(struct flci_call *call, struct flci_span span)
{
    uint8_t *payload;
    FLCI_TRY(flci_message_begin(call, FLCI_STAGE_EXCHANGE, FLCI_TO_ALL, &payload));
    flci_call_encode(call, FLCI_STAGE_EXCHANGE, span, payload);
    flci_message_post(call, FLCI_STAGE_EXCHANGE, FLCI_TO_ALL, payload, span.count);
    call->wires[call->transport->rank] =
        payload; /* stays as it is: the next message uses the other slot */
    FLCI_TRY(flci_message_receive_all(call, FLCI_STAGE_EXCHANGE, span.count));
    FLCI_TRY(flci_call_reduce(call, FLCI_STAGE_EXCHANGE, span, span.begin, NULL));
    flci_message_release_all(call);
    return FLC_OK;
}

static flc_status run(struct flci_call *call)
{
    const struct flci_span all = {0, call->count};
    const size_t elems = flci_message_elems(call);
    const size_t pieces = flci_partition_pieces(call->count, elems);
    for (size_t piece = 0; piece < pieces; piece++) {
        FLCI_TRY(run_piece(call, flci_partition_piece(all, elems, piece)));
    }
    return FLC_OK;
}

const struct flci_algorithm flci_all_reduce_oneshot = {
    .collective = FLCI_ALL_REDUCE,
    .name = "oneshot",
    .summary = "everyone sends all to all; one hop, for small messages",
    .run = run,
};
