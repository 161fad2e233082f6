// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The reference of reductions: reduce_reference.h.
 */
#include "reduce_reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/codec_rows.h"
#include "elem_convert.h"
#include "test_data.h"

static size_t block_count(const struct reduce_call *call)
{
    return (call->count + FLC_BLOCK_ELEMS - 1) / FLC_BLOCK_ELEMS;
}

static size_t block_elems(const struct reduce_call *call, size_t block)
{
    const size_t left = call->count - block * FLC_BLOCK_ELEMS;
    return left < FLC_BLOCK_ELEMS ? left : FLC_BLOCK_ELEMS;
}

static size_t wire_bytes(flc_format format, flc_type type, size_t count)
{
    size_t bytes = 0;
    if (flc_format_wire_bytes(format, type, count, &bytes) != FLC_OK) {
        fprintf(stderr, "wire size: %s\n", flc_last_error(NULL));
        abort();
    }
    return bytes;
}

/* Blocks are dealt out in runs of equal length; the first ranks take one more each. */
int reduce_reference_owner(const struct reduce_call *call, size_t block)
{
    size_t end = 0;
    if (call->is_scatter) {
        return call->owner;
    }
    for (int rank = 0; rank < call->ranks; rank++) {
        const size_t extra = block_count(call) % (size_t)call->ranks > (size_t)rank;
        end += block_count(call) / (size_t)call->ranks + extra;
        if (block < end) {
            return rank;
        }
    }
    return -1;
}

/* To elements: nearest even, every NaN the canonical one. */
static void round_to_elems(flc_type type, const float *x, size_t n, void *elems)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = 0x7fc00000u;
        if (!isnan(x[i])) {
            memcpy(&bits, &x[i], sizeof bits);
        }
        if (type == FLC_FLOAT32) {
            ((uint32_t *)elems)[i] = bits;
        } else if (type == FLC_BFLOAT16) {
            ((uint16_t *)elems)[i] = elem_fp32_to_bf16(bits);
        } else {
            ((uint16_t *)elems)[i] = isnan(x[i]) ? 0x7e00u : elem_fp32_to_fp16(bits);
        }
    }
}

static void reduce_block(const struct reduce_call *call, size_t block, uint8_t *const *wires,
                         const void *const *inputs, void *result)
{
    const uint32_t n = (uint32_t)block_elems(call, block);
    const size_t at = block * FLC_BLOCK_ELEMS, elem_bytes = flc_type_bytes(call->type);
    const size_t wire_at = wire_bytes(call->reduce, call->type, at);
    const int is_exact_owner = !call->is_oneshot && (call->flags & FLC_INVARIANT) == 0;
    const int owner = is_exact_owner ? reduce_reference_owner(call, block) : -1;
    static uint8_t gathered[FLCI_BLOCK_MAX_BYTES];
    float sum[FLC_BLOCK_ELEMS], part[FLC_BLOCK_ELEMS];
    flc_stats stats = {0};
    int failed = 0;
    for (int rank = 0; rank < call->ranks; rank++) {
        if (rank == owner) {
            test_load(call->type, (const uint8_t *)inputs[rank] + at * elem_bytes, n, part);
        } else {
            failed |= flci_decode_block(&flci_codec_ref, call->reduce, call->type,
                                        wires[rank] + wire_at, FLC_FLOAT32, n, part) != FLC_OK;
        }
        for (uint32_t i = 0; i < n; i++) {
            sum[i] = rank == 0 ? part[i] : sum[i] + part[i];
        }
    }
    for (uint32_t i = 0; call->op == FLC_AVG && i < n; i++) {
        sum[i] /= (float)call->ranks;
    }
    if (!call->is_oneshot && !call->is_scatter) {
        flci_encode_block(&flci_codec_ref, call->gather, call->type, FLC_FLOAT32, sum, n, gathered,
                          &stats);
        failed |= flci_decode_block(&flci_codec_ref, call->gather, call->type, gathered,
                                    FLC_FLOAT32, n, sum) != FLC_OK;
    }
    if (failed) {
        fprintf(stderr, "the reference could not decode its own wire\n");
        abort();
    }
    round_to_elems(call->type, sum, n, (uint8_t *)result + at * elem_bytes);
}

void reduce_reference(const struct reduce_call *call, const void *const *inputs, void *result)
{
    const size_t bytes = wire_bytes(call->reduce, call->type, call->count);
    uint8_t *wires[FLC_MAX_RANKS] = {NULL};
    if (call->ranks == 1) {
        if (call->count > 0) {
            memcpy(result, inputs[0], call->count * flc_type_bytes(call->type));
        }
        return;
    }
    for (int rank = 0; rank < call->ranks; rank++) {
        wires[rank] = malloc(bytes + 1);
        if (wires[rank] == NULL || flc_encode(call->reduce, call->type, inputs[rank], call->count,
                                              wires[rank], bytes, NULL) != FLC_OK) {
            fprintf(stderr, "the reference could not encode: %s\n", flc_last_error(NULL));
            abort();
        }
    }
    for (size_t block = 0; block < block_count(call); block++) {
        reduce_block(call, block, wires, inputs, result);
    }
    for (int rank = 0; rank < call->ranks; rank++) {
        free(wires[rank]);
    }
}

static uint64_t groups_of(flc_format format, size_t elems)
{
    return format.bits == 0 ? 0 : (elems + format.group - 1) / format.group;
}

uint64_t reduce_reference_sent_bytes(const struct reduce_call *call, int rank)
{
    const uint64_t peers = (uint64_t)call->ranks - 1;
    uint64_t bytes = 0;
    for (size_t block = 0; block < block_count(call); block++) {
        const size_t n = block_elems(call, block);
        const uint64_t reduce = wire_bytes(call->reduce, call->type, n);
        const uint64_t gather = wire_bytes(call->gather, call->type, n);
        if (call->is_oneshot) {
            bytes += peers * reduce;
        } else {
            bytes += reduce_reference_owner(call, block) == rank ? peers * gather : reduce;
        }
    }
    return bytes;
}

uint64_t reduce_reference_groups(const struct reduce_call *call, int rank)
{
    uint64_t groups = 0;
    for (size_t block = 0; call->ranks > 1 && block < block_count(call); block++) {
        const size_t n = block_elems(call, block);
        const int is_mine = !call->is_oneshot && reduce_reference_owner(call, block) == rank;
        if (!is_mine || (call->flags & FLC_INVARIANT) != 0) {
            groups += groups_of(call->reduce, n);
        }
        groups += is_mine ? groups_of(call->gather, n) : 0;
    }
    return groups;
}
