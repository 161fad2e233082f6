// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Elements of a call: encode, decode and reduce, block by block. All that the collectives need of
 * the codec is called here.
 *
 * Raw elements travel as they are, whatever NaN they hold: a reduction makes NaN canonical where
 * it rounds its sum.
 */
#include "coll/call.h"

#include <string.h>

#include "base/error.h"

static const void *send_at(const struct flci_call *call, size_t at)
{
    return (const uint8_t *)call->send + at * flc_type_bytes(call->type);
}

static void *recv_at(const struct flci_call *call, size_t at)
{
    return (uint8_t *)call->recv + at * flc_type_bytes(call->type);
}

static uint32_t block_at(size_t count, size_t done)
{
    const size_t left = count - done;
    return (uint32_t)(left < FLC_BLOCK_ELEMS ? left : FLC_BLOCK_ELEMS);
}

void flci_call_copy(struct flci_call *call, struct flci_span span, size_t at)
{
    if (span.count > 0 && send_at(call, span.begin) != recv_at(call, at)) {
        memcpy(recv_at(call, at), send_at(call, span.begin),
               span.count * flc_type_bytes(call->type));
    }
}

void flci_call_encode(struct flci_call *call, enum flci_stage stage, struct flci_span span,
                      uint8_t *wire)
{
    const flc_format format = flci_stage_format(call, stage);
    if (format.bits == 0 && span.count > 0) {
        memcpy(wire, send_at(call, span.begin), span.count * flc_type_bytes(call->type));
        return;
    }
    for (size_t done = 0; done < span.count; done += FLC_BLOCK_ELEMS) {
        const uint32_t n = block_at(span.count, done);
        flci_load_elems(call->row, call->type, send_at(call, span.begin + done), n, call->part);
        flci_encode_block(call->row, format, call->type, call->part, n, wire, &call->stats);
        wire += flci_block_bytes(format, call->type, n);
    }
}

flc_status flci_call_decode(struct flci_call *call, enum flci_stage stage, int from,
                            struct flci_span span, const uint8_t *wire)
{
    const flc_format format = flci_stage_format(call, stage);
    if (format.bits == 0 && span.count > 0) {
        memcpy(recv_at(call, span.begin), wire, span.count * flc_type_bytes(call->type));
        return FLC_OK;
    }
    for (size_t done = 0; done < span.count; done += FLC_BLOCK_ELEMS) {
        const uint32_t n = block_at(span.count, done);
        if (flci_decode_block(call->row, format, call->type, wire, n, call->part) != FLC_OK) {
            return flci_message_corrupt(call, stage, from);
        }
        flci_store_elems(call->row, call->type, call->part, n, recv_at(call, span.begin + done));
        wire += flci_block_bytes(format, call->type, n);
    }
    return FLC_OK;
}

/* ---- Reduction ---- */

/* This rank's own contribution to a block, at `elems`, as its owner adds it. */
static flc_status load_own(struct flci_call *call, const void *elems, uint32_t n, float *own)
{
    uint8_t wire[FLCI_BLOCK_MAX_BYTES];
    flci_load_elems(call->row, call->type, elems, n, own);
    if ((call->flags & FLC_INVARIANT) == 0) {
        return FLC_OK;
    }
    flci_encode_block(call->row, call->reduce, call->type, own, n, wire, &call->stats);
    return flci_decode_block(call->row, call->reduce, call->type, wire, n, own);
}

/* Sum of a block into call->sum: contributions at `wire_at` of call->wires, or own elements. */
static flc_status sum_block(struct flci_call *call, enum flci_stage stage, size_t wire_at,
                            const void *own, uint32_t n)
{
    const int ranks = call->transport->ranks;
    for (int rank = 0; rank < ranks; rank++) {
        float *into = rank == 0 ? call->sum : call->part; /* starts from rank 0: -0 survives */
        const uint8_t *wire = call->wires[rank];
        const flc_status status =
            wire == NULL
                ? load_own(call, own, n, into)
                : flci_decode_block(call->row, call->reduce, call->type, wire + wire_at, n, into);
        if (status != FLC_OK) {
            return flci_message_corrupt(call, stage, rank);
        }
        for (uint32_t i = 0; rank > 0 && i < n; i++) {
            call->sum[i] += call->part[i];
        }
    }
    for (uint32_t i = 0; call->op == FLC_AVG && i < n; i++) {
        call->sum[i] /= (float)ranks;
    }
    return FLC_OK;
}

flc_status flci_call_reduce(struct flci_call *call, enum flci_stage stage, struct flci_span span,
                            size_t at, uint8_t *wire)
{
    const int me = call->transport->rank;
    size_t wire_at = 0;
    for (size_t done = 0; done < span.count; done += FLC_BLOCK_ELEMS) {
        const uint32_t n = block_at(span.count, done);
        FLCI_TRY(sum_block(call, stage, wire_at, send_at(call, span.begin + done), n));
        wire_at += flci_block_bytes(call->reduce, call->type, n);
        if (wire == NULL) {
            flci_store_elems(call->row, call->type, call->sum, n, recv_at(call, at + done));
            continue;
        }
        flci_encode_block(call->row, call->gather, call->type, call->sum, n, wire, &call->stats);
        FLCI_TRY(
            flci_call_decode(call, FLCI_STAGE_GATHER, me, (struct flci_span){at + done, n}, wire));
        wire += flci_block_bytes(call->gather, call->type, n);
    }
    return FLC_OK;
}
