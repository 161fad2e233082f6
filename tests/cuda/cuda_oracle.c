// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The two-step of docs/algorithms.md for one block: cuda_oracle.h. With the processor's fastest
 * codec row, since much is to be computed; check_codec compares rows.
 */
#include "cuda_oracle.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/codec_rows.h"

static const struct flci_codec_row *codec_row(void)
{
    const struct flci_codec_row *row = NULL;
    if (flci_codec_row_choose(&row) != FLC_OK) {
        fprintf(stderr, "%s\n", flc_last_error(NULL));
        exit(1);
    }
    return row;
}

/* To the wire and back to float32. */
static void pass(const struct flci_codec_row *row, flc_format format, flc_type type,
                 flc_type src_type, const void *src, uint32_t n, float *dst)
{
    uint8_t wire[FLCI_BLOCK_MAX_BYTES];
    flc_stats stats = {0};
    flci_encode_block(row, format, type, src_type, src, n, wire, &stats);
    if (flci_decode_block(row, format, type, wire, FLC_FLOAT32, n, dst) != FLC_OK) {
        fprintf(stderr, "the oracle could not decode its own wire\n");
        exit(1);
    }
}

uint32_t cuda_oracle_block_elems(const struct cuda_call *call, size_t block)
{
    const size_t left = call->count - block * FLC_BLOCK_ELEMS;
    return (uint32_t)(left < FLC_BLOCK_ELEMS ? left : FLC_BLOCK_ELEMS);
}

void cuda_oracle_block(const struct cuda_call *call, int ranks, size_t block,
                       const void *const *inputs, void *result)
{
    const struct flci_codec_row *row = codec_row();
    const uint32_t n = cuda_oracle_block_elems(call, block);
    const int owner = (call->flags & FLC_INVARIANT) != 0 ? -1 : cuda_call_owner(call, ranks, block);
    float sum[FLC_BLOCK_ELEMS], part[FLC_BLOCK_ELEMS];
    for (int rank = 0; rank < ranks; rank++) {
        if (rank == owner) {
            flci_load_elems(row, call->type, inputs[rank], n, part);
        } else {
            pass(row, call->reduce, call->type, call->type, inputs[rank], n, part);
        }
        for (uint32_t i = 0; i < n; i++) {
            sum[i] = rank == 0 ? part[i] : sum[i] + part[i];
        }
    }
    for (uint32_t i = 0; call->op == FLC_AVG && i < n; i++) {
        sum[i] /= (float)ranks;
    }
    pass(row, call->gather, call->type, FLC_FLOAT32, sum, n, part);
    flci_store_elems(row, call->type, part, n, result);
}

void cuda_oracle_call(const struct cuda_call *call, int ranks, uint8_t *const *images, void *result)
{
    const size_t blocks = (call->count + FLC_BLOCK_ELEMS - 1) / FLC_BLOCK_ELEMS;
    const size_t block_bytes = FLC_BLOCK_ELEMS * flc_type_bytes(call->type);
    for (size_t block = 0; block < blocks; block++) {
        const void *inputs[FLC_CUDA_MAX_RANKS] = {NULL};
        for (int rank = 0; rank < ranks; rank++) {
            inputs[rank] = images[rank] + call->send_at + block * block_bytes;
        }
        cuda_oracle_block(call, ranks, block, inputs, (uint8_t *)result + block * block_bytes);
    }
}
