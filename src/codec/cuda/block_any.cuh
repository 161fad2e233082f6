// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Blocks of any format and any length, coded by one warp with the scalar rules of codec_core.h and
 * codec_rotated.h: the slow path of the kernels, always right. It takes short blocks, and formats
 * that have no fast path.
 *
 * All functions, with flcd_any_load and flcd_any_store, are called by all 32 lanes of a warp of a
 * one-dimensional thread block, with the same arguments; before they return, what they wrote is
 * visible to the warp.
 */
#ifndef FLCI_CODEC_CUDA_BLOCK_ANY_CUH
#define FLCI_CODEC_CUDA_BLOCK_ANY_CUH

#include "codec/cuda/any_even.cuh"
#include "codec/cuda/any_rotated.cuh"
#include "codec/cuda/layout.h"

static __device__ __forceinline__ void flcd_encode_raw(flc_type type, uint32_t n, const float *x,
                                                       uint8_t *wire)
{
    for (uint32_t i = flcd_lane(); type == FLC_FLOAT32 && i < n; i += FLCD_LANES) {
        ((uint32_t *)wire)[i] = flci_bits_of(x[i]);
    }
    for (uint32_t i = 2 * flcd_lane(); type != FLC_FLOAT32 && i < n; i += 2 * FLCD_LANES) {
        const uint32_t low = flci_to_float16(type, x[i]);
        if (i + 1 < n) {
            ((uint32_t *)wire)[i / 2] = low | (uint32_t)flci_to_float16(type, x[i + 1]) << 16;
        } else {
            ((uint16_t *)wire)[i] = (uint16_t)low;
        }
    }
}

/*
 * scratch->x[n], 1 <= n <= FLC_BLOCK_ELEMS, to a block of wire, 16-byte aligned, local or a peer's:
 * all its bytes, in words of 32 bits, none of which is read. (A raw block of an odd number of
 * halves ends with 16.) Any format, raw too. Rotated formats leave coefficients in x. Returns the
 * number of groups that are not finite.
 */
template <int KIND = FLCD_KIND_ANY>
FLCD_ANY uint32_t flcd_any_encode(flc_format format, flc_type type, uint32_t n,
                                  struct flcd_scratch *scratch, uint8_t *wire)
{
    uint32_t nonfinite = 0;
    if (KIND == FLCD_KIND_RAW || (KIND == FLCD_KIND_ANY && format.bits == 0)) {
        flcd_encode_raw(type, n, scratch->x, wire);
    } else if (KIND == FLCD_KIND_ROTATED ||
               (KIND == FLCD_KIND_ANY && format.scheme == FLC_ROTATED)) {
        nonfinite = flcd_encode_rotated(format, n, scratch, wire);
    } else {
        nonfinite = flcd_encode_even(format, type, n, scratch, wire);
    }
    __syncwarp();
    return flcd_warp_sum(nonfinite);
}

/*
 * A block of wire, as flcd_any_encode wrote it, to y[n], rounded to nothing yet. `y` may be
 * scratch->x. Whatever the wire holds, nothing is read or written outside; a group whose scale no
 * encoder writes decodes to NaN. Returns other than 0 for a corrupt wire: docs/format.md says
 * which.
 */
template <int KIND = FLCD_KIND_ANY>
FLCD_ANY uint32_t flcd_any_decode(flc_format format, flc_type type, uint32_t n, const uint8_t *wire,
                                  struct flcd_scratch *scratch, float *y)
{
    uint32_t corrupt = 0;
    if (KIND == FLCD_KIND_RAW || (KIND == FLCD_KIND_ANY && format.bits == 0)) {
        flcd_any_load(type, wire, n, y);
    } else if (KIND == FLCD_KIND_ROTATED ||
               (KIND == FLCD_KIND_ANY && format.scheme == FLC_ROTATED)) {
        corrupt = flcd_decode_rotated(format, type, n, wire, scratch, y);
    } else {
        corrupt = flcd_decode_even(format, type, n, wire, scratch, y);
    }
    __syncwarp();
    return flcd_warp_sum(corrupt);
}

#endif
