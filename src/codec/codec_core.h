// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The scalar rules of the codec: with docs/format.md, the specification.
 *
 * Compiled by C and by nvcc alike; every faster variant must give the same bytes. All arithmetic
 * is float32, round to nearest even, subnormals kept, never contracted (-ffp-contract=off,
 * --fmad=false). codec_ref.c walks blocks with these rules; read that file first.
 *
 * Why the results cannot differ between machines: the code is one rounding of an exact number
 * (flci_nearest), and a decoded value, an integer of at most 16 bits times a scale of 8
 * significant bits, is exact in float32, so that it does not matter whether a sum fuses it.
 */
#ifndef FLCI_CODEC_CORE_H
#define FLCI_CODEC_CORE_H

#include <stdint.h>
#include <string.h>

#include "codec/format.h"

/* ---- Constants, each explained in docs/format.md ---- */

#define FLCI_BF16_MAX 0x1.fep127f
#define FLCI_FP16_MAX 65504.0f
#define FLCI_NAN      0x7fc00000u /* the canonical quiet one */
/* Smallest scale: its reciprocal, and so every code, is an ordinary float32. */
#define FLCI_SCALE_MIN 0x1p-126f
/* bf16 pattern that marks a group with a NaN or an infinity, and its 8-bit counterpart. */
#define FLCI_SCALE_NAN      0x7fc0u
#define FLCI_SCALE_CODE_NAN 255u
/* Highest code of a compact scale: the block's base exponent puts its largest scale there. */
#define FLCI_SCALE_OCTAVES  30
#define FLCI_SCALE_CODE_MAX (8u * FLCI_SCALE_OCTAVES + 8u)

/* ---- Float formats ---- */

FLCI_HD uint32_t flci_bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

FLCI_HD float flci_float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

FLCI_HD int flci_is_finite(float x)
{
    return (flci_bits_of(x) & 0x7f800000u) != 0x7f800000u;
}

FLCI_HD float flci_from_bf16(uint16_t h)
{
    return flci_float_of((uint32_t)h << 16);
}

/* Nearest even, in integers: the AVX512_BF16 instruction would flush subnormals. */
FLCI_HD uint16_t flci_to_bf16(float x)
{
    const uint32_t u = flci_bits_of(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) {
        return 0x7fc0u;
    }
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

FLCI_HD float flci_from_fp16(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t magnitude = h & 0x7fffu;
    if (magnitude >= 0x7c00u) {
        return flci_float_of(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    }
    if (magnitude < 0x0400u) { /* zero and subnormals: exact, magnitude * 2^-24 */
        return flci_float_of(sign | flci_bits_of((float)magnitude * 0x1p-24f));
    }
    return flci_float_of(sign | ((magnitude << 13) + 0x38000000u));
}

FLCI_HD uint16_t flci_to_fp16(float x)
{
    const uint32_t u = flci_bits_of(x);
    const uint32_t sign = (u >> 16) & 0x8000u;
    const uint32_t magnitude = u & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
        return 0x7e00u;
    }
    if (magnitude >= 0x477ff000u) { /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00u);
    }
    if (magnitude < 0x38800000u) { /* below 2^-14: adding 0.5 aligns the last bit to 2^-24 */
        const float aligned = flci_float_of(magnitude) + 0.5f;
        return (uint16_t)(sign | (flci_bits_of(aligned) - 0x3f000000u));
    }
    return (uint16_t)(sign |
                      ((magnitude - 0x38000000u + 0x0fffu + ((magnitude >> 13) & 1u)) >> 13));
}

/* A 16-bit float for the wire: bf16, or fp16 where elements are fp16. */
FLCI_HD float flci_from_float16(flc_type type, uint16_t h)
{
    return type == FLC_FLOAT16 ? flci_from_fp16(h) : flci_from_bf16(h);
}

FLCI_HD uint16_t flci_to_float16(flc_type type, float x)
{
    return type == FLC_FLOAT16 ? flci_to_fp16(x) : flci_to_bf16(x);
}

