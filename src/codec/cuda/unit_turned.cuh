// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Parts of unit_rotated.cuh: the turn of 32 neighbours a lane, in float32 and in the order of the
 * rules, and codes of its coefficients.
 *
 * Whole numbers up to 1023 are fp16 in units of 2^-24, where the bits are the number: one
 * conversion cuts off two products.
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
    const uint32_t part = (0x7f000000u - __float_as_uint((float)group)) ^ far; /* 1 / group */
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
static __device__ __forceinline__ uint32_t flcd_codes_in_bytes(uint32_t numbers, uint32_t signs)
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
        const uint32_t middle = flcd_reach(numbers, 43);
        const uint32_t pairs = flcd_reach(numbers, 20) ^ middle ^ flcd_reach(numbers, 71);
        const uint32_t odd = flcd_reach(numbers, 10) ^ flcd_reach(numbers, 31) ^
                             flcd_reach(numbers, 56) ^ flcd_reach(numbers, 90) ^ pairs;
        codes |= (middle ^ signs) >> 1 & top >> 1;
        codes |= (pairs ^ signs) >> 2 & top >> 2;
        codes |= (odd ^ signs) >> 3 & top >> 3;
    }
    return codes;
}

/* The same of 8 coefficients as a word of the 4-bit plane. */
template <int BITS>
static __device__ __forceinline__ uint32_t flcd_narrow_word(const uint32_t (&z)[4])
{
    uint32_t m[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        m[i] = flcd_fp16x2_min(flcd_fp16x2_abs(z[i]), 127 * 0x10001u);
    }
    const uint32_t even = flcd_codes_in_bytes<BITS>(flcd_permute(m[0], m[2], 0x6240),
                                                    flcd_permute(z[0], z[2], 0x7351));
    const uint32_t odd = flcd_codes_in_bytes<BITS>(flcd_permute(m[1], m[3], 0x6240),
                                                   flcd_permute(z[1], z[3], 0x7351));
    return even >> (8 - BITS) | odd >> (4 - BITS);
}

/* 2 bits have one threshold only: its side is the sign of a difference. */
template <> __device__ __forceinline__ uint32_t flcd_narrow_word<2>(const uint32_t (&z)[4])
{
    constexpr uint32_t threshold = 0x80508050u; /* -80 */
    uint32_t codes[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
        /* Bit 7 of bytes, of pairs i and i + 2. */
        const uint32_t is_low =
            flcd_permute(flcd_fp16x2_add(flcd_fp16x2_abs(z[i]), threshold),
                         flcd_fp16x2_add(flcd_fp16x2_abs(z[i + 2]), threshold), 0x7351);
        const uint32_t signs = flcd_permute(z[i], z[i + 2], 0x7351);
        codes[i] = (signs & 0x80808080u) | ((is_low ^ signs) >> 1 & 0x7f7f7f7fu);
    }
    return ~((codes[0] >> 6 & 0x0f0f0f0fu) | (codes[1] >> 2 & 0xf0f0f0f0u)) & 0x33333333u;
}

/* Codes of more than 4 bits of 8 coefficients: their low 4 bits, and the others. */
template <int BITS>
static __device__ __forceinline__ void flcd_wide_words(const uint32_t (&z)[4], uint32_t &low,
                                                       uint32_t &high)
{
    constexpr uint32_t last = ((1u << (BITS - 1)) - 1) * 0x10001u;
    constexpr uint32_t all = ((1u << BITS) - 1) * 0x10001u, mask = 0x000f000fu;
    low = 0;
    high = (1u << (BITS - 5)) * 0x11111111u; /* the top bit: from zero upwards */
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const uint32_t index = flcd_fp16x2_min(flcd_fp16x2_abs(z[i]), last);
        const uint32_t code = (index ^ flcd_permute(z[i], 0, 0xbb99)) & all;
        low |= (code & mask) << 4 * i;
        high ^= (code >> 4 & mask) << 4 * i;
    }
}

/* Codes of 32 coefficients as words of the 4-bit plane; `high`: their bits from 4 on. v is lost. */
template <int BITS>
static __device__ __forceinline__ void flcd_turned_codes(float (&v)[32], float scale,
                                                         uint32_t (&low)[4], uint32_t (&high)[4])
{
    constexpr bool is_narrow = BITS <= FLCI_NARROW_BITS;
    /* Above 4 bits halves are counted. */
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
        uint32_t z[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            z[i] = flcd_turned_floor(v[8 * c + 2 * i], v[8 * c + 2 * i + 1], inverse);
        }
        if constexpr (is_narrow) {
            low[c] = flcd_narrow_word<BITS>(z);
            high[c] = 0;
        } else {
            flcd_wide_words<BITS>(z, low[c], high[c]);
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

#endif
