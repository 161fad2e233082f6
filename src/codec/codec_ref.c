// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The reference row: the scalar rules of codec_core.h, an element at a time, nothing clever. Every
 * other row is compared with it byte for byte, so it favours being read over being fast. Here are
 * elements, asymmetric and symmetric formats; codec_ref_rotated.c has the rotated ones.
 */
#include "codec/codec_ref.h"

#include <string.h>

#include "base/error.h"
#include "codec/codec_wire.h"

static int is_supported(void)
{
    return 1;
}

/* ---- Elements ---- */

static void load_halves(flc_type type, const uint16_t *src, uint32_t n, float *x)
{
    for (uint32_t i = 0; i < n; i++) {
        x[i] = flci_from_float16(type, src[i]);
    }
}

static void store_halves(flc_type type, const float *x, uint32_t n, uint16_t *dst)
{
    for (uint32_t i = 0; i < n; i++) {
        dst[i] = flci_to_float16(type, x[i]);
    }
}

/* ---- Encode ---- */

/* Codes of one group, and its spikes. */
static void encode_group(flc_format format, flc_type type, const float *x, uint32_t n,
                         const struct flci_range *range, const struct flci_quantizer *quantizer,
                         uint8_t *codes, uint8_t *spikes, uint8_t *positions)
{
    for (uint32_t i = 0; i < n; i++) {
        codes[i] = flci_quantize(*quantizer, x[i]);
    }
    if (format.spikes) {
        flci_put16(spikes, flci_spike_of(type, range->min));
        flci_put16(spikes + 2, flci_spike_of(type, range->max));
        positions[0] = (uint8_t)range->min_at;
        positions[1] = (uint8_t)range->max_at;
        codes[range->min_at] = 0;
        codes[range->max_at] = 0;
    }
}

static void encode_even(flc_format format, flc_type type, flc_type src_type, const void *src,
                        uint32_t n, uint8_t *wire, flc_stats *stats)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const int is_compact = format.metadata == FLC_COMPACT;
    const int largest_exponent = flci_largest_exponent(type);
    struct flci_range ranges[FLCI_MAX_GROUPS];
    float targets[FLCI_MAX_GROUPS], largest = FLCI_SCALE_MIN;
    float x[FLC_BLOCK_ELEMS];
    uint8_t codes[FLC_BLOCK_ELEMS], positions[2 * FLCI_MAX_GROUPS] = {0};
    int base_exponent = 0;
    flci_load_elems(&flci_codec_ref, src_type, src, n, x);
    memset(wire, 0, layout.bytes);
    for (uint32_t g = 0; g < layout.groups; g++) {
        ranges[g] =
            flci_range_of(x + g * format.group, (int)flci_group_elems(format, n, g), format.spikes);
        if (ranges[g].is_finite) {
            targets[g] = flci_scale_target(format, type, &ranges[g]);
            largest = targets[g] > largest ? targets[g] : largest;
        }
    }
    if (is_compact) {
        base_exponent = flci_base_exponent(largest);
        flci_put16(wire, (uint32_t)base_exponent & 0xffffu);
    }
    for (uint32_t g = 0; g < layout.groups; g++) {
        const size_t first = (size_t)g * format.group;
        struct flci_quantizer quantizer;
        uint32_t stored;
        uint16_t scale;
        if (!ranges[g].is_finite) {
            flci_put_scale(format, wire + layout.scales, g,
                           is_compact ? FLCI_SCALE_CODE_NAN : FLCI_SCALE_NAN, 0);
            memset(codes + first, 0, flci_group_elems(format, n, g));
            stats->nonfinite_groups++;
            continue;
        }
        if (is_compact) {
            stored = flci_scale_to_compact(targets[g], largest_exponent, base_exponent,
                                           format.bits > FLCI_NARROW_BITS);
            scale = flci_scale_from_compact((uint8_t)stored, base_exponent);
        } else {
            scale = flci_scale_to_wide(targets[g], format, type, ranges[g]);
            stored = scale;
        }
        quantizer = flci_quantizer_of(format, type, scale, ranges[g]);
        flci_put_scale(format, wire + layout.scales, g, stored, quantizer.zero);
        encode_group(format, type, x + first, flci_group_elems(format, n, g), &ranges[g],
                     &quantizer, codes + first, wire + layout.spikes + 4 * (size_t)g,
                     positions + 2 * (size_t)g);
    }
    stats->groups += layout.groups;
    if (format.spikes) {
        flci_pack_planes(positions, 2 * layout.groups,
                         is_compact ? flci_position_bits(format.group) : 8,
                         wire + layout.positions);
    }
    flci_pack_planes(codes, n, format.bits, wire + layout.planes);
}

/* ---- Decode ---- */

static void fill_nan(float *y, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        y[i] = flci_float_of(FLCI_NAN);
    }
}

static flc_status decode_elems(flc_format format, flc_type type, const uint8_t *wire, uint32_t n,
                               float *y)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const int is_compact = format.metadata == FLC_COMPACT;
    uint8_t codes[FLC_BLOCK_ELEMS], positions[2 * FLCI_MAX_GROUPS];
    int base_exponent = 0;
    FLCI_TRY(flci_check_header(format, wire, &base_exponent));
    flci_unpack_planes(wire + layout.planes, n, format.bits, codes);
    if (format.spikes) {
        flci_unpack_planes(wire + layout.positions, 2 * layout.groups,
                           is_compact ? flci_position_bits(format.group) : 8, positions);
    }
    for (uint32_t g = 0; g < layout.groups; g++) {
        const size_t first = (size_t)g * format.group;
        const uint32_t elems = flci_group_elems(format, n, g);
        const uint8_t *spike = wire + layout.spikes + 4 * (size_t)g;
        int zero;
        const uint16_t scale =
            flci_get_scale(format, wire + layout.scales, g, base_exponent, &zero);
        if (scale == 0) {
            return flci_fail(FLC_ERR_CORRUPT, "wire: group %u has a scale no encoder writes", g);
        }
        if (scale == FLCI_SCALE_NAN) {
            fill_nan(y + first, elems);
        } else {
            for (uint32_t i = 0; i < elems; i++) {
                y[first + i] =
                    flci_dequantize(format.bits, flci_from_bf16(scale), zero, codes[first + i]);
            }
        }
        if (!format.spikes) {
            continue;
        }
        if (positions[2 * g] >= elems || positions[2 * g + 1] >= elems) {
            return flci_fail(FLC_ERR_CORRUPT, "wire: group %u has a spike outside itself", g);
        }
        if (scale != FLCI_SCALE_NAN) {
            y[first + positions[2 * g]] = flci_from_float16(type, flci_get16(spike));
            y[first + positions[2 * g + 1]] = flci_from_float16(type, flci_get16(spike + 2));
        }
    }
    return FLC_OK;
}

static flc_status decode_even(flc_format format, flc_type type, const uint8_t *wire,
                              flc_type dst_type, uint32_t n, void *dst)
{
    float y[FLC_BLOCK_ELEMS];
    FLCI_TRY(decode_elems(format, type, wire, n, y));
    flci_store_elems(&flci_codec_ref, dst_type, y, n, dst);
    return FLC_OK;
}

const struct flci_codec_row flci_codec_ref = {
    .name = "ref",
    .summary = "scalar C, the reference",
    .is_supported = is_supported,
    .load_halves = load_halves,
    .store_halves = store_halves,
    .encode_even = encode_even,
    .decode_even = decode_even,
    .encode_rotated = flci_ref_encode_rotated,
    .decode_rotated = flci_ref_decode_rotated,
};
