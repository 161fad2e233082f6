// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Rotated formats in vectors, for the row that includes this file: the rules of codec_rotated.h, in
 * passes over a block as in simd_even.h: turn, scales, codes, planes.
 *
 * Codes are decided by the integers below the coefficients' magnitudes in scales: all thresholds
 * are integers.
 */
#ifndef FLCI_CODEC_SIMD_ROTATED_H
#define FLCI_CODEC_SIMD_ROTATED_H

#include "codec/simd/simd_planes.h"
#include "codec/simd/simd_quantizer.h"
#include "codec/simd/simd_search.h"

/* ---- Turning a block ---- */

/* One group: its coefficients, and the largest magnitude's bits spread over lanes, which are those
   of no finite float if the group is not finite. */
INLINE void turn_group(flc_type type, const void *src, size_t at, uint32_t count,
                       const float *signs, float *v, vi *largest)
{
    vf turned[256 / LANES];
    vi most = vi_set(0);
    for (uint32_t i = 0; i < count; i++) {
        turned[i] = load_elems(type, src, at + i * LANES) * vf_load(signs + i * LANES);
    }
    turn(turned, count);
    for (uint32_t i = 0; i < count; i++) {
        vf_store(v + i * LANES, turned[i]);
        most = vi_max(most, (vi)vf_magnitude(turned[i]));
    }
    *largest = most;
}

INLINE void turn_groups(uint32_t count, flc_type type, const void *src, uint32_t n,
                        struct simd_turned *t)
{
    const uint32_t group = count * LANES, groups = n / group;
    float signs[256];
    signs_of(group, 1.0f / (float)group, signs);
    for (uint32_t first = 0; first < groups; first += LANES) {
        vi largest[LANES];
        for (uint32_t i = 0; i < LANES; i++) {
            largest[i] = vi_set(0);
            if (first + i < groups) {
                const size_t at = (size_t)(first + i) * group;
                turn_group(type, src, at, count, signs, t->v + at, &largest[i]);
            }
        }
        JOIN_EACH(largest, vi_max)
        vi_store(t->largest + first, largest[0]);
    }
}

INLINE void turn_block_of(flc_type type, const void *src, uint32_t n, uint32_t group,
                          struct simd_turned *t)
{
    FOR_COUNT(group / LANES, turn_groups, type, src, n, t)
}

static void turn_block(flc_type type, const void *src, uint32_t n, uint32_t group,
                       struct simd_turned *t)
{
    FOR_TYPE(type, turn_block_of, src, n, group, t)
}

/* ---- Scales ---- */

/* 1 / scale by stored scale, in a block of this base exponent. */
static void find_inverses(int base_exponent, float *inverses)
{
    int32_t fractions[8 + LANES];
    for (int i = 0; i < 8 + LANES; i++) {
        fractions[i] = flci_octave_fraction(i & 7);
    }
    for (int32_t code = 0; code < 256; code += LANES) {
        const vi exponent = ((code + lane_numbers()) >> 3) + (base_exponent + 127);
        const vi scale = exponent << 23 | vi_load(fractions + (code & 7)) << 16;
        vf_store(inverses + code, 1.0f / (vf)scale);
    }
}

/* The base exponent, and for every group the stored scale of its target. */
static int find_most(flc_format format, uint32_t groups, struct simd_turned *t)
{
    const int infinity = 0x7f800000;
    const float unit = flci_rotated_target(format.bits, 1.0f);
    int32_t largest = 0;
    float target;
    int base_exponent;
    for (uint32_t g = 0; g < groups; g += LANES) {
        const vi own = vi_load(t->largest + g);
        vi_store(t->most + g, own & (vi)(own < infinity));
    }
    for (uint32_t g = 0; g < groups; g++) {
        largest = t->most[g] > largest ? t->most[g] : largest;
    }
    target = flci_rotated_target(format.bits, flci_float_of((uint32_t)largest));
    base_exponent = flci_base_exponent(target > FLCI_SCALE_MIN ? target : FLCI_SCALE_MIN);
    t->is_capped =
        base_exponent + FLCI_SCALE_OCTAVES >= flci_rotated_largest_exponent(format.group);
    for (uint32_t g = 0; g < groups; g += LANES) {
        const vf own = (vf)vi_load(t->most + g) * unit;
        vi_store(t->most + g, compact_scales(own, flci_rotated_largest_exponent(format.group),
                                             base_exponent, format.bits > FLCI_ROTATED_NEAREST));
    }
    return base_exponent;
}

