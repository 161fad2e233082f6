// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A unit: 1024 elements of a block, 32 of them in each lane of a warp; what the fast paths of the
 * kernels work on. Here: how elements get into registers and out, and codes into planes and back.
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

/* ---- Planes ---- */

/* Word k of lane l becomes word l of lane k, in every quad. */
static __device__ __forceinline__ void flcd_transpose(uint32_t lane, uint32_t (&w)[4])
{
    const bool odd = lane & 1, high = lane & 2;
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
        const uint32_t other = __shfl_xor_sync(FLCD_ALL_LANES, odd ? w[i] : w[i + 1], 1);
        w[i] = odd ? other : w[i];
        w[i + 1] = odd ? w[i + 1] : other;
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const uint32_t other = __shfl_xor_sync(FLCD_ALL_LANES, high ? w[i] : w[i + 2], 2);
        w[i] = high ? other : w[i];
        w[i + 2] = high ? w[i + 2] : other;
    }
}

/* Eight codes as the 4-bit plane has them, of their lowest 2 bits or lowest bit: pressed into the
   low bits of both halves; and spread again. */
static __device__ __forceinline__ uint32_t flcd_press2(uint32_t w)
{
    w &= 0x33333333u;
    w = (w | w >> 2) & 0x0f0f0f0fu;
    return (w | w >> 4) & 0x00ff00ffu;
}

static __device__ __forceinline__ uint32_t flcd_press1(uint32_t w)
{
    w &= 0x11111111u;
    w = (w | w >> 3) & 0x03030303u;
    return (w | w >> 6) & 0x000f000fu;
}

static __device__ __forceinline__ uint32_t flcd_spread2(uint32_t w)
{
    w &= 0x00ff00ffu;
    w = (w | w << 4) & 0x0f0f0f0fu;
    return (w | w << 2) & 0x33333333u;
}

static __device__ __forceinline__ uint32_t flcd_spread1(uint32_t w)
{
    w &= 0x000f000fu;
    w = (w | w << 6) & 0x03030303u;
    return (w | w << 3) & 0x11111111u;
}

/* Codes of up to 4 bits, 32 neighbours in four words like the 4-bit plane's, as BITS words. */
template <int BITS>
static __device__ __forceinline__ void flcd_pack_narrow(const uint32_t (&w)[4], uint32_t *planes)
{
    if (BITS == 4) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
            planes[j] = w[j];
        }
    }
    if (BITS == 2 || BITS == 3) {
        planes[0] = flcd_press2(w[0]) | flcd_press2(w[1]) << 8;
        planes[1] = flcd_press2(w[2]) | flcd_press2(w[3]) << 8;
    }
    if (BITS == 1 || BITS == 3) {
        constexpr int shift = BITS - 1;
        planes[BITS - 1] = flcd_press1(w[0] >> shift) | flcd_press1(w[1] >> shift) << 4 |
                           flcd_press1(w[2] >> shift) << 8 | flcd_press1(w[3] >> shift) << 12;
    }
}

template <int BITS>
static __device__ __forceinline__ void flcd_unpack_narrow(const uint32_t *planes, uint32_t (&w)[4])
{
#pragma unroll
    for (int j = 0; j < 4; j++) {
        w[j] = BITS == 4 ? planes[j] : 0;
        if (BITS == 2 || BITS == 3) {
            w[j] = flcd_spread2(planes[j / 2] >> 8 * (j % 2));
        }
        if (BITS == 1 || BITS == 3) {
            w[j] |= flcd_spread1(planes[BITS - 1] >> 4 * j) << (BITS - 1);
        }
    }
}

/*
 * Codes of 8 bits: a quad's are one line of 128 bytes. Neighbours in a pair swap, so that a lane has
 * 16 bytes of either half of the line; then two quads swap halves, so that eight lanes write one
 * line with one store. planes[0..3] is for the even quad's line, planes[4..7] for the odd one's.
 */
static __device__ __forceinline__ void flcd_swap(bool odd, int distance, uint32_t (&a)[4],
                                                 uint32_t (&b)[4])
{
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const uint32_t other = __shfl_xor_sync(FLCD_ALL_LANES, odd ? a[i] : b[i], distance);
        a[i] = odd ? other : a[i];
        b[i] = odd ? b[i] : other;
    }
}

