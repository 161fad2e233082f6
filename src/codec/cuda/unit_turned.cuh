// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The parts of unit_rotated.cuh: the turn and back, codes of coefficients, levels of codes.
 *
 * Forward, a lane has 32 neighbours of a group, in float32 and in the order of the rules. Back, a
 * lane has pieces of 8 as elements are loaded, and adds integers, two in a register as
 * a + 65536 b: the turn is linear, so that carries between them come out right. Levels are taken as
 * unsigned: level = unit * u - offset with u below 128 (256 for 8 bits); a constant in all of a
 * group's levels shows in its first sum alone, where it is taken off.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_TURNED_CUH
#define FLCI_CODEC_CUDA_UNIT_TURNED_CUH

#include "codec/codec_rotated.h"
#include "codec/cuda/unit.cuh"

/* Up to here coefficients, scales and their inverses are far from all limits. */
#define FLCD_TURNED_ORDINARY 0x1p100f

/* ---- Forward ---- */

/* Coefficients of 32 neighbours. IS_EXACT: that no element divided by the group is rounded. */
template <bool IS_EXACT>
static __device__ __forceinline__ void flcd_turn(uint32_t group, uint32_t lane,
                                                 const float (&x)[32], float (&v)[32])
{
    /* Signs: bits 0 to 4 of an element's index are its index here, 5 to 7 are the lane's. */
    const uint32_t far = group == 256 ? (lane >> 1 & lane >> 2 & 1u) << 31 : 0;
    const uint32_t near = group >= 64 ? lane << 31 : 0;
    const uint32_t part = __float_as_uint(1.0f / (float)group) ^ far;
    const float parts[2] = {__uint_as_float(part), __uint_as_float(part ^ near)};
#pragma unroll
    for (int i = 0; i < 32; i += 2) {
        const float a = flci_rotation_is_negative(i & 15) ? -parts[i / 16] : parts[i / 16];
        const float b = flci_rotation_is_negative((i + 1) & 15) ? -parts[i / 16] : parts[i / 16];
        const float first = x[i] * a;
        if (IS_EXACT) {
            v[i] = fmaf(x[i + 1], b, first);
            v[i + 1] = fmaf(x[i + 1], -b, first);
        } else {
            const float second = x[i + 1] * b;
            v[i] = first + second;
            v[i + 1] = first - second;
        }
    }
#pragma unroll
    for (int half = 2; half < 32; half *= 2) {
#pragma unroll
        for (int i = 0; i < 32; i++) {
            if ((i & half) == 0) {
                const float a = v[i], b = v[i + half];
                v[i] = a + b;
                v[i + half] = a - b;
            }
        }
    }
    for (uint32_t distance = 1; 32 * distance < group; distance *= 2) {
        const float sign = lane & distance ? -1.0f : 1.0f;
#pragma unroll
        for (int i = 0; i < 32; i++) {
            v[i] = fmaf(v[i], sign, __shfl_xor_sync(FLCD_ALL_LANES, v[i], distance));
        }
    }
}

/* Largest magnitude of the lane's group; a NaN or infinity if there is any. */
static __device__ __forceinline__ float flcd_turned_largest(uint32_t group, const float (&v)[32])
{
    float largest = fabsf(v[0]);
#pragma unroll
    for (int i = 1; i < 32; i++) {
        largest = flcd_max_nan(largest, fabsf(v[i]));
    }
    for (uint32_t distance = 1; 32 * distance < group; distance *= 2) {
        largest = flcd_max_nan(largest, __shfl_xor_sync(FLCD_ALL_LANES, largest, distance));
    }
    return largest;
}

/* As flci_scale_from_compact, of a code that an encoder writes and that is not NaN; below 0 the
   scale goes on. */
static __device__ __forceinline__ float flcd_turned_scale(int stored, int base_exponent)
{
    const uint32_t code = (uint32_t)(stored + 8 * (base_exponent + 127));
    const uint32_t fraction = flcd_permute(0x26180c00u, 0x6b574535u, (code & 7u) << 8);
    return __uint_as_float(((code & ~7u) << 20) + fraction);
}

