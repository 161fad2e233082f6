// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Direct all-to-all, with equal chunks or with counts: every rank sends each rank its chunk.
 *
 * One hop and one quantization; one's own chunk is copied exactly. With counts, ranks first tell
 * all others what they send and expect, so that every rank finds out where two disagree.
 *
 *   meet      (with counts) counts of this rank                 -> all
 *   for each piece of the chunks:
 *   deliver   encode [piece of chunk d] of send                 -> rank d, for all d
 *             decode what rank s sent                           -> chunk s of recv, for all s
 *
 * In place works because piece p of a chunk is written only after piece p of it was encoded.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "coll/algorithm.h"

static struct flci_span send_chunk(const struct flci_call *call, int to)
{
    return call->send_counts == NULL
               ? (struct flci_span){(size_t)to * call->count, call->count}
               : (struct flci_span){call->send_offsets[to], call->send_counts[to]};
}

static struct flci_span recv_chunk(const struct flci_call *call, int from)
{
    return call->recv_counts == NULL
               ? (struct flci_span){(size_t)from * call->count, call->count}
               : (struct flci_span){call->recv_offsets[from], call->recv_counts[from]};
}

/* Pieces of a chunk. With equal chunks there is always one, so that ranks meet. */
static size_t pieces_of(const struct flci_call *call, struct flci_span chunk, size_t elems)
{
    return call->send_counts != NULL && chunk.count == 0
               ? 0
               : flci_partition_pieces(chunk.count, elems);
}

static flc_status send_piece(struct flci_call *call, size_t elems, size_t piece)
{
    const int ranks = call->transport->ranks;
    for (int step = 1; step < ranks; step++) { /* no two ranks start at the same peer */
        const int to = (call->transport->rank + step) % ranks;
        const struct flci_span chunk = send_chunk(call, to);
        if (piece < pieces_of(call, chunk, elems)) {
            const struct flci_span span = flci_partition_piece(chunk, elems, piece);
            uint8_t *payload;
            FLCI_TRY(flci_message_begin(call, FLCI_STAGE_DELIVER, to, &payload));
            flci_call_encode(call, FLCI_STAGE_DELIVER, span, payload);
            flci_message_post(call, FLCI_STAGE_DELIVER, to, payload, span.count);
        }
    }
    return FLC_OK;
}

static flc_status receive_piece(struct flci_call *call, size_t elems, size_t piece)
{
    const int ranks = call->transport->ranks;
    for (int step = 1; step < ranks; step++) { /* who starts with this rank comes first */
        const int from = (call->transport->rank + ranks - step) % ranks;
        const struct flci_span chunk = recv_chunk(call, from);
        if (piece < pieces_of(call, chunk, elems)) {
            const struct flci_span span = flci_partition_piece(chunk, elems, piece);
            const uint8_t *wire;
            FLCI_TRY(flci_message_receive(call, FLCI_STAGE_DELIVER, from, span.count, &wire));
            FLCI_TRY(flci_call_decode(call, FLCI_STAGE_DELIVER, from, span, wire));
            flci_message_release(call, from);
        }
    }
    return FLC_OK;
}

static flc_status run(struct flci_call *call)
{
    const int me = call->transport->rank, ranks = call->transport->ranks;
    const size_t elems = flci_message_elems(call);
    size_t pieces = 0;
    for (int peer = 0; peer < ranks; peer++) {
        const size_t sent = pieces_of(call, send_chunk(call, peer), elems);
        const size_t received = pieces_of(call, recv_chunk(call, peer), elems);
        const size_t more = sent > received ? sent : received;
        pieces = peer != me && more > pieces ? more : pieces;
    }
    if (pieces > 0) {
        FLCI_TRY(send_piece(call, elems, 0));
    }
    for (size_t piece = 0; piece < pieces; piece++) {
        FLCI_TRY(send_piece(call, elems, piece + 1)); /* while the peers decode this piece */
        FLCI_TRY(receive_piece(call, elems, piece));
    }
    flci_call_copy(call, send_chunk(call, me), recv_chunk(call, me).begin);
    return FLC_OK;
}

/* ---- With counts ---- */

/* What ranks tell each other: [2][ranks] elements, those they send and those they expect. */
static uint64_t count_of(const struct flci_call *call, int rank, int is_received, int peer)
{
    const size_t at = (size_t)(is_received * call->transport->ranks + peer);
    uint64_t count;
    memcpy(&count, call->wires[rank] + at * sizeof count, sizeof count);
    return count;
}

static flc_status check_counts(struct flci_call *call)
{
    const int ranks = call->transport->ranks;
    char reason[160];
    for (int from = 0; from < ranks; from++) {
        for (int to = 0; to < ranks; to++) {
            const uint64_t sent = count_of(call, from, 0, to);
            const uint64_t expected = count_of(call, to, 1, from);
            if (sent != expected) {
                (void)snprintf(reason, sizeof reason,
                               "send_counts[%d] is %llu on rank %d and recv_counts[%d] is %llu on "
                               "rank %d",
                               to, (unsigned long long)sent, from, from,
                               (unsigned long long)expected, to);
                return flci_message_mismatch(call, FLCI_STAGE_MEET, from, reason);
            }
        }
    }
    return FLC_OK;
}

static flc_status run_with_counts(struct flci_call *call)
{
    const int ranks = call->transport->ranks;
    uint64_t counts[2 * FLC_MAX_RANKS];
    for (int rank = 0; rank < ranks; rank++) {
        counts[rank] = call->send_counts[rank];
        counts[ranks + rank] = call->recv_counts[rank];
    }
    FLCI_TRY(flci_message_meet(call, counts, 2 * (size_t)ranks));
    FLCI_TRY(check_counts(call));
    flci_message_release_all(call);
    return run(call);
}

const struct flci_algorithm flci_all_to_all_direct = {
    .collective = FLCI_ALL_TO_ALL,
    .name = "direct",
    .summary = "everyone sends each its chunk; one hop and one quantization",
    .run = run,
};

const struct flci_algorithm flci_all_to_all_v_direct = {
    .collective = FLCI_ALL_TO_ALL_V,
    .name = "direct",
    .summary = "counts first, then everyone sends each its chunk; one quantization",
    .run = run_with_counts,
};