static __device__ __forceinline__ void flcd_pack_bytes(uint32_t lane, const uint32_t (&pairs)[16],
                                                       uint32_t *planes)
{
    uint32_t even[4], odd[4]; /* 8 bytes of each of two pieces: 0 and 2, 1 and 3 */
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        const uint32_t *p = pairs + FLCD_PIECE_PAIRS * k;
        uint32_t *to = (k % 2 == 0 ? even : odd) + k / 2 * 2;
        to[0] = __byte_perm(p[0], p[1], 0x6420);
        to[1] = __byte_perm(p[2], p[3], 0x6420);
    }
    flcd_swap(lane & 1, 1, even, odd);
    /* Now even: the first lane's 8 bytes, odd: the second's, of pieces k and k + 2, k = lane % 2. */
    uint32_t near[4] = {even[0], even[1], odd[0], odd[1]};
    uint32_t far[4] = {even[2], even[3], odd[2], odd[3]};
    flcd_swap(lane & 4, 4, near, far);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        planes[i] = near[i];
        planes[4 + i] = far[i];
    }
}

static __device__ __forceinline__ void flcd_unpack_bytes(uint32_t lane, const uint32_t *planes,
                                                         uint32_t (&pairs)[16])
{
    uint32_t near[4] = {planes[0], planes[1], planes[2], planes[3]};
    uint32_t far[4] = {planes[4], planes[5], planes[6], planes[7]};
    flcd_swap(lane & 4, 4, near, far);
    uint32_t even[4] = {near[0], near[1], far[0], far[1]};
    uint32_t odd[4] = {near[2], near[3], far[2], far[3]};
    flcd_swap(lane & 1, 1, even, odd);
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        const uint32_t *from = (k % 2 == 0 ? even : odd) + k / 2 * 2;
        uint32_t *p = pairs + FLCD_PIECE_PAIRS * k;
        p[0] = __byte_perm(from[0], 0, 0x4140);
        p[1] = __byte_perm(from[0], 0, 0x4342);
        p[2] = __byte_perm(from[1], 0, 0x4140);
        p[3] = __byte_perm(from[1], 0, 0x4342);
    }
}

/* Where the lane's 16 bytes of the even quad's line are; those of the odd one's are 128 behind. */
static __device__ __forceinline__ uint32_t flcd_bytes_at(uint32_t unit, uint32_t lane)
{
    const uint32_t in_half = lane % 4 / 2 + 2 * (lane % 2);
    return unit * FLCD_UNIT_ELEMS + 256 * (lane / 8) + 64 * (lane / 4 % 2) + 16 * in_half;
}

/*
 * Codes in pairs, two neighbours in the halves of a word: pairs[4 k + i] has codes 2 i and 2 i + 1
 * of piece k. As the lane's BITS words of the planes, widest first, of 32 neighbours.
 */
template <int BITS>
static __device__ __forceinline__ void flcd_pack(uint32_t lane, const uint32_t (&pairs)[16],
                                                 uint32_t (&planes)[BITS])
{
    if constexpr (BITS == 8) {
        flcd_pack_bytes(lane, pairs, planes);
    } else {
        constexpr uint32_t mask = 0x000f000fu;
        uint32_t low[4], high[4];
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            const uint32_t *p = pairs + FLCD_PIECE_PAIRS * k;
            if (BITS <= 4) {
                low[k] = p[0] | p[1] << 4 | p[2] << 8 | p[3] << 12;
            } else {
                low[k] = (p[0] & mask) | (p[1] & mask) << 4 | (p[2] & mask) << 8 |
                         (p[3] & mask) << 12;
                high[k] = (p[0] >> 4 & mask) | (p[1] & mask << 4) | (p[2] & mask << 4) << 4 |
                          (p[3] & mask << 4) << 8;
            }
        }
        flcd_transpose(lane, low);
        if constexpr (BITS <= 4) {
            flcd_pack_narrow<BITS>(low, planes);
        } else {
            flcd_transpose(lane, high);
            flcd_pack_narrow<4>(low, planes);
            flcd_pack_narrow<BITS - 4>(high, planes + 4);
        }
    }
}