/* The float32 nearest to 1 / scale (as flcd_inverse of wide codes). */
static __device__ __forceinline__ float flcd_turned_inverse(float scale)
{
    const float r = flcd_about_inverse(scale);
    return fmaf(fmaf(-scale, r, 1.0f), r, r);
}

/* Whole numbers of two coefficients in scales, as fp16 in units of 2^-24: up to 1023 the bits are
   the number and its sign. `inverse` is the scale's, times 2^-24. */
static __device__ __forceinline__ uint32_t flcd_turned_floor(float a, float b, float inverse)
{
    return flcd_fp16x2_toward_zero(a * inverse, b * inverse);
}

/* ---- Codes ---- */

/* Bit 7 of each byte: whether it is at least `threshold`; bytes and thresholds below 128. */
static __device__ __forceinline__ uint32_t flcd_reach(uint32_t bytes, int threshold)
{
    return bytes + (uint32_t)(128 - threshold) * 0x01010101u;
}

/* Codes of 1, 3 and 4 bits of 4 coefficients in the high bits of bytes, from numbers up to 127 and
   signs (bit 7). */
template <int BITS>
static __device__ __forceinline__ uint32_t flcd_narrow_codes(uint32_t numbers, uint32_t signs)
{
    constexpr uint32_t top = 0x80808080u;
    uint32_t codes = ~signs & top;
    if (BITS == 3) {
        const uint32_t middle = flcd_reach(numbers, 57);
        const uint32_t odd = flcd_reach(numbers, 27) ^ middle ^ flcd_reach(numbers, 97);
        codes |= (middle ^ signs) >> 1 & top >> 1;
        codes |= (odd ^ signs) >> 2 & top >> 2;
    }
    if (BITS == 4) {
        const uint32_t at4 = flcd_reach(numbers, 43);
        const uint32_t pairs = flcd_reach(numbers, 20) ^ at4 ^ flcd_reach(numbers, 71);
        const uint32_t odd = flcd_reach(numbers, 10) ^ flcd_reach(numbers, 31) ^
                             flcd_reach(numbers, 56) ^ flcd_reach(numbers, 90);
        codes |= (at4 ^ signs) >> 1 & top >> 1;
        codes |= (pairs ^ signs) >> 2 & top >> 2;
        codes |= (odd ^ pairs ^ signs) >> 3 & top >> 3;
    }
    return codes;
}

/* Codes of 2 bits of 8 coefficients as a word of the 4-bit plane. */
static __device__ __forceinline__ uint32_t flcd_codes_of_2(const uint32_t (&z)[4])
{
    constexpr uint32_t threshold = 0x80508050u; /* -80 */
    uint32_t codes[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
        /* Bit 7 of bytes, of pairs i and i + 2: below zero, and nearer to zero than 80. */
        const uint32_t is_low =
            flcd_permute(flcd_fp16x2_add(flcd_fp16x2_abs(z[i]), threshold),
                         flcd_fp16x2_add(flcd_fp16x2_abs(z[i + 2]), threshold), 0x7351);
        const uint32_t signs = flcd_permute(z[i], z[i + 2], 0x7351);
        codes[i] = (signs & 0x80808080u) | ((is_low ^ signs) >> 1 & 0x7f7f7f7fu);
    }
    return ~((codes[0] >> 6 & 0x0f0f0f0fu) | (codes[1] >> 2 & 0xf0f0f0f0u)) & 0x33333333u;
}

