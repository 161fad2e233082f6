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

#include "base/copy.h"
#include "base/error.h"

/* A raw result larger than this is written past the cache, where it would not stay. */
#define CACHED_RESULT_BYTES ((size_t)8 << 20)

/* Elements of a raw sum that stay in the first-level cache between its steps. */
#define RAW_STEP_ELEMS 1024

static float canonical_nan(void)
{
    const uint32_t bits = 0x7fc00000u;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

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

/* Elements, as they are, to element `at` of recv. */
static void copy_to_recv(struct flci_call *call, const void *elems, size_t at, size_t count)
{
    const size_t size = flc_type_bytes(call->type);
    if (call->recv_elems > CACHED_RESULT_BYTES / size) {
        flci_copy_past_cache(recv_at(call, at), elems, count * size);
    } else {
        memcpy(recv_at(call, at), elems, count * size);
    }
}

void flci_call_copy(struct flci_call *call, struct flci_span span, size_t at)
{
    if (span.count > 0 && send_at(call, span.begin) != recv_at(call, at)) {
        copy_to_recv(call, send_at(call, span.begin), at, span.count);
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
        flci_encode_block(call->row, format, call->type, call->type,
                          send_at(call, span.begin + done), n, wire, &call->stats);
        wire += flci_block_bytes(format, call->type, n);
    }
}

flc_status flci_call_decode(struct flci_call *call, enum flci_stage stage, int from,
                            struct flci_span span, const uint8_t *wire)
{
    const flc_format format = flci_stage_format(call, stage);
    if (format.bits == 0 && span.count > 0) {
        copy_to_recv(call, wire, span.begin, span.count);
        return FLC_OK;
    }
    for (size_t done = 0; done < span.count; done += FLC_BLOCK_ELEMS) {
        const uint32_t n = block_at(span.count, done);
        if (flci_decode_block(call->row, format, call->type, wire, call->type, n,
                              recv_at(call, span.begin + done)) != FLC_OK) {
            return flci_message_corrupt(call, stage, from);
        }
        wire += flci_block_bytes(format, call->type, n);
    }
    return FLC_OK;
}

/* ---- Reduction ---- */

flc_status flci_call_send_to_owners(struct flci_call *call, flci_piece_of *piece_of, size_t elems,
                                    size_t piece)
{
    const int ranks = call->transport->ranks;
    for (int step = 1; step < ranks; step++) { /* no two ranks start at the same peer */
        const int owner = (call->transport->rank + step) % ranks;
        const struct flci_span span = piece_of(call, owner, elems, piece);
        uint8_t *payload;
        FLCI_TRY(flci_message_begin(call, FLCI_STAGE_REDUCE, owner, &payload));
        flci_call_encode(call, FLCI_STAGE_REDUCE, span, payload);
        flci_message_post(call, FLCI_STAGE_REDUCE, owner, payload, span.count);
    }
    return FLC_OK;
}

/* This rank's own contribution to a block, at `elems`, as its owner adds it. */
static flc_status load_own(struct flci_call *call, const void *elems, uint32_t n, float *own)
{
    uint8_t wire[FLCI_BLOCK_MAX_BYTES];
    if ((call->flags & FLC_INVARIANT) == 0) {
        flci_load_elems(call->row, call->type, elems, n, own);
        return FLC_OK;
    }
    flci_encode_block(call->row, call->reduce, call->type, call->type, elems, n, wire,
                      &call->stats);
    return flci_decode_block(call->row, call->reduce, call->type, wire, FLC_FLOAT32, n, own);
}

/* Sum of a block into call->sum: contributions at `wire_at` of call->wires, or own elements. */
static flc_status sum_block(struct flci_call *call, enum flci_stage stage, size_t wire_at,
                            const void *own, uint32_t n)
{
    const int ranks = call->transport->ranks;
    for (int rank = 0; rank < ranks; rank++) {
        float *into = rank == 0 ? call->sum : call->part; /* starts from rank 0: -0 survives */
        const uint8_t *wire = call->wires[rank];
        const flc_status status = wire == NULL
                                      ? load_own(call, own, n, into)
                                      : flci_decode_block(call->row, call->reduce, call->type,
                                                          wire + wire_at, FLC_FLOAT32, n, into);
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

/* As sum_block of elements that are float32 already: straight from the slots and from send into
   `sum`, every NaN made canonical. */
static void sum_floats(const struct flci_call *call, size_t elem_at, const float *own, size_t n,
                       float *restrict sum)
{
    const int ranks = call->transport->ranks;
    const float divisor = call->op == FLC_AVG ? (float)ranks : 1.0f, nan = canonical_nan();
    const float *from[FLC_MAX_RANKS];
    for (int rank = 0; rank < ranks; rank++) {
        const float *wire = (const float *)(const void *)call->wires[rank];
        from[rank] = wire == NULL ? own : wire + elem_at;
    }
    for (size_t i = 0; i < n; i++) {
        sum[i] = from[0][i] + from[1][i];
    }
    for (int rank = 2; rank < ranks; rank++) {
        const float *restrict next = from[rank];
        for (size_t i = 0; i < n; i++) {
            sum[i] += next[i];
        }
    }
    for (size_t i = 0; divisor != 1.0f && i < n; i++) {
        sum[i] /= divisor;
    }
    for (size_t i = 0; i < n; i++) {
        sum[i] = sum[i] == sum[i] ? sum[i] : nan;
    }
}

/* Raw float32 on both sides. A step's sum is still in the nearest cache when it is copied. */
static void reduce_floats(struct flci_call *call, struct flci_span span, size_t at, uint8_t *wire)
{
    for (size_t done = 0; done < span.count; done += RAW_STEP_ELEMS) {
        const size_t left = span.count - done, n = left < RAW_STEP_ELEMS ? left : RAW_STEP_ELEMS;
        float *sum = wire == NULL ? call->sum : (float *)(void *)wire + done;
        sum_floats(call, done, send_at(call, span.begin + done), n, sum);
        copy_to_recv(call, sum, at + done, n);
    }
}

flc_status flci_call_reduce(struct flci_call *call, enum flci_stage stage, struct flci_span span,
                            size_t at, uint8_t *wire)
{
    const int me = call->transport->rank;
    size_t wire_at = 0;
    if (call->type == FLC_FLOAT32 && call->reduce.bits == 0 &&
        (wire == NULL || call->gather.bits == 0)) {
        reduce_floats(call, span, at, wire);
        return FLC_OK;
    }
    for (size_t done = 0; done < span.count; done += FLC_BLOCK_ELEMS) {
        const uint32_t n = block_at(span.count, done);
        FLCI_TRY(sum_block(call, stage, wire_at, send_at(call, span.begin + done), n));
        wire_at += flci_block_bytes(call->reduce, call->type, n);
        if (wire == NULL) {
            flci_store_elems(call->row, call->type, call->sum, n, recv_at(call, at + done));
            continue;
        }
        if (call->gather.bits == 0) { /* the codec copies raw elements, whatever NaN they hold */
            flci_store_elems(call->row, call->type, call->sum, n, wire);
        } else {
            flci_encode_block(call->row, call->gather, call->type, FLC_FLOAT32, call->sum, n, wire,
                              &call->stats);
        }
        FLCI_TRY(
            flci_call_decode(call, FLCI_STAGE_GATHER, me, (struct flci_span){at + done, n}, wire));
        wire += flci_block_bytes(call->gather, call->type, n);
    }
    return FLC_OK;
}
