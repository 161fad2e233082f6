// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Parts of unit_rotated.cuh: levels of codes and the turn back, of pieces of 8 as elements are
 * stored.
 *
 * It adds integers, two in a register as a + 65536 b: the turn is linear, so that carries between
 * them come out right. Levels are taken as unsigned, level = unit * u - offset with u below 128
 * (256 for 8 bits): a constant in all of a group's levels shows in its first sum alone, where it is
 * taken off.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_TURNED_BACK_CUH
#define FLCI_CODEC_CUDA_UNIT_TURNED_BACK_CUH

#include "codec/cuda/unit_turned.cuh"

/* Of level = unit * u - offset: unit, and twice offset / unit. */
template <int BITS> static __device__ __forceinline__ constexpr float flcd_level_unit(void)
{
    return BITS == 1 ? 128.0f : BITS == 2 ? 4.0f : 2.0f;
}

template <int BITS> static __device__ __forceinline__ constexpr uint32_t flcd_level_offset2(void)
{
    return BITS == 2 ? 62 : BITS == 3 ? 121 : BITS == 4 ? 101 : (1u << BITS) - 1;
}

/* u of four codes of up to 4 bits, the nibbles of the low half of `codes`, as bytes. */
template <int BITS> static __device__ __forceinline__ uint32_t flcd_level_bytes(uint32_t codes)
{
    if (BITS == 1) {
        return flcd_permute(0x0100u, 0, codes);
    }
    if (BITS == 2) {
        return flcd_permute(0x3e281600u, 0, codes);
    }
    if (BITS == 3) {
        return flcd_permute(0x36281800u, 0x79615143u, codes);
    }
    const uint32_t index = codes & 0x7777u;
    const uint32_t below = flcd_permute(0x1a130b00u, 0x302b2620u, index);
    const uint32_t above = flcd_permute(0x453f3a35u, 0x655a524bu, index);
    const uint32_t is_above = flcd_permute(0x80808080u, 0x80808080u, codes); /* or bit 7 alone */
    return (below & ~is_above) | (above & is_above);
}

/* Words of the 4-bit plane of 32 neighbours to those of the lane's pieces. */
template <int BITS>
static __device__ __forceinline__ void flcd_words_of_pieces(uint32_t lane, uint32_t (&low)[4],
                                                            uint32_t (&high)[4])
{
    flcd_transpose(lane, low);
    if (BITS > FLCI_NARROW_BITS) {
        flcd_transpose(lane, high);
    }
}

/* Codes of the lane's pieces as words of the 4-bit plane; `high`: their bits from 4 on. */
template <int BITS>
static __device__ __forceinline__ void flcd_turned_unpack(uint32_t lane,
                                                          const uint32_t (&planes)[BITS],
                                                          uint32_t (&low)[4], uint32_t (&high)[4])
{
    if constexpr (BITS < 8) {
        flcd_unpack_narrow<(BITS < 4 ? BITS : 4)>(planes, low);
        if constexpr (BITS > FLCI_NARROW_BITS) {
            flcd_unpack_narrow<BITS - 4>(planes + 4, high);
        }
        flcd_words_of_pieces<BITS>(lane, low, high);
    } else {
        constexpr uint32_t mask = 0x000f000fu;
        uint32_t pairs[16];
        flcd_unpack_bytes(lane, planes, pairs);
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            low[k] = high[k] = 0;
#pragma unroll
            for (int i = 0; i < FLCD_PIECE_PAIRS; i++) {
                low[k] |= (pairs[4 * k + i] & mask) << 4 * i;
                high[k] |= (pairs[4 * k + i] >> 4 & mask) << 4 * i;
            }
        }
    }
}

/* sums[k][i]: u of element i of pieces k and k + 2. */
template <int BITS>
static __device__ __forceinline__ void
flcd_turned_levels(const uint32_t (&low)[4], const uint32_t (&high)[4], uint32_t (&sums)[2][8])
{
    if constexpr (BITS <= FLCI_NARROW_BITS) {
        uint32_t even[4], odd[4];
#pragma unroll
        for (int k = 0; k < 4; k++) {
            even[k] = flcd_level_bytes<BITS>(low[k]);
            odd[k] = flcd_level_bytes<BITS>(low[k] >> 16);
        }
#pragma unroll
        for (int k = 0; k < 2; k++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                /* Byte i of both, each with its sign, 0, above it. */
                const uint32_t which = 0xc480u + 0x1111u * i;
                sums[k][2 * i] = flcd_permute(even[k], even[k + 2], which);
                sums[k][2 * i + 1] = flcd_permute(odd[k], odd[k + 2], which);
            }
        }
    } else {
        constexpr uint32_t mask = 0x000f000fu;
#pragma unroll
        for (int k = 0; k < 2; k++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                uint32_t pair[2]; /* codes 2 i and 2 i + 1 of pieces k, k + 2 */
#pragma unroll
                for (int j = 0; j < 2; j++) {
                    const uint32_t h = high[k + 2 * j];
                    pair[j] = (low[k + 2 * j] >> 4 * i & mask) |
                              ((i == 0 ? h << 4 : h >> 4 * (i - 1)) & mask << 4);
                }
                sums[k][2 * i] = flcd_permute(pair[0], pair[1], 0x5410);
                sums[k][2 * i + 1] = flcd_permute(pair[0], pair[1], 0x7632);
            }
        }
    }
}

