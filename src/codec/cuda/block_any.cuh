// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Blocks of any format and any length, coded by one warp with the scalar rules of codec_core.h and
 * codec_rotated.h: the slow path of the kernels, always right. It takes short blocks, and formats
 * that have no fast path.
 *
 * All functions are called by all 32 lanes of a warp, with the same arguments; before they return,
 * what they wrote is visible to the warp.
 */
#ifndef FLCI_CODEC_CUDA_BLOCK_ANY_CUH
#define FLCI_CODEC_CUDA_BLOCK_ANY_CUH

#include "codec/codec_rotated.h"

/* A warp's working memory, shared or global, 16-byte aligned. */
struct flcd_scratch {
    float x[FLC_BLOCK_ELEMS];
    uint8_t codes[FLC_BLOCK_ELEMS];
    float targets[FLC_BLOCK_ELEMS / 16];
    uint8_t positions[2 * (FLC_BLOCK_ELEMS / 16)];
};

/* Elements src[n] of any alignment, widened to x[n]; and back: rounded to the type, NaN canonical. */
__device__ void flcd_any_load(flc_type type, const void *src, uint32_t n, float *x);
__device__ void flcd_any_store(flc_type type, const float *x, uint32_t n, void *dst);

/* scratch->x[n], 1 <= n <= FLC_BLOCK_ELEMS, to a block of wire, 16-byte aligned, local or a peer's.
   Any format, raw too. Rotated formats leave coefficients in x. */
__device__ void flcd_any_encode(flc_format format, flc_type type, uint32_t n,
                                struct flcd_scratch *scratch, uint8_t *wire);

/* A block of wire to y[n], rounded to nothing yet. Whatever the wire holds, nothing is read or
   written outside; a scale that no encoder writes decodes to NaN. `y` may be scratch->x. */
__device__ void flcd_any_decode(flc_format format, flc_type type, uint32_t n, const uint8_t *wire,
                                struct flcd_scratch *scratch, float *y);

#endif
