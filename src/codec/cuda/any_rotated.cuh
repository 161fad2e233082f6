// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The slow path's rotated formats: the walk of codec_ref_rotated.c, its loops over groups, pairs,
 * elements and words dealt out to lanes.
 */
#ifndef FLCI_CODEC_CUDA_ANY_ROTATED_CUH
#define FLCI_CODEC_CUDA_ANY_ROTATED_CUH

#include "codec/codec_rotated.h"
#include "codec/cuda/any_parts.cuh"

/* flci_hadamard of each group of x [count]. */
static __device__ __forceinline__ void flcd_hadamard(float *x, uint32_t count, uint32_t group)
{
    for (uint32_t half = 1; half < group; half *= 2) {
        __syncwarp();
        for (uint32_t pair = flcd_lane(); pair < count / 2; pair += FLCD_LANES) {
            flci_butterfly(x, pair, half);
        }
    }
    __syncwarp();
}

/* As flcd_encode_group, of coefficients. Any element that is not finite has spread to all. */
static __device__ __forceinline__ uint32_t flcd_encode_turned(flc_format format, uint32_t group,
                                                              int base_exponent,
                                                              struct flcd_scratch *scratch)
{
    const float *v = scratch->x + group * format.group;
    uint8_t *codes = scratch->codes + group * format.group;
    const int is_finite = flci_is_finite(v[0]);
    uint8_t stored = FLCI_SCALE_CODE_NAN;
    float inverse = 0.0f;
    if (is_finite) {
        stored =
            flci_rotated_scale(format, v, flci_rotated_largest(v, format.group), base_exponent);
        inverse = 1.0f / flci_from_bf16(flci_scale_from_compact(stored, base_exponent));
    }
    for (uint32_t i = 0; i < format.group; i++) {
        codes[i] = stored == 0 || !is_finite ? 0 : flci_rotated_code(format.bits, v[i], inverse);
    }
    ((uint8_t *)scratch->scales)[group] = stored;
    return is_finite ? 0 : 1;
}

FLCD_ANY uint32_t flcd_encode_rotated(flc_format format, uint32_t n, struct flcd_scratch *scratch,
                                      uint8_t *wire)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const uint32_t group = format.group;
    const uint32_t scale_bytes = layout.planes - layout.scales;
    float *x = scratch->x, largest = FLCI_SCALE_MIN;
    uint32_t nonfinite = 0;
    int base_exponent;
    for (uint32_t i = flcd_lane(); i < layout.codes; i += FLCD_LANES) {
        x[i] = flci_rotation_input(i < n ? x[i] : 0.0f, i & (group - 1), group);
    }
    flcd_clear_scales(scale_bytes, scratch);
    flcd_hadamard(x, layout.codes, group);
    for (uint32_t g = flcd_lane(); g < layout.groups; g += FLCD_LANES) {
        const float *v = x + g * group;
        if (flci_is_finite(v[0])) {
            const float target = flci_rotated_target(format.bits, flci_rotated_largest(v, group));
            largest = target > largest ? target : largest;
        }
    }
    base_exponent = flci_base_exponent(flcd_warp_max(largest));
    flcd_put_header(base_exponent, wire);
    for (uint32_t g = flcd_lane(); g < layout.groups; g += FLCD_LANES) {
        nonfinite += flcd_encode_turned(format, g, base_exponent, scratch);
    }
    __syncwarp();
    flcd_put_scales(scratch, scale_bytes, wire + layout.scales);
    flcd_pack_planes(scratch->codes, layout.codes, format.bits, wire + layout.planes);
    return nonfinite;
}

FLCD_ANY uint32_t flcd_decode_rotated(flc_format format, flc_type type, uint32_t n,
                                      const uint8_t *wire, struct flcd_scratch *scratch, float *y)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const uint32_t group = format.group, shift = flci_position_bits(group);
    const int largest_exponent = flci_rotated_largest_exponent(group);
    float *v = scratch->x;
    int base_exponent;
    const int is_valid = flcd_get_header(format, wire, &base_exponent);
    uint32_t corrupt = !is_valid;
    for (uint32_t g = flcd_lane(); g < layout.groups; g += FLCD_LANES) {
        const uint8_t stored = wire[layout.scales + g];
        uint32_t scale = stored == 0 ? 0 : flci_scale_from_compact(stored, base_exponent);
        if (stored != 0 && stored != FLCI_SCALE_CODE_NAN &&
            (scale == 0 || base_exponent + stored / 8 > largest_exponent)) {
            corrupt = 1;
            scale = FLCI_SCALE_NAN;
        }
        scratch->scales[g] = is_valid ? scale : FLCI_SCALE_NAN;
    }
    __syncwarp();
    for (uint32_t i = flcd_lane(); i < layout.codes; i += FLCD_LANES) {
        const uint32_t scale = scratch->scales[i >> shift];
        const uint8_t code =
            flci_code_in_planes(wire + layout.planes, layout.codes, format.bits, i);
        v[i] = scale == 0 || scale == FLCI_SCALE_NAN
                   ? 0.0f
                   : flci_rotated_value(format.bits, flci_from_bf16((uint16_t)scale), code);
    }
    flcd_hadamard(v, layout.codes, group);
    for (uint32_t i = flcd_lane(); i < n; i += FLCD_LANES) {
        const uint32_t scale = scratch->scales[i >> shift];
        y[i] = scale == 0                ? 0.0f
               : scale == FLCI_SCALE_NAN ? flci_float_of(FLCI_NAN)
                                         : flci_rotation_output(v[i], i & (group - 1), type);
    }
    return corrupt;
}

#endif