/* The stored scale of every group, as flci_rotated_scale, and its inverse. */
static void find_rotated_scales(flc_format format, uint32_t groups, struct simd_turned *t)
{
    const vi step = vi_set(flci_rotated_step(format.bits));
    if (format.search) {
        FOR_WIDTH(format.bits, search_scales, format.group, groups, t)
    }
    for (uint32_t g = 0; g < groups; g += LANES) {
        const vi most = vi_load(t->most + g);
        const vi below = most - (format.search ? vi_load(t->stored + g) : step);
        const vi stored = vi_max(below, vi_set(1)) & (vi)(most > 0);
        vi_store(t->stored + g, stored);
    }
    for (uint32_t g = 0; g < groups; g++) {
        t->inverse[g] = t->inverses[t->stored[g]];
    }
}

/* ---- Codes ---- */

/* The integer below a coefficient's magnitude in scales, halved above 4 bits; negative ones
   are inverted: -1 for 0. */
INLINE vi cut(int is_narrow, vf v, vf inverse)
{
    const vf z = v * inverse + 0.0f; /* no -0: that is not below 0 */
    const vf magnitude = vf_magnitude(z);
    return vi_of_floats(is_narrow ? magnitude : 0.5f * magnitude) ^ ((vi)z >> 31);
}

INLINE void quantize_turned(int bits, int is_narrow, uint32_t n, uint32_t shift,
                            const struct simd_turned *t, uint8_t *codes)
{
    const int half = 1 << (bits - 1);
    for (uint32_t i = 0; i < n; i += 4 * LANES) {
        vi part[4];
        vs below, sign, index;
        for (uint32_t k = 0; k < 4; k++) {
            const uint32_t at = i + k * LANES;
            part[k] = cut(is_narrow, vf_load(t->v + at), vf_set(t->inverse[at >> shift]));
        }
        below = (vs)vb_narrow_signed(part[0], part[1], part[2], part[3]);
        sign = (vs)(below < 0);
        below ^= sign;
        if (is_narrow) {
            index = sign & 0;
            for (int k = 1; k < half; k++) {
                const int middle =
                    (flci_rotated_level(bits, k - 1) + flci_rotated_level(bits, k)) / 2;
                index -= (vs)(below >= (int8_t)middle);
            }
        } else {
            const vs last = (vs)(vb)((sign & 0) + (int8_t)(half - 1));
            const vs is_over = (vs)(below > last);
            index = (last & is_over) | (below & ~is_over);
        }
        vb_store(codes + i, (vb)(index ^ sign) + (uint8_t)half);
    }
}

static void quantize_rotated(flc_format format, uint32_t n, const struct simd_turned *t,
                             uint8_t *codes)
{
    const uint32_t shift = flci_position_bits(format.group);
    if (format.bits > FLCI_NARROW_BITS) {
        quantize_turned(format.bits, 0, n, shift, t, codes);
    } else {
        FOR_WIDTH(format.bits, quantize_turned, 1, n, shift, t, codes)
    }
}

static void encode_rotated(flc_format format, flc_type type, flc_type src_type, const void *src,
                           uint32_t n, uint8_t *wire, flc_stats *stats)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const uint32_t whole = whole_units(n);
    struct simd_turned t;
    struct padded padded;
    uint8_t codes[FLC_BLOCK_ELEMS + FLCI_CODES_SLACK];
    int base_exponent;
    (void)type; /* coefficients are float32, whatever the elements are */
    src = pad(src_type, src, n, &padded, ZEROS);
    memset(wire, 0, layout.planes);
    turn_block(src_type, src, whole, format.group, &t);
    base_exponent = find_most(format, whole / format.group, &t);
    find_inverses(base_exponent, t.inverses);
    find_rotated_scales(format, whole / format.group, &t);
    flci_put16(wire, (uint32_t)base_exponent & 0xffffu);
    quantize_rotated(format, whole, &t, codes);
    for (uint32_t g = 0; g < layout.groups; g++) {
        const int is_finite = t.largest[g] < 0x7f800000;
        wire[layout.scales + g] = (uint8_t)(is_finite ? t.stored[g] : (int)FLCI_SCALE_CODE_NAN);
        stats->nonfinite_groups += !is_finite;
        if (!is_finite || t.stored[g] == 0) {
            memset(codes + (size_t)g * format.group, 0, format.group);
        }
    }
    stats->groups += layout.groups;
    memset(codes + layout.codes, 0, FLCI_CODES_SLACK);
    pack(codes, layout.codes, format.bits, wire + layout.planes);
}