template <int BITS>
static __device__ __forceinline__ void flcd_unpack(uint32_t lane, const uint32_t (&planes)[BITS],
                                                   uint32_t (&pairs)[16])
{
    if constexpr (BITS == 8) {
        flcd_unpack_bytes(lane, planes, pairs);
    } else {
        constexpr uint32_t mask = 0x000f000fu;
        uint32_t low[4], high[4];
        if constexpr (BITS <= 4) {
            flcd_unpack_narrow<BITS>(planes, low);
        } else {
            flcd_unpack_narrow<4>(planes, low);
            flcd_unpack_narrow<BITS - 4>(planes + 4, high);
            flcd_transpose(lane, high);
        }
        flcd_transpose(lane, low);
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            uint32_t *p = pairs + FLCD_PIECE_PAIRS * k;
#pragma unroll
            for (int i = 0; i < FLCD_PIECE_PAIRS; i++) {
                p[i] = low[k] >> 4 * i & mask;
                if (BITS > 4) {
                    p[i] |= (i == 0 ? high[k] << 4 : high[k] >> 4 * (i - 1)) & mask << 4;
                }
            }
        }
    }
}

/* Where the lane's words of each plane lie, and their movement: 4 BITS bytes a lane in all. The
   planes of a block lie one behind the other, each in whole units. */
template <int BITS, typename MOVE>
static __device__ __forceinline__ void flcd_each_plane(uint32_t unit, uint32_t lane, MOVE move)
{
    if constexpr (BITS == 8) {
        move(flcd_bytes_at(unit, lane), 0, 8);
    } else {
        uint32_t at = 0, word = 0;
#pragma unroll
        for (int width = 4; width > 0; width /= 2) {
            if ((BITS & width) != 0) {
                move(at + (unit * 32 + lane) * 4 * width, word, width);
                at += FLC_BLOCK_ELEMS / 8 * width;
                word += width;
            }
        }
    }
}

template <int BITS>
static __device__ __forceinline__ void flcd_store_planes(uint8_t *planes_at, uint32_t unit,
                                                         uint32_t lane,
                                                         const uint32_t (&planes)[BITS])
{
    flcd_each_plane<BITS>(unit, lane, [&](uint32_t at, int word, int width) {
        uint8_t *to = planes_at + at;
        const uint32_t *w = planes + word;
        if (width == 8) {
            ((uint4 *)to)[0] = make_uint4(w[0], w[1], w[2], w[3]);
            ((uint4 *)to)[8] = make_uint4(w[4], w[5], w[6], w[7]);
        } else if (width == 4) {
            *(uint4 *)to = make_uint4(w[0], w[1], w[2], w[3]);
        } else if (width == 2) {
            *(uint2 *)to = make_uint2(w[0], w[1]);
        } else {
            *(uint32_t *)to = w[0];
        }
    });
}

/* Past the first-level cache, which knows nothing of what peers write. */
template <int BITS>
static __device__ __forceinline__ void flcd_load_planes(const uint8_t *planes_at, uint32_t unit,
                                                        uint32_t lane, uint32_t (&planes)[BITS])
{
    flcd_each_plane<BITS>(unit, lane, [&](uint32_t at, int word, int width) {
        const uint8_t *from = planes_at + at;
        uint32_t *w = planes + word;
        if (width >= 4) {
            const uint4 v = __ldcg((const uint4 *)from);
            w[0] = v.x, w[1] = v.y, w[2] = v.z, w[3] = v.w;
        }
        if (width == 8) {
            const uint4 v = __ldcg((const uint4 *)from + 8);
            w[4] = v.x, w[5] = v.y, w[6] = v.z, w[7] = v.w;
        } else if (width == 2) {
            const uint2 v = __ldcg((const uint2 *)from);
            w[0] = v.x, w[1] = v.y;
        } else if (width == 1) {
            w[0] = __ldcg((const uint32_t *)from);
        }
    });
}

#endif
