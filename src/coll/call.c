// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the algorithms of a reduction share: encode, sum and decode, block by block.
 */
#include "coll/call.h"

#include <string.h>

#include "base/error.h"

const void *flci_call_send_at(const struct flci_call *call, size_t at)
{
    return (const uint8_t *)call->send + at * flc_type_bytes(call->type);
}

void *flci_call_recv_at(const struct flci_call *call, size_t at)
{
    return (uint8_t *)call->recv + at * flc_type_bytes(call->type);
}

static uint32_t block_at(struct flci_span span, size_t done)
{
    const size_t left = span.count - done;
    return (uint32_t)(left < FLC_BLOCK_ELEMS ? left : FLC_BLOCK_ELEMS);
}

void flci_call_encode(struct flci_call *call, struct flci_span span, uint8_t *wire)
{
    for (size_t done = 0; done < span.count; done += FLC_BLOCK_ELEMS) {
        const uint32_t n = block_at(span, done);
        flci_encode_block(call->row, call->reduce, call->type, call->type,
                          flci_call_send_at(call, span.begin + done), n, wire, &call->stats);
        wire += flci_block_bytes(call->reduce, call->type, n);
    }
}

flc_status flci_call_decode(struct flci_call *call, int from, struct flci_span span,
                            const uint8_t *wire)
{
    for (size_t done = 0; done < span.count; done += FLC_BLOCK_ELEMS) {
        const uint32_t n = block_at(span, done);
        if (flci_decode_block(call->row, call->gather, call->type, wire, call->type, n,
                              flci_call_recv_at(call, span.begin + done)) != FLC_OK) {
            return flci_message_corrupt(call, FLCI_STAGE_GATHER, from);
        }
        wire += flci_block_bytes(call->gather, call->type, n);
    }
    return FLC_OK;
}

flc_status flci_call_sum_block(struct flci_call *call, enum flci_stage stage, size_t wire_at,
                               uint32_t n, const float *own)
{
    const int ranks = call->transport->ranks;
    for (int rank = 0; rank < ranks; rank++) {
        float *into = rank == 0 ? call->sum : call->part; /* starts from rank 0: -0 survives */
        if (rank == call->transport->rank && own != NULL) {
            memcpy(into, own, n * sizeof *into);
        } else if (flci_decode_block(call->row, call->reduce, call->type,
                                     call->wires[rank] + wire_at, FLC_FLOAT32, n, into) != FLC_OK) {
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
