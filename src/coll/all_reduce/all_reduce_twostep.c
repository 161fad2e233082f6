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

static flc_status send_contributions(struct flci_call *call, size_t elems, size_t piece)
{
    const int ranks = call->transport->ranks;
    for (int step = 1; step < ranks; step++) { /* no two ranks start at the same peer */
        const int owner = (call->transport->rank + step) % ranks;
        const struct flci_span span = piece_of(call, owner, elems, piece);
        uint8_t *payload;
        FLCI_TRY(flci_message_begin(call, FLCI_STAGE_REDUCE, owner, &payload));
        flci_call_encode(call, span, payload);
        flci_message_post(call, FLCI_STAGE_REDUCE, owner, payload, span.count);
    }
    return FLC_OK;
}

/* Sum, requantize and decode this rank's own piece, block by block. */
static flc_status reduce_own(struct flci_call *call, struct flci_span span, uint8_t *payload)
{
    const int is_invariant = (call->flags & FLC_INVARIANT) != 0;
    float own[FLC_BLOCK_ELEMS];
    uint8_t own_wire[FLCI_BLOCK_MAX_BYTES];
    size_t wire_at = 0;
    for (size_t done = 0; done < span.count; done += FLC_BLOCK_ELEMS) {
        const size_t left = span.count - done;
        const uint32_t n = (uint32_t)(left < FLC_BLOCK_ELEMS ? left : FLC_BLOCK_ELEMS);
        const struct flci_span block = {span.begin + done, n};
        flci_load_elems(call->row, call->type, flci_call_send_at(call, block.begin), n, own);
        if (is_invariant) {
            flci_encode_block(call->row, call->reduce, call->type, FLC_FLOAT32, own, n, own_wire,
                              &call->stats);
            FLCI_TRY(flci_decode_block(call->row, call->reduce, call->type, own_wire, FLC_FLOAT32,
                                       n, own));
        }
        FLCI_TRY(flci_call_sum_block(call, FLCI_STAGE_REDUCE, wire_at, n, own));
        flci_encode_block(call->row, call->gather, call->type, FLC_FLOAT32, call->sum, n, payload,
                          &call->stats);
        FLCI_TRY(flci_call_decode(call, call->transport->rank, block, payload));
        payload += flci_block_bytes(call->gather, call->type, n);
        wire_at += flci_block_bytes(call->reduce, call->type, n);
    }
    return FLC_OK;
}

static flc_status run_piece(struct flci_call *call, size_t elems, size_t piece)
{
    const int me = call->transport->rank;
    const struct flci_span mine = piece_of(call, me, elems, piece);
    uint8_t *payload;
    FLCI_TRY(send_contributions(call, elems, piece));
    FLCI_TRY(flci_message_receive_all(call, FLCI_STAGE_REDUCE, mine.count));
    FLCI_TRY(flci_message_begin(call, FLCI_STAGE_GATHER, FLCI_TO_ALL, &payload));
    FLCI_TRY(reduce_own(call, mine, payload));
    flci_message_post(call, FLCI_STAGE_GATHER, FLCI_TO_ALL, payload, mine.count);
    flci_message_release_all(call);
    for (int step = 1; step < call->transport->ranks; step++) {
        const int owner = (me + step) % call->transport->ranks;
        const struct flci_span span = piece_of(call, owner, elems, piece);
        const uint8_t *wire;
        FLCI_TRY(flci_message_receive(call, FLCI_STAGE_GATHER, owner, span.count, &wire));
        FLCI_TRY(flci_call_decode(call, owner, span, wire));
        flci_message_release(call, owner);
    }
    return FLC_OK;
}

static flc_status run(struct flci_call *call)
{
    const size_t elems = flci_message_elems(call);
    const struct flci_span longest = flci_partition_chunk(call->count, call->transport->ranks, 0);
    const size_t pieces = flci_partition_pieces(longest.count, elems);
    for (size_t piece = 0; piece < pieces; piece++) {
        FLCI_TRY(run_piece(call, elems, piece));
    }
    return FLC_OK;
}

const struct flci_algorithm flci_all_reduce_twostep = {
    .collective = FLCI_ALL_REDUCE,
    .name = "twostep",
    .summary = "all_reduce: reduce-scatter then all-gather, two hops and two quantizations",
    .run = run,
};