/* Any NaN as the one that is written. */
FLCI_HD float flci_canonical(float x)
{
    return (flci_bits_of(x) & 0x7fffffffu) > 0x7f800000u ? flci_float_of(FLCI_NAN) : x;
}

/* Largest magnitude an encoder puts on the wire, so that finite input decodes to finite output. */
FLCI_HD float flci_type_limit(flc_type type)
{
    return type == FLC_FLOAT16 ? FLCI_FP16_MAX : FLCI_BF16_MAX;
}

FLCI_HD float flci_clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

FLCI_HD uint16_t flci_spike_of(flc_type type, float x)
{
    const float limit = flci_type_limit(type);
    return flci_to_float16(type, flci_clamp(x, -limit, limit));
}

/* ---- Range of a group ---- */

struct flci_range {
    float low, high;    /* of the elements that are not spikes; 0, 0 if there are none */
    float min, max;     /* of all elements: the spikes */
    int min_at, max_at; /* their lowest positions */
    int is_finite;
};

FLCI_HD struct flci_range flci_range_of(const float *x, int n, int spikes)
{
    struct flci_range r = {x[0], x[0], x[0], x[0], 0, 0, 1};
    int any = 0;
    for (int i = 0; i < n; i++) {
        r.is_finite &= flci_is_finite(x[i]);
        if (x[i] < r.min) {
            r.min = x[i];
            r.min_at = i;
        }
        if (x[i] > r.max) {
            r.max = x[i];
            r.max_at = i;
        }
    }
    r.low = r.min;
    r.high = r.max;
    if (!spikes) {
        return r;
    }
    r.low = r.high = 0.0f;
    for (int i = 0; i < n; i++) {
        if (i == r.min_at || i == r.max_at) {
            continue;
        }
        r.low = !any || x[i] < r.low ? x[i] : r.low;
        r.high = !any || x[i] > r.high ? x[i] : r.high;
        any = 1;
    }
    return r;
}

/* ---- Scale ---- */

/* Half a range times this is the scale: 2 / (2^bits - 1), above 4 bits with a margin of 0.00025
   that the rounding of the reciprocal needs to push no code over the top; up to 4 bits
   flci_scale_to_wide sees to that. One bit: a quarter of the range, since its two levels are the
   middles of two halves. */
FLCI_HD float flci_range_factor(int bits)
{
    const float factors[9] = {0.0f,           0.5f,           0x1.555556p-1f,
                              0x1.24924ap-2f, 0x1.111112p-3f, 0x1.0852fap-4f,
                              0x1.0420e6p-5f, 0x1.02148cp-6f, 0x1.011174p-7f};
    return factors[bits];
}

/* Largest zero of an asymmetric format: the scale is at least the magnitude divided by it. */
FLCI_HD float flci_zero_limit(int bits)
{
    return bits <= FLCI_NARROW_BITS ? 110.0f : 32000.0f;
}

/* The scale before it is rounded to its stored form: at least FLCI_SCALE_MIN, finite. */
FLCI_HD float flci_scale_target(flc_format format, flc_type type, struct flci_range *range)
{
    const int bits = format.bits;
    const float limit = flci_type_limit(type);
    float scale, magnitude;
    range->low = flci_clamp(range->low, -limit, limit);
    range->high = flci_clamp(range->high, -limit, limit);
    if (format.metadata == FLC_COMPACT && bits > FLCI_NARROW_BITS) { /* 0 <= -zero < 2^bits */
        range->low = range->low > 0.0f ? 0.0f : range->low;
        range->high = range->high < 0.0f ? 0.0f : range->high;
    }
    magnitude = -range->low > range->high ? -range->low : range->high;
    if (format.scheme == FLC_SYMMETRIC) {
        scale = bits == 1 ? 0.5f * magnitude : magnitude / (float)((1 << (bits - 1)) - 1);
    } else {
        /* Halves first: the difference of two finite values may be infinite. */
        const float half = 0.5f * range->high - 0.5f * range->low;
        const float floor = magnitude / flci_zero_limit(bits);
        scale = half * flci_range_factor(bits);
        scale = scale < floor ? floor : scale;
    }
    return scale < FLCI_SCALE_MIN ? FLCI_SCALE_MIN : scale;
}