/* Sums of the groups, or of halves of groups of 128 and 256, each with 32768 added. */
template <int BITS>
static __device__ __forceinline__ void flcd_turn_back(uint32_t group, uint32_t lane,
                                                      uint32_t (&sums)[2][8])
{
    const uint32_t elems = group >= 128 ? group / 2 : group;
    const bool is_first = lane % 4 == 0 && (group < 256 || lane % 8 == 0);
    const uint32_t offset = elems * flcd_level_offset2<BITS>() / 2 * 0x10001u;
    const uint32_t before = is_first ? 0x80008000u : 0; /* in the first of a group: in all sums */
    const uint32_t after = is_first ? offset : 0;
    sums[0][0] += before;
    sums[1][0] += group == 32 ? before : 0;
#pragma unroll
    for (int k = 0; k < 2; k++) {
#pragma unroll
        for (int half = 1; half < 8; half *= 2) {
#pragma unroll
            for (int i = 0; i < 8; i++) {
                if ((i & half) == 0) {
                    const uint32_t a = sums[k][i], b = sums[k][i + half];
                    sums[k][i] = a + b;
                    sums[k][i + half] = a - b;
                }
            }
        }
    }
#pragma unroll
    for (uint32_t distance = 1; distance <= 4; distance *= 2) {
        if (distance == 4 && group < 256) {
            break;
        }
        const uint32_t sign = lane & distance ? ~0u : 1u;
#pragma unroll
        for (int i = 0; i < 16; i++) {
            uint32_t &sum = sums[i / 8][i % 8];
            sum = sum * sign + __shfl_xor_sync(FLCD_ALL_LANES, sum, distance);
        }
    }
    if (group >= 64) {
#pragma unroll
        for (int i = 0; i < 8; i++) {
            const uint32_t a = sums[0][i], b = sums[1][i];
            sums[0][i] = a + b;
            sums[1][i] = a - b;
        }
    }
    sums[0][0] -= after;
    sums[1][0] -= group == 32 ? after : 0;
}

/* x = or += sum * scale, with the signs. The difference is exact, then the product is: -0 stays. */
template <int BITS, bool ADD>
static __device__ __forceinline__ void
flcd_turned_values(uint32_t group, uint32_t lane, const uint32_t (&sums)[2][8],
                   const float (&scales)[FLCD_PIECES], float (&x)[32])
{
    constexpr float magic = 8388608.0f + 32768.0f;
    const uint32_t in_piece = lane << 31;
    const uint32_t in_pair = group >= 64 ? lane >> 1 << 31 : 0;
    const uint32_t in_half = group == 256 ? lane >> 2 << 31 : 0;
#pragma unroll
    for (int k = 0; k < 2; k++) {
        float scale[2][2]; /* of pieces k and k + 2, of elements 0 to 3 and 4 to 7 */
#pragma unroll
        for (int j = 0; j < 2; j++) {
            const uint32_t s = __float_as_uint(scales[k + 2 * j] * flcd_level_unit<BITS>()) ^
                               (k == 1 ? in_pair : 0) ^ (j == 1 ? in_half : 0);
            scale[j][0] = __uint_as_float(s);
            scale[j][1] = __uint_as_float(s ^ in_piece);
        }
#pragma unroll
        for (int i = 0; i < 8; i++) {
            float a = __uint_as_float(flcd_permute(sums[k][i], 0x4b000000u, 0x7610)) - magic;
            float b = __uint_as_float(flcd_permute(sums[k][i], 0x4b000000u, 0x7632)) - magic;
            if (group >= 128) {
                const float sum = a + b;
                b = a - b;
                a = sum;
            }
            const float s = i % 4 == 3 ? -scale[0][i / 4] : scale[0][i / 4];
            const float t = i % 4 == 3 ? -scale[1][i / 4] : scale[1][i / 4];
            float &p = x[8 * k + i], &q = x[8 * k + 16 + i];
            p = ADD ? fmaf(a, s, p) : a * s;
            q = ADD ? fmaf(b, t, q) : b * t;
        }
    }
}

/* Whether any group of the warp is zero, not finite, or may need the type's clamp. */
template <int BITS, flc_type TYPE>
static __device__ __forceinline__ bool flcd_turned_needs_care(uint32_t group, uint32_t stored,
                                                              float scale)
{
    const float top = 0.5f * flcd_level_unit<BITS>() * (float)flcd_level_offset2<BITS>();
    const float most = TYPE == FLC_FLOAT16 ? FLCI_FP16_MAX : FLCD_TURNED_ORDINARY;
    return __any_sync(FLCD_ALL_LANES,
                      stored - 1u >= 254u || !(scale * (top * (float)group) <= most));
}

#endif