/* Codes of 32 coefficients as words of the 4-bit plane; `high`: their bits from 4 on. v is lost. */
template <int BITS>
static __device__ __forceinline__ void flcd_turned_codes(float (&v)[32], float scale,
                                                         uint32_t (&low)[4], uint32_t (&high)[4])
{
    constexpr bool is_narrow = BITS <= FLCI_NARROW_BITS;
    const float inverse = flcd_turned_inverse(scale * (is_narrow ? 0x1p24f : 0x1p25f));
    /* A product may be too small to be below zero. */
    if (__any_sync(FLCD_ALL_LANES, scale >= 2.0f)) {
        const float whole = flcd_turned_inverse(scale);
#pragma unroll
        for (int i = 0; i < 32; i++) {
            v[i] = v[i] * whole == 0.0f ? 0.0f : v[i];
        }
    }
#pragma unroll
    for (int c = 0; c < 4; c++) {
        uint32_t z[4], m[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            constexpr uint32_t most = is_narrow ? 127 : (1u << (BITS - 1)) - 1;
            z[i] = flcd_turned_floor(v[8 * c + 2 * i], v[8 * c + 2 * i + 1], inverse);
            m[i] = flcd_fp16x2_min(flcd_fp16x2_abs(z[i]), most * 0x10001u);
        }
        if (BITS == 2) {
            low[c] = flcd_codes_of_2(z);
        } else if (is_narrow) {
            const uint32_t even =
                flcd_narrow_codes < is_narrow
                    ? BITS
                    : 1 > (flcd_permute(m[0], m[2], 0x6240), flcd_permute(z[0], z[2], 0x7351));
            const uint32_t odd =
                flcd_narrow_codes < is_narrow
                    ? BITS
                    : 1 > (flcd_permute(m[1], m[3], 0x6240), flcd_permute(z[1], z[3], 0x7351));
            low[c] = even >> (8 - BITS) | (is_narrow ? odd >> (4 - BITS % 5) : 0);
        } else {
            constexpr uint32_t all = ((1u << BITS) - 1) * 0x10001u, mask = 0x000f000fu;
            low[c] = high[c] = 0;
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const uint32_t code = (m[i] ^ flcd_permute(z[i], 0, 0xbb99)) & all;
                low[c] |= (code & mask) << 4 * i;
                high[c] |= (code >> 4 & mask) << 4 * i;
            }
            high[c] ^= (1u << (BITS - 5 & 3)) * 0x11111111u; /* from zero upwards */
        }
    }
}

template <int BITS>
static __device__ __forceinline__ void flcd_turned_pack(uint32_t lane, const uint32_t (&low)[4],
                                                        const uint32_t (&high)[4],
                                                        uint32_t (&planes)[BITS])
{
    if constexpr (BITS <= FLCI_NARROW_BITS) {
        flcd_pack_narrow<BITS>(low, planes);
    } else if constexpr (BITS < 8) {
        flcd_pack_narrow<4>(low, planes);
        flcd_pack_narrow<BITS - 4>(high, planes + 4);
    } else {
        constexpr uint32_t mask = 0x000f000fu;
        uint32_t l[4], h[4], pairs[16];
#pragma unroll
        for (int c = 0; c < 4; c++) {
            l[c] = low[c];
            h[c] = high[c];
        }
        flcd_transpose(lane, l);
        flcd_transpose(lane, h);
#pragma unroll
        for (int i = 0; i < 16; i++) {
            pairs[i] = (l[i / 4] >> 4 * (i % 4) & mask) | (h[i / 4] >> 4 * (i % 4) & mask) << 4;
        }
        flcd_pack_bytes(lane, pairs, planes);
    }
}

/* ---- Back ---- */

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

/* sums[k][i]: u of element i of pieces k and k + 2. */
template <int BITS>
static __device__ __forceinline__ void
flcd_turned_levels(uint32_t lane, const uint32_t (&planes)[BITS], uint32_t (&sums)[2][8])
{
    if constexpr (BITS <= FLCI_NARROW_BITS) {
        uint32_t w[4], even[4], odd[4];
        flcd_unpack_narrow<BITS>(planes, w);
        flcd_transpose(lane, w);
#pragma unroll
        for (int k = 0; k < 4; k++) {
            even[k] = flcd_level_bytes<BITS>(w[k]);
            odd[k] = flcd_level_bytes<BITS>(w[k] >> 16);
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
        uint32_t pairs[16];
        flcd_unpack<BITS>(lane, planes, pairs);
#pragma unroll
        for (int k = 0; k < 2; k++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const uint32_t a = pairs[4 * k + i], b = pairs[4 * k + 8 + i];
                sums[k][2 * i] = flcd_permute(a, b, 0x5410);
                sums[k][2 * i + 1] = flcd_permute(a, b, 0x7632);
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
    const float most =
        TYPE == FLC_FLOAT16 ? FLCI_FP16_MAX / (top * (float)group) : FLCD_TURNED_ORDINARY;
    return __any_sync(FLCD_ALL_LANES, stored - 1u >= 254u || scale > most);
}

#endif
