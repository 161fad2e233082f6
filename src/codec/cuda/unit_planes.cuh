// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Codes of a unit, from registers to planes and back.
 *
 * Codes come in pairs, two neighbours in the halves of a word: pairs[4 k + i] has codes 2 i and
 * 2 i + 1 of piece k. Planes are BITS words a lane, widest first, of 32 neighbours.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_PLANES_CUH
#define FLCI_CODEC_CUDA_UNIT_PLANES_CUH

#include "codec/cuda/unit.cuh"

/* ---- Words of 32 codes ---- */

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
 * Codes of 8 bits: a quad's are one line of 128 bytes. Neighbours in a pair swap, so that a lane
 * has 16 bytes of either half of the line; then two quads swap halves, so that eight lanes write
 * one line with one store. planes[0..3] is for the even quad's line, planes[4..7] for the odd
 * one's.
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
    /* Now even: the first lane's 8 bytes, odd: the second's, of pieces k and k + 2, k = lane % 2.
     */
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

/* Eight codes as the 4-bit plane has them, of each piece: their low four bits, and those above. */
template <int BITS> struct flcd_nibbles {
    uint32_t low[FLCD_PIECES], high[BITS > 4 ? FLCD_PIECES : 1];
};

template <int BITS>
static __device__ __forceinline__ void flcd_to_nibbles(const uint32_t (&pairs)[16],
                                                       flcd_nibbles<BITS> &n)
{
    constexpr uint32_t mask = 0x000f000fu;
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        const uint32_t *p = pairs + FLCD_PIECE_PAIRS * k;
        if constexpr (BITS <= 4) {
            n.low[k] = p[0] | p[1] << 4 | p[2] << 8 | p[3] << 12;
        } else {
            n.low[k] =
                (p[0] & mask) | (p[1] & mask) << 4 | (p[2] & mask) << 8 | (p[3] & mask) << 12;
            n.high[k] = (p[0] >> 4 & mask) | (p[1] & mask << 4) | (p[2] & mask << 4) << 4 |
                        (p[3] & mask << 4) << 8;
        }
    }
}

template <int BITS>
static __device__ __forceinline__ void flcd_pack_nibbles(uint32_t lane, flcd_nibbles<BITS> &n,
                                                         uint32_t (&planes)[BITS])
{
    flcd_transpose(lane, n.low);
    if constexpr (BITS <= 4) {
        flcd_pack_narrow<BITS>(n.low, planes);
    } else {
        flcd_transpose(lane, n.high);
        flcd_pack_narrow<4>(n.low, planes);
        flcd_pack_narrow<BITS - 4>(n.high, planes + 4);
    }
}

/* ---- Pairs ---- */

template <int BITS>
static __device__ __forceinline__ void flcd_pack(uint32_t lane, const uint32_t (&pairs)[16],
                                                 uint32_t (&planes)[BITS])
{
    if constexpr (BITS == 8) {
        flcd_pack_bytes(lane, pairs, planes);
    } else {
        flcd_nibbles<BITS> n;
        flcd_to_nibbles<BITS>(pairs, n);
        flcd_pack_nibbles<BITS>(lane, n, planes);
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

/* ---- Memory ---- */

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
static __device__ __forceinline__ void
flcd_store_planes(uint8_t *planes_at, uint32_t unit, uint32_t lane, const uint32_t (&planes)[BITS])
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
