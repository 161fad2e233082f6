// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Scales, zeros and quantizers of all groups of a block in vectors, LANES groups at a time, for
 * the row that includes this file: flci_scale_target, flci_scale_to_wide, flci_scale_to_compact and
 * flci_quantizer_of of codec_core.h, where the reasons stand.
 */
#ifndef FLCI_CODEC_SIMD_QUANTIZER_H
#define FLCI_CODEC_SIMD_QUANTIZER_H

#include "codec/simd/simd_elems.h"

#define MAGIC 12582912.0f /* 1.5 * 2^23: the sum's lowest bits are the integer */

/* Everything about the groups of a block while it is encoded; arrays are whole vectors. */
struct simd_groups {
    int32_t low_keys[FLCI_MAX_GROUPS], high_keys[FLCI_MAX_GROUPS];
    int32_t second_low_keys[FLCI_MAX_GROUPS], second_high_keys[FLCI_MAX_GROUPS]; /* with spikes */
    int32_t is_finite[FLCI_MAX_GROUPS]; /* all ones or zero */
    float low[FLCI_MAX_GROUPS], high[FLCI_MAX_GROUPS];
    float target[FLCI_MAX_GROUPS];
    int32_t stored[FLCI_MAX_GROUPS]; /* the scale as it is stored */
    float scale[FLCI_MAX_GROUPS];
    float inverse[FLCI_MAX_GROUPS], zero[FLCI_MAX_GROUPS];
    float offset[FLCI_MAX_GROUPS];                       /* MAGIC - zero */
    float least[FLCI_MAX_GROUPS], most[FLCI_MAX_GROUPS]; /* codes, plus MAGIC */
    float threshold[FLCI_MAX_GROUPS];                    /* of one bit */
    uint8_t min_at[FLCI_MAX_GROUPS], max_at[FLCI_MAX_GROUPS];
    int are_halves; /* the keys are those of 16-bit elements, not of floats */
    int has_nonfinite, are_clamped;
};

/* ---- Ranges ---- */

static void note_finite(flc_type type, uint32_t groups, struct simd_groups *q)
{
    const int32_t infinity = !q->are_halves ? 0x7f800000 : type == FLC_FLOAT16 ? 0x7c00 : 0x7f80;
    vi all = vi_set(-1);
    for (uint32_t g = 0; g < groups; g += LANES) {
        const vi low = vi_load(q->low_keys + g), high = vi_load(q->high_keys + g);
        const vi is_finite = (vi)(low > -infinity) & (vi)(high < infinity);
        vi_store(q->is_finite + g, is_finite);
        vi_store(q->low_keys + g, low & is_finite);
        vi_store(q->high_keys + g, high & is_finite);
        all &= is_finite;
    }
    q->has_nonfinite = vi_equal_bits(all, vi_set(-1)) != (1u << LANES) - 1u;
}

/* Sign and magnitude of a key. */
INLINE vi bits_of_keys(vi keys, int32_t sign_bit)
{
    const vi sign = keys >> 31;
    return ((keys ^ sign) - sign) | (sign & sign_bit);
}

INLINE vf floats_of_keys(flc_type type, int are_halves, vi keys)
{
    uint16_t halves[LANES];
    vi bits;
    if (!are_halves) {
        return (vf)bits_of_keys(keys, INT32_MIN);
    }
    bits = bits_of_keys(keys, 0x8000);
    for (uint32_t i = 0; i < LANES; i++) {
        halves[i] = (uint16_t)bits[i];
    }
    return type == FLC_FLOAT16 ? vf_load_halves(type, halves) : (vf)(bits << 16);
}

/* ---- Scales ---- */

/* flci_scale_target of all groups. */
static void find_targets(flc_format format, flc_type type, flc_type src_type, uint32_t groups,
                         struct simd_groups *q)
{
    const int bits = format.bits;
    const vf limit = vf_set(flci_type_limit(type)), zero = vf_set(0.0f);
    const vf smallest = vf_set(FLCI_SCALE_MIN);
    const float divisor = bits == 1 ? 2.0f : (float)((1 << (bits - 1)) - 1);
    for (uint32_t g = 0; g < groups; g += LANES) {
        vf low = floats_of_keys(src_type, q->are_halves, vi_load(q->low_keys + g));
        vf high = floats_of_keys(src_type, q->are_halves, vi_load(q->high_keys + g));
        vf magnitude, scale;
        low = vf_max(vf_min(low, limit), -limit);
        high = vf_max(vf_min(high, limit), -limit);
        if (format.metadata == FLC_COMPACT && bits > FLCI_NARROW_BITS) {
            low = vf_min(low, zero);
            high = vf_max(high, zero);
        }
        magnitude = vf_max(-low, high);
        if (format.scheme == FLC_SYMMETRIC) {
            scale = magnitude / divisor;
        } else {
            scale = vf_max((0.5f * high - 0.5f * low) * flci_range_factor(bits),
                           magnitude / flci_zero_limit(bits));
        }
        vf_store(q->low + g, low);
        vf_store(q->high + g, high);
        vf_store(q->target + g, vf_max(scale, smallest));
    }
}