/* ---- Decode ---- */

INLINE void turn_back_groups(uint32_t count, flc_type dst_type, flc_type type, int bits,
                             const uint8_t *codes, uint32_t groups, const float *scales, void *dst)
{
    const vf limit = vf_set(flci_type_limit(type));
    const int last = (1 << bits) - 1;
    float signs[256];
    signs_of(count * LANES, 1.0f, signs);
    for (uint32_t g = 0; g < groups; g++) {
        const vf scale = vf_set(scales[g]);
        vf v[256 / LANES];
        for (uint32_t i = 0; i < count; i++) {
            const uint8_t *at = codes + (size_t)(g * count + i) * LANES;
            v[i] = vf_of_ints(bits <= FLCI_NARROW_BITS ? vi_load_signed_bytes(at)
                                                       : 2 * vi_load_bytes(at) - last) *
                   scale;
        }
        turn(v, count);
        for (uint32_t i = 0; i < count; i++) {
            const vf y = v[i] * vf_load(signs + i * LANES);
            store_elems(dst_type, vf_max(vf_min(y, limit), -limit), dst,
                        (size_t)(g * count + i) * LANES);
        }
    }
}

INLINE void turn_back_of(flc_type dst_type, flc_format format, flc_type type, const uint8_t *codes,
                         uint32_t groups, const float *scales, void *dst)
{
    FOR_COUNT(format.group / LANES, turn_back_groups, dst_type, type, format.bits, codes, groups,
              scales, dst)
}

/* Groups that stand for no numbers: all zero, or all NaN. */
static void fill_groups(flc_format format, const struct flci_layout *layout, const uint8_t *stored,
                        flc_type dst_type, void *dst)
{
    for (uint32_t g = 0; g < layout->groups; g++) {
        const float x = flci_float_of(stored[g] == 0 ? 0 : FLCI_NAN);
        for (uint32_t i = 0; i < format.group && (stored[g] == 0 || stored[g] == 255); i++) {
            put_elem(dst_type, x, dst, (size_t)g * format.group + i);
        }
    }
}

static flc_status read_rotated_scales(flc_format format, const struct flci_layout *layout,
                                      const uint8_t *wire, float *scales)
{
    const int largest_exponent = flci_rotated_largest_exponent(format.group);
    int base_exponent = 0;
    FLCI_TRY(flci_check_header(format, wire, &base_exponent));
    for (uint32_t g = 0; g < layout->groups; g++) {
        const uint8_t stored = wire[layout->scales + g];
        const uint16_t scale = flci_scale_from_compact(stored, base_exponent);
        scales[g] = 0.0f;
        if (stored == 0 || stored == FLCI_SCALE_CODE_NAN) {
            continue;
        }
        if (scale == 0 || base_exponent + stored / 8 > largest_exponent) {
            return flci_fail(FLC_ERR_CORRUPT, "wire: group %u has a scale no encoder writes", g);
        }
        scales[g] = flci_from_bf16(scale);
    }
    return FLC_OK;
}

static flc_status decode_rotated(flc_format format, flc_type type, const uint8_t *wire,
                                 flc_type dst_type, uint32_t n, void *dst)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const uint32_t whole = whole_units(n);
    uint8_t codes[FLC_BLOCK_ELEMS + FLCI_CODES_SLACK];
    float scales[FLCI_MAX_GROUPS];
    struct padded padded;
    void *out = whole == n ? dst : padded.elems;
    FLCI_TRY(read_rotated_scales(format, &layout, wire, scales));
    unpack(wire + layout.planes, layout.codes, format.bits, codes);
    if (format.bits <= FLCI_NARROW_BITS) {
        int8_t levels[16] = {0};
        for (uint8_t code = 0; code < 1 << format.bits; code++) {
            levels[code] = (int8_t)flci_rotated_value(format.bits, 1.0f, code);
        }
        for (uint32_t i = 0; i < layout.codes; i += 4 * LANES) {
            vb_store(codes + i, vb_lookup(levels, vb_load(codes + i)));
        }
    }
    FOR_TYPE(dst_type, turn_back_of, format, type, codes, layout.groups, scales, out)
    fill_groups(format, &layout, wire + layout.scales, dst_type, out);
    if (out != dst) {
        memcpy(dst, out, n * flc_type_bytes(dst_type));
    }
    return FLC_OK;
}

#endif
