// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The slow path's asymmetric and symmetric formats: the walk of codec_ref.c, its loops over groups,
 * elements and words dealt out to lanes.
 */
#ifndef FLCI_CODEC_CUDA_ANY_EVEN_CUH
#define FLCI_CODEC_CUDA_ANY_EVEN_CUH

#include "codec/cuda/any_parts.cuh"

/* ---- Encode ---- */

/* Codes, metadata and spikes of one group, by one lane. Returns 1 for a group that is not finite.
 */
static __device__ __forceinline__ uint32_t flcd_encode_group(flc_format format, flc_type type,
                                                             uint32_t n, uint32_t group,
                                                             int base_exponent,
                                                             struct flcd_scratch *scratch,
                                                             uint32_t *spikes)
{
    const int is_compact = format.metadata == FLC_COMPACT;
    const float *x = scratch->x + group * format.group;
    uint8_t *codes = scratch->codes + group * format.group;
    uint8_t *positions = scratch->positions + 2 * group, *scales = (uint8_t *)scratch->scales;
    const uint32_t elems = flci_group_elems(format, n, group);
    struct flci_range range = flci_range_of(x, (int)elems, format.spikes);
    struct flci_quantizer quantizer;
    uint32_t stored, spike = 0;
    if (range.is_finite) {
        const float target = flci_scale_target(format, type, &range);
        uint16_t scale;
        if (is_compact) {
            stored = flci_scale_to_compact(target, flci_largest_exponent(type), base_exponent,
                                           format.bits > FLCI_NARROW_BITS);
            scale = flci_scale_from_compact((uint8_t)stored, base_exponent);
        } else {
            scale = flci_scale_to_wide(target, format, type, range);
            stored = scale;
        }
        quantizer = flci_quantizer_of(format, type, scale, range);
        for (uint32_t i = 0; i < elems; i++) {
            codes[i] = flci_quantize(quantizer, x[i]);
        }
        spike = flci_spike_of(type, range.min) | (uint32_t)flci_spike_of(type, range.max) << 16;
    } else {
        stored = is_compact ? FLCI_SCALE_CODE_NAN : FLCI_SCALE_NAN;
        quantizer.zero = range.min_at = range.max_at = 0;
        for (uint32_t i = 0; i < elems; i++) {
            codes[i] = 0;
        }
    }
    flci_put_scale(format, scales, group, stored, quantizer.zero);
    if (format.spikes) {
        spikes[group] = spike;
        positions[0] = (uint8_t)range.min_at;
        positions[1] = (uint8_t)range.max_at;
        codes[range.min_at] = 0;
        codes[range.max_at] = 0;
    }
    return range.is_finite ? 0 : 1;
}

static __device__ __forceinline__ int flcd_even_base(flc_format format, flc_type type, uint32_t n,
                                                     uint32_t groups, const float *x)
{
    float largest = FLCI_SCALE_MIN;
    for (uint32_t g = flcd_lane(); g < groups; g += FLCD_LANES) {
        struct flci_range range =
            flci_range_of(x + g * format.group, (int)flci_group_elems(format, n, g), format.spikes);
        if (range.is_finite) {
            const float target = flci_scale_target(format, type, &range);
            largest = target > largest ? target : largest;
        }
    }
    return flci_base_exponent(flcd_warp_max(largest));
}

FLCD_ANY uint32_t flcd_encode_even(flc_format format, flc_type type, uint32_t n,
                                   struct flcd_scratch *scratch, uint8_t *wire)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const int is_compact = format.metadata == FLC_COMPACT;
    const uint32_t scale_bytes = layout.spikes - layout.scales;
    const uint32_t spike_words = (layout.positions - layout.spikes) / 4;
    uint32_t *spikes = (uint32_t *)(wire + layout.spikes);
    uint32_t nonfinite = 0;
    int base_exponent = 0;
    if (is_compact) {
        base_exponent = flcd_even_base(format, type, n, layout.groups, scratch->x);
        flcd_put_header(base_exponent, wire);
    }
    flcd_clear_scales(scale_bytes, scratch);
    for (uint32_t g = flcd_lane(); g < layout.groups; g += FLCD_LANES) {
        nonfinite += flcd_encode_group(format, type, n, g, base_exponent, scratch, spikes);
    }
    __syncwarp();
    flcd_put_scales(scratch, scale_bytes, wire + layout.scales);
    if (format.spikes) {
        for (uint32_t i = layout.groups + flcd_lane(); i < spike_words; i += FLCD_LANES) {
            spikes[i] = 0;
        }
        flcd_pack_planes(scratch->positions, 2 * layout.groups,
                         is_compact ? flci_position_bits(format.group) : 8,
                         wire + layout.positions);
    }
    flcd_pack_planes(scratch->codes, n, format.bits, wire + layout.planes);
    return nonfinite;
}

/* ---- Decode ---- */

FLCD_ANY uint32_t flcd_decode_even(flc_format format, flc_type type, uint32_t n,
                                   const uint8_t *wire, struct flcd_scratch *scratch, float *y)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const uint32_t shift = flci_position_bits(format.group);
    const uint32_t position_bits = format.metadata == FLC_COMPACT ? shift : 8;
    const uint32_t *spikes = (const uint32_t *)(wire + layout.spikes);
    int base_exponent;
    const int is_valid = flcd_get_header(format, wire, &base_exponent);
    uint32_t corrupt = !is_valid;
    for (uint32_t g = flcd_lane(); g < layout.groups; g += FLCD_LANES) {
        int zero = 0;
        uint32_t scale =
            is_valid ? flci_get_scale(format, wire + layout.scales, g, base_exponent, &zero) : 0;
        if (scale == 0) {
            corrupt = 1;
            scale = FLCI_SCALE_NAN;
        }
        scratch->scales[g] = scale | (uint32_t)zero << 16;
    }
    __syncwarp();
    for (uint32_t i = flcd_lane(); i < n; i += FLCD_LANES) {
        const uint32_t entry = scratch->scales[i >> shift];
        const uint16_t scale = (uint16_t)(entry & 0xffffu);
        const uint8_t code = flci_code_in_planes(wire + layout.planes, n, format.bits, i);
        y[i] = scale == FLCI_SCALE_NAN
                   ? flci_float_of(FLCI_NAN)
                   : flci_dequantize(format.bits, flci_from_bf16(scale),
                                     flci_sign_extend16((uint16_t)(entry >> 16)), code);
    }
    __syncwarp();
    for (uint32_t g = flcd_lane(); format.spikes && g < layout.groups; g += FLCD_LANES) {
        const uint8_t *planes = wire + layout.positions;
        const uint32_t elems = flci_group_elems(format, n, g), count = 2 * layout.groups;
        const uint32_t min_at = flci_code_in_planes(planes, count, position_bits, 2 * g);
        const uint32_t max_at = flci_code_in_planes(planes, count, position_bits, 2 * g + 1);
        if (min_at >= elems || max_at >= elems) {
            corrupt = 1;
        } else if ((scratch->scales[g] & 0xffffu) != FLCI_SCALE_NAN) {
            y[(g << shift) + min_at] = flci_from_float16(type, (uint16_t)(spikes[g] & 0xffffu));
            y[(g << shift) + max_at] = flci_from_float16(type, (uint16_t)(spikes[g] >> 16));
        }
    }
    return corrupt;
}

#endif
