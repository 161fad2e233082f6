// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A unit: 1024 elements of a block, 32 of them in each lane of a warp; what the fast paths of the
 * kernels work on. Here: how elements get into registers and out; unit_planes.cuh: codes.
 *
 * Four lanes, a quad, own 128 elements. Lane l of quad q holds four pieces of 8 elements: piece k
 * is elements 128 q + 32 k + 8 l to + 7. A warp's access to one piece touches 64 bytes (16-bit
 * elements) of each of 8 places, whole sectors, and the arithmetic of a group of 128 is shared by
 * only four lanes. Codes leave the other way round: a transposition inside the quad gives lane l
 * the codes of 32 neighbours, so that every plane is written in whole lines.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_CUH
#define FLCI_CODEC_CUDA_UNIT_CUH

#include "codec/codec_core.h"
#include "cuda/ptx.cuh"

#define FLCD_UNIT_ELEMS  1024
#define FLCD_UNITS       (FLC_BLOCK_ELEMS / FLCD_UNIT_ELEMS) /* of a block */
#define FLCD_LANE_ELEMS  32
#define FLCD_PIECES      4
#define FLCD_PIECE_ELEMS 8
#define FLCD_PIECE_PAIRS 4

/* ---- Elements ---- */

/* Registers of 32 elements. */
template <flc_type TYPE> struct flcd_elems {
    uint32_t words[TYPE == FLC_FLOAT32 ? 32 : 16];
};

static __device__ __forceinline__ uint32_t flcd_piece_at(uint32_t lane, uint32_t piece)
{
    return 128 * (lane / 4) + 32 * piece + 8 * (lane % 4);
}

/* Where vector `i` of 16 bytes of a lane's elements is in a unit. */
template <flc_type TYPE>
static __device__ __forceinline__ uint32_t flcd_vector_at(uint32_t lane, int i)
{
    constexpr int elem_bytes = TYPE == FLC_FLOAT32 ? 4 : 2, vectors = elem_bytes / 2;
    return elem_bytes * flcd_piece_at(lane, (uint32_t)(i / vectors)) + 16 * (i % vectors);
}

/* Units whose address has the alignment of an element only, out of line: rare, and slow. */
template <flc_type TYPE>
static __device__ __noinline__ void flcd_load_unaligned(const uint8_t *src, uint32_t lane,
                                                        uint32_t *words)
{
    for (int i = 0; i < FLCD_LANE_ELEMS; i++) {
        const uint32_t at = flcd_piece_at(lane, i / 8) + i % 8;
        if (TYPE == FLC_FLOAT32) {
            words[i] = ((const uint32_t *)src)[at];
        } else {
            ((uint16_t *)words)[i] = ((const uint16_t *)src)[at];
        }
    }
}

template <flc_type TYPE>
static __device__ __noinline__ void flcd_store_unaligned(uint8_t *dst, uint32_t lane,
                                                         const uint32_t *words)
{
    for (int i = 0; i < FLCD_LANE_ELEMS; i++) {
        const uint32_t at = flcd_piece_at(lane, i / 8) + i % 8;
        if (TYPE == FLC_FLOAT32) {
            ((uint32_t *)dst)[at] = words[i];
        } else {
            ((uint16_t *)dst)[at] = ((const uint16_t *)words)[i];
        }
    }
}

/* The unit at `src`; `is_aligned`: to 16 bytes. */
template <flc_type TYPE>
static __device__ __forceinline__ void flcd_load_unit(const uint8_t *src, bool is_aligned,
                                                      uint32_t lane, flcd_elems<TYPE> &elems)
{
    constexpr int elem_bytes = TYPE == FLC_FLOAT32 ? 4 : 2;
    constexpr int vectors = elem_bytes / 2; /* of a piece */
    if (!is_aligned) {
        flcd_elems<TYPE> slow;
        flcd_load_unaligned<TYPE>(src, lane, slow.words);
        elems = slow;
        return;
    }
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
#pragma unroll
        for (int v = 0; v < vectors; v++) {
            const uint8_t *at = src + elem_bytes * flcd_piece_at(lane, k) + 16 * v;
            const uint4 x = flcd_ld_streaming(at);
            uint32_t *to = elems.words + 4 * (vectors * k + v);
            to[0] = x.x;
            to[1] = x.y;
            to[2] = x.z;
            to[3] = x.w;
        }
    }
}