/* What x is multiplied with to get its code. */
FLCI_HD float flci_reciprocal(uint16_t scale, int bits)
{
    const float inverse = 1.0f / flci_from_bf16(scale);
    return bits > FLCI_NARROW_BITS ? inverse : flci_from_bf16(flci_to_bf16(inverse));
}

/*
 * Wide: the bf16 at or above, but no more than the type's limit: level 1 must stay usable. A bf16
 * reciprocal may be too large, by up to 1 / 258: where that would push the top of the range past
 * the top code, the next bf16 is taken, whose reciprocal is small enough. So no element needs a
 * clamp, and few groups pay for it.
 */
FLCI_HD uint16_t flci_scale_to_wide(float target, flc_format format, flc_type type,
                                    struct flci_range range)
{
    const uint32_t most = flci_bits_of(flci_type_limit(type)) >> 16;
    const uint32_t above = (flci_bits_of(target) + 0xffffu) >> 16;
    const uint16_t scale = (uint16_t)(above < most ? above : most);
    const float half = 0.5f * range.high - 0.5f * range.low;
    const float top = 0.5f * (float)((1 << format.bits) - 1);
    if (format.scheme == FLC_SYMMETRIC || format.bits == 1 || format.bits > FLCI_NARROW_BITS) {
        return scale;
    }
    /* 1 + 2^-20 covers the roundings of this test. */
    return half * flci_reciprocal(scale, format.bits) * 0x1.00001p0f < top ? scale
                                                                           : (uint16_t)(scale + 1);
}

/* Fraction bits, as bf16, of 2^(k/8). */
FLCI_HD uint16_t flci_octave_fraction(int k)
{
    return (uint16_t)(0x6b57453526180c00u >> 8 * k & 0xffu);
}

/* 2^((2k+1)/16): where the nearest eighth of an octave changes. */
FLCI_HD float flci_octave_middle(int k)
{
    const float middles[8] = {1.04427378f, 1.13878863f, 1.24185781f, 1.35425555f,
                              1.47682615f, 1.61049033f, 1.75625216f, 1.91520656f};
    return middles[k];
}

/* Exponent of code 0 in a block whose largest scale is `largest`. */
FLCI_HD int flci_base_exponent(float largest)
{
    const int exponent = (int)(flci_bits_of(largest) >> 23) - 127 - FLCI_SCALE_OCTAVES;
    return exponent < -126 ? -126 : exponent;
}

/* Whether an encoder writes it as a block's. */
FLCI_HD int flci_base_exponent_is_valid(int exponent)
{
    return exponent >= -126 && exponent <= 127 - FLCI_SCALE_OCTAVES;
}

/* Exponent of the largest scale that keeps level 1 within the type's limit. */
FLCI_HD int flci_largest_exponent(flc_type type)
{
    return type == FLC_FLOAT16 ? 15 : 127;
}

/* Compact: to the nearest 1/8 octave by logarithm, where codes are few and clipping an extreme is
   cheaper than a coarser step, or upwards. At most the octave of `largest_exponent`. */
FLCI_HD uint8_t flci_scale_to_compact(float target, int largest_exponent, int base_exponent,
                                      int upwards)
{
    const uint32_t u = flci_bits_of(target);
    const int exponent = (int)(u >> 23) - 127;
    const float fraction = flci_float_of((u & 0x7fffffu) | 0x3f800000u);
    const int top = 8 * (largest_exponent - base_exponent) + 7;
    int k = 0, code;
    if (exponent < base_exponent) {
        return 0;
    }
    for (int i = 0; i < 8; i++) {
        const float eighth = flci_from_bf16((uint16_t)(0x3f80u | flci_octave_fraction(i)));
        k += upwards ? fraction > eighth : fraction >= flci_octave_middle(i);
    }
    code = 8 * (exponent - base_exponent) + k;
    return (uint8_t)(code > top ? top : code);
}

