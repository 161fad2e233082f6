// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The reference row's rotated formats: a header, a byte of scale for each group, and the planes of
 * the codes of whole groups, by the scalar rules of codec_rotated.h.
 */
#include "base/error.h"
#include "codec/codec_ref.h"
#include "codec/codec_rotated.h"
#include "codec/codec_wire.h"

/* Turns a group, or finds that it is not finite. */
static int rotate(const float *x, uint32_t n, uint32_t group, float *v)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!flci_is_finite(x[i])) {
            return 0;
        }
    }
    flci_rotate(x, n, group, v);
    return 1;
}

void flci_ref_encode_rotated(flc_format format, flc_type type, flc_type src_type, const void *src,
                             uint32_t n, uint8_t *wire, flc_stats *stats)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const uint32_t group = format.group;
    float x[FLC_BLOCK_ELEMS], v[FLC_BLOCK_ELEMS], largest[FLCI_MAX_GROUPS];
    float target = FLCI_SCALE_MIN;
    uint8_t codes[FLC_BLOCK_ELEMS] = {0}, *scales = wire + layout.scales;
    int base_exponent;
    (void)type; /* coefficients are float32, whatever the elements are */
    flci_load_elems(&flci_codec_ref, src_type, src, n, x);
    memset(wire, 0, layout.bytes);
    for (uint32_t g = 0; g < layout.groups; g++) {
        const uint32_t first = g * group;
        largest[g] = -1.0f;
        if (rotate(x + first, flci_group_elems(format, n, g), group, v + first)) {
            float own;
            largest[g] = flci_rotated_largest(v + first, group);
            own = flci_rotated_target(format.bits, largest[g]);
            target = own > target ? own : target;
        }
    }
    base_exponent = flci_base_exponent(target);
    flci_put16(wire, (uint32_t)base_exponent & 0xffffu);
    for (uint32_t g = 0; g < layout.groups; g++) {
        float inverse;
        if (largest[g] < 0.0f) {
            scales[g] = FLCI_SCALE_CODE_NAN;
            stats->nonfinite_groups++;
            continue;
        }
        scales[g] = flci_rotated_scale(format, v + g * group, largest[g], base_exponent);
        if (scales[g] == 0) {
            continue;
        }
        inverse = 1.0f / flci_from_bf16(flci_scale_from_compact(scales[g], base_exponent));
        for (uint32_t i = g * group; i < (g + 1) * group; i++) {
            codes[i] = flci_rotated_code(format.bits, v[i], inverse);
        }
    }
    stats->groups += layout.groups;
    flci_pack_planes(codes, layout.codes, format.bits, wire + layout.planes);
}

static flc_status decode_elems(flc_format format, flc_type type, const uint8_t *wire, uint32_t n,
                               float *y)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const int largest_exponent = flci_rotated_largest_exponent(format.group);
    uint8_t codes[FLC_BLOCK_ELEMS];
    float v[256];
    int base_exponent;
    FLCI_TRY(flci_check_header(format, wire, &base_exponent));
    flci_unpack_planes(wire + layout.planes, layout.codes, format.bits, codes);
    for (uint32_t g = 0; g < layout.groups; g++) {
        const uint32_t first = g * format.group;
        const uint32_t elems = flci_group_elems(format, n, g);
        const uint8_t stored = wire[layout.scales + g];
        const uint16_t scale = flci_scale_from_compact(stored, base_exponent);
        if (stored == 0 || stored == FLCI_SCALE_CODE_NAN) {
            for (uint32_t i = 0; i < elems; i++) {
                y[first + i] = stored == 0 ? 0.0f : flci_float_of(FLCI_NAN);
            }
        } else if (scale == 0 || base_exponent + stored / 8 > largest_exponent) {
            return flci_fail(FLC_ERR_CORRUPT, "wire: group %u has a scale no encoder writes", g);
        } else {
            for (uint32_t i = 0; i < format.group; i++) {
                v[i] = flci_rotated_value(format.bits, flci_from_bf16(scale), codes[first + i]);
            }
            flci_rotate_back(v, format.group, type);
            memcpy(y + first, v, elems * sizeof *y);
        }
    }
    return FLC_OK;
}

flc_status flci_ref_decode_rotated(flc_format format, flc_type type, const uint8_t *wire,
                                   flc_type dst_type, uint32_t n, void *dst)
{
    float y[FLC_BLOCK_ELEMS];
    FLCI_TRY(decode_elems(format, type, wire, n, y));
    flci_store_elems(&flci_codec_ref, dst_type, y, n, dst);
    return FLC_OK;
}