INLINE vf reciprocals(vf scale, int bits)
{
    const vf inverse = 1.0f / scale;
    return bits > FLCI_NARROW_BITS ? inverse : vf_round_to_bf16(inverse);
}

/* flci_scale_to_wide */
static void find_wide_scales(flc_format format, flc_type type, uint32_t groups,
                             struct simd_groups *q)
{
    const int bits = format.bits;
    const vi largest = vi_set((int32_t)(flci_bits_of(flci_type_limit(type)) >> 16));
    const vf top = vf_set(0.5f * (float)((1 << bits) - 1));
    const int may_step = format.scheme == FLC_ASYMMETRIC && bits > 1 && bits <= FLCI_NARROW_BITS;
    for (uint32_t g = 0; g < groups; g += LANES) {
        const vf half = 0.5f * vf_load(q->high + g) - 0.5f * vf_load(q->low + g);
        vi scale = vi_min(((vi)vf_load(q->target + g) + 0xffff) >> 16, largest);
        if (may_step) {
            const vf reached = half * reciprocals((vf)(scale << 16), bits) * 0x1.00001p0f;
            scale += 1 + (vi)(reached < top);
        }
        vi_store(q->stored + g, scale);
        vf_store(q->scale + g, (vf)(scale << 16));
    }
}

/* flci_scale_to_compact */
INLINE vi compact_scales(vf target, int largest_exponent, int base_exponent, int upwards)
{
    const vi exponent = ((vi)target >> 23) - 127;
    const vf fraction = (vf)(((vi)target & 0x7fffff) | 0x3f800000);
    const vi top = vi_set(8 * (largest_exponent - base_exponent) + 7);
    vi code = 8 * (exponent - base_exponent);
    for (int k = 0; k < 8; k++) {
        const float eighth = flci_from_bf16((uint16_t)(0x3f80u | flci_octave_fraction(k)));
        code -= upwards ? (vi)(fraction > vf_set(eighth))
                        : (vi)(fraction >= vf_set(flci_octave_middle(k)));
    }
    return vi_min(code, top) & ~(vi)(exponent < base_exponent);
}

static void find_compact_scales(flc_format format, flc_type type, uint32_t groups,
                                uint32_t real_groups, struct simd_groups *q, uint8_t *header)
{
    const int is_narrow = format.bits <= FLCI_NARROW_BITS;
    float largest = FLCI_SCALE_MIN;
    int base_exponent;
    for (uint32_t g = 0; g < real_groups; g++) {
        largest = q->target[g] > largest ? q->target[g] : largest;
    }
    base_exponent = flci_base_exponent(largest);
    flci_put16(header, (uint32_t)base_exponent & 0xffffu);
    for (uint32_t g = 0; g < groups; g += LANES) {
        vi_store(q->stored + g, compact_scales(vf_load(q->target + g), flci_largest_exponent(type),
                                               base_exponent, !is_narrow));
    }
    for (uint32_t g = 0; g < real_groups; g++) {
        q->scale[g] = flci_from_bf16(flci_scale_from_compact((uint8_t)q->stored[g], base_exponent));
    }
    for (uint32_t g = real_groups; g < groups || g % LANES != 0; g++) {
        q->scale[g] = 1.0f;
    }
}

/* ---- Quantizers ---- */

/* flci_quantizer_of */
static void find_zeros(flc_format format, flc_type type, uint32_t groups, struct simd_groups *q)
{
    const int bits = format.bits, is_symmetric = format.scheme == FLC_SYMMETRIC;
    const vf limit = vf_set(flci_type_limit(type)), magic = vf_set(MAGIC), none = vf_set(0.0f);
    const vf most = vf_set((float)((1 << bits) - 1));
    for (uint32_t g = 0; g < groups; g += LANES) {
        const vf scale = vf_load(q->scale + g), low = vf_load(q->low + g);
        const vf high = vf_load(q->high + g), inverse = reciprocals(scale, bits);
        const vf levels = vf_of_ints(vi_of_floats(vf_min(limit / scale, vf_set(65536.0f))));
        vf zero = vf_set(bits == 1 ? 0.0f : -(float)(1 << (bits - 1)));
        if (!is_symmetric && bits == 1) {
            const vf middle = 0.5f * low + 0.5f * high;
            zero = vf_fma(middle, inverse, magic) - magic;
            zero = vf_max(vf_min(zero, levels - 1.0f), 1.0f - levels);
        } else if (!is_symmetric) {
            zero = vf_fma(low, inverse, magic) - magic;
            zero = vf_max(vf_min(zero, levels), -levels);
            zero = vf_select((vi)(high >= none), vf_max(zero, -most), zero);
        }
        vf_store(q->inverse + g, inverse);
        vf_store(q->zero + g, zero);
        vf_store(q->offset + g, magic - zero);
        vf_store(q->threshold + g, zero * scale);
        vf_store(q->least + g, magic + vf_max(none, -levels - zero));
        vf_store(q->most + g, magic + vf_min(most, levels - zero));
    }
}