/* bf16 pattern of a compact scale; 0 where the code is one that no encoder writes. */
FLCI_HD uint16_t flci_scale_from_compact(uint8_t code, int base_exponent)
{
    const int exponent = base_exponent + code / 8;
    if (code == FLCI_SCALE_CODE_NAN) {
        return FLCI_SCALE_NAN;
    }
    if (code > FLCI_SCALE_CODE_MAX || exponent > 127) {
        return 0;
    }
    return (uint16_t)((uint32_t)(exponent + 127) << 7 | flci_octave_fraction(code % 8));
}

/* ---- Zero and code ---- */

/* How the elements of one group become codes and back. */
struct flci_quantizer {
    float scale, inverse;
    int zero; /* see flci_dequantize; one bit: threshold in scales */
    int min_code, max_code;
    int bits;
};

/* The integer nearest to x * inverse - zero, ties to even, rounded once, as a float. */
FLCI_HD float flci_nearest(float x, float inverse, int zero)
{
#if defined(__CUDACC__)
    return fmaf(x, inverse, 12582912.0f - (float)zero) - 12582912.0f; /* 1.5 * 2^23 */
#else
    /* The product is exact in float64 and the magic sum rounds to an integer: the same, without
       the cost of fmaf on a processor that lacks it. 1.5 * 2^52 */
    const double magic = 6755399441055744.0;
    return (float)((double)x * (double)inverse + (magic - (double)zero) - magic);
#endif
}

/* `scale_bits` is the stored scale, not NaN; `range` as flci_scale_target left it. */
FLCI_HD struct flci_quantizer flci_quantizer_of(flc_format format, flc_type type,
                                                uint16_t scale_bits, struct flci_range range)
{
    struct flci_quantizer q;
    float levels;
    q.bits = format.bits;
    q.scale = flci_from_bf16(scale_bits);
    q.inverse = flci_reciprocal(scale_bits, q.bits);
    /* Levels beyond the type's limit must not be used; it matters only near that limit. */
    levels = 65536.0f;
    if (q.scale * 65536.0f > flci_type_limit(type)) {
        levels = (float)(int)(flci_type_limit(type) / q.scale);
    }
    q.min_code = 0;
    q.max_code = (1 << q.bits) - 1;
    if (q.bits == 1) {
        const float middle = 0.5f * range.low + 0.5f * range.high;
        const float zero = flci_nearest(middle, q.inverse, 0);
        q.zero = format.scheme == FLC_SYMMETRIC
                     ? 0
                     : (int)flci_clamp(zero, 1.0f - levels, levels - 1.0f);
        return q;
    }
    if (format.scheme == FLC_SYMMETRIC) {
        q.zero = -(1 << (q.bits - 1));
    } else {
        q.zero = (int)flci_clamp(flci_nearest(range.low, q.inverse, 0), -levels, levels);
        /* A scale that was rounded down may leave the range one level too many: 0 stays one. */
        if (range.high >= 0.0f && q.zero < -q.max_code) {
            q.zero = -q.max_code;
        }
    }
    if (-(int)levels - q.zero > q.min_code) {
        q.min_code = -(int)levels - q.zero;
    }
    if ((int)levels - q.zero < q.max_code) {
        q.max_code = (int)levels - q.zero;
    }
    return q;
}

FLCI_HD uint8_t flci_quantize(struct flci_quantizer q, float x)
{
    if (q.bits == 1) {
        return x > (float)q.zero * q.scale;
    }
    return (uint8_t)flci_clamp(flci_nearest(x, q.inverse, q.zero), (float)q.min_code,
                               (float)q.max_code);
}

FLCI_HD float flci_dequantize(int bits, float scale, int zero, uint8_t code)
{
    const int level = bits == 1 ? 2 * (int)code - 1 + zero : (int)code + zero;
    return (float)level * scale;
}

#endif