template <flc_type TYPE>
static __device__ __forceinline__ void flcd_store_unit(uint8_t *dst, bool is_aligned, uint32_t lane,
                                                       const flcd_elems<TYPE> &elems)
{
    constexpr int elem_bytes = TYPE == FLC_FLOAT32 ? 4 : 2;
    constexpr int vectors = elem_bytes / 2;
    if (!is_aligned) {
        const flcd_elems<TYPE> slow = elems;
        flcd_store_unaligned<TYPE>(dst, lane, slow.words);
        return;
    }
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
#pragma unroll
        for (int v = 0; v < vectors; v++) {
            uint8_t *at = dst + elem_bytes * flcd_piece_at(lane, k) + 16 * v;
            const uint32_t *from = elems.words + 4 * (vectors * k + v);
            const uint4 x = make_uint4(from[0], from[1], from[2], from[3]);
            flcd_st_streaming(at, x);
        }
    }
}

/* Out of line: a division is long, and few calls need one. */
static __device__ __noinline__ void flcd_divide_through(float *x, float divisor)
{
    for (int i = 0; i < FLCD_LANE_ELEMS; i++) {
        x[i] /= divisor;
    }
}

/* By an integer, 1 for nothing; powers of two by multiplication, which is as exact. */
static __device__ __forceinline__ void flcd_divide(float (&x)[32], float divisor)
{
    if ((__float_as_uint(divisor) & 0x007fffffu) != 0) {
        float y[32];
#pragma unroll
        for (int i = 0; i < 32; i++) {
            y[i] = x[i];
        }
        flcd_divide_through(y, divisor);
#pragma unroll
        for (int i = 0; i < 32; i++) {
            x[i] = y[i];
        }
    } else if (divisor != 1.0f) {
        const float factor = __uint_as_float(0x7f000000u - __float_as_uint(divisor));
#pragma unroll
        for (int i = 0; i < 32; i++) {
            x[i] *= factor;
        }
    }
}

template <flc_type TYPE>
static __device__ __forceinline__ void flcd_widen(const flcd_elems<TYPE> &elems, float (&x)[32])
{
#pragma unroll
    for (int i = 0; i < 32; i++) {
        if (TYPE == FLC_FLOAT32) {
            x[i] = __uint_as_float(elems.words[i]);
        } else if (TYPE == FLC_BFLOAT16) {
            const uint32_t pair = elems.words[i / 2];
            x[i] = __uint_as_float(i % 2 == 0 ? pair << 16 : pair & 0xffff0000u);
        } else {
            const uint32_t pair = elems.words[i / 2];
            x[i] = flcd_fp16_to_float(i % 2 == 0 ? pair & 0xffffu : pair >> 16);
        }
    }
}

/* What encoders take: bf16 elements as they are, or floats. */
static __device__ __forceinline__ void flcd_to_floats(const flcd_elems<FLC_BFLOAT16> &elems,
                                                      float (&x)[32])
{
    flcd_widen<FLC_BFLOAT16>(elems, x);
}

static __device__ __forceinline__ void flcd_to_floats(const float (&elems)[32], float (&x)[32])
{
#pragma unroll
    for (int i = 0; i < 32; i++) {
        x[i] = elems[i];
    }
}

/* Rounded to the type, nearest even; a NaN becomes whatever the instruction makes of it. */
template <flc_type TYPE>
static __device__ __forceinline__ void flcd_narrow(const float (&x)[32], flcd_elems<TYPE> &elems)
{
#pragma unroll
    for (int i = 0; i < 32; i += 2) {
        if (TYPE == FLC_FLOAT32) {
            elems.words[i] = __float_as_uint(x[i]);
            elems.words[i + 1] = __float_as_uint(x[i + 1]);
        } else if (TYPE == FLC_BFLOAT16) {
            elems.words[i / 2] = flcd_bf16x2_of(x[i], x[i + 1]);
        } else {
            elems.words[i / 2] = flcd_fp16x2_of(x[i], x[i + 1]);
        }
    }
}

/* Word of canonical NaN elements. */
template <flc_type TYPE> static __device__ __forceinline__ uint32_t flcd_nan_word(void)
{
    return TYPE == FLC_FLOAT32 ? 0x7fc00000u : TYPE == FLC_FLOAT16 ? 0x7e007e00u : 0x7fc07fc0u;
}

#endif