/* Stored scale and zero of every group. */
static void put_scales(flc_format format, uint32_t groups, const struct simd_groups *q,
                       uint8_t *scales)
{
    const int is_symmetric = format.scheme == FLC_SYMMETRIC;
    const int is_compact = format.metadata == FLC_COMPACT;
    const uint32_t nan = is_compact ? FLCI_SCALE_CODE_NAN : FLCI_SCALE_NAN;
    const float sign = is_compact && format.bits > FLCI_NARROW_BITS ? -1.0f : 1.0f;
    for (uint32_t g = 0; g < groups; g++) {
        const uint32_t scale = q->is_finite[g] != 0 ? (uint32_t)q->stored[g] : nan;
        const int32_t zero = q->is_finite[g] != 0 ? (int32_t)(sign * q->zero[g]) : 0;
        if (is_compact) {
            *scales++ = (uint8_t)scale;
        } else {
            flci_put16(scales, scale);
            scales += 2;
        }
        if (!is_symmetric && is_compact) {
            *scales++ = (uint8_t)zero;
        } else if (!is_symmetric) {
            flci_put16(scales, (uint32_t)zero & 0xffffu);
            scales += 2;
        }
    }
}

/* From the ranges, all that the codes need, and the wire's header and scales. */
static void find_quantizers(flc_format format, flc_type type, flc_type src_type,
                            const struct flci_layout *layout, uint32_t groups,
                            struct simd_groups *q, uint8_t *wire)
{
    find_targets(format, type, src_type, groups, q);
    if (format.metadata == FLC_WIDE) {
        const vf limit = vf_set(0.125f * flci_type_limit(type));
        vi is_large = vi_set(0);
        find_wide_scales(format, type, groups, q);
        /* Near the limit levels run out. */
        for (uint32_t g = 0; g < groups; g += LANES) {
            is_large |= (vi)(vf_max(-vf_load(q->low + g), vf_load(q->high + g)) > limit);
        }
        q->are_clamped = vi_equal_bits(is_large, vi_set(0)) != (1u << LANES) - 1u;
    } else {
        find_compact_scales(format, type, groups, layout->groups, q, wire);
        q->are_clamped = 1;
    }
    find_zeros(format, type, groups, q);
    put_scales(format, layout->groups, q, wire + layout->scales);
}

/* ---- Decoding ---- */

/* Scales and zeros of a block's groups, as read. One bit: the zero is that of twice the code. */
struct simd_scales {
    float scale[FLCI_MAX_GROUPS], zero[FLCI_MAX_GROUPS];
    uint8_t is_nan[FLCI_MAX_GROUPS];
};

static flc_status read_scales(flc_format format, const struct flci_layout *layout,
                              const uint8_t *wire, struct simd_scales *s)
{
    const int is_symmetric = format.scheme == FLC_SYMMETRIC;
    const int is_wide = format.metadata == FLC_WIDE;
    const uint8_t *at = wire + layout->scales;
    const int constant = format.bits == 1 ? -1 : -(1 << (format.bits - 1));
    int base_exponent = 0;
    FLCI_TRY(flci_check_header(format, wire, &base_exponent));
    for (uint32_t g = 0; g < layout->groups; g++) {
        uint32_t scale;
        int zero = 0;
        if (is_wide) {
            scale = flci_get16(at);
            scale = scale - 0x80u < 0x7f00u || scale == FLCI_SCALE_NAN ? scale : 0;
            zero = is_symmetric ? 0 : flci_sign_extend16(flci_get16(at + 2));
            at += is_symmetric ? 2 : 4;
        } else {
            scale = flci_scale_from_compact(at[0], base_exponent);
            if (!is_symmetric) {
                zero = format.bits > FLCI_NARROW_BITS ? -(int)at[1] : (int)(int8_t)at[1];
            }
            at += is_symmetric ? 1 : 2;
        }
        if (scale == 0) {
            return flci_fail(FLC_ERR_CORRUPT, "wire: group %u has a scale no encoder writes", g);
        }
        s->scale[g] = flci_from_bf16((uint16_t)scale);
        s->zero[g] = (float)(is_symmetric ? constant : format.bits == 1 ? zero - 1 : zero);
        s->is_nan[g] = scale == FLCI_SCALE_NAN;
    }
    for (uint32_t g = layout->groups; g < FLCI_MAX_GROUPS && g < layout->groups + 16; g++) {
        s->scale[g] = s->zero[g] = 0.0f;
    }
    return FLC_OK;
}

#endif
