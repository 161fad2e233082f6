// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The walk over a block of a rotated format, the same in every row: a header, a byte of scale for
 * each group, and the planes of the codes of whole groups. What is done for every coefficient a row
 * brings along (struct flci_rotated_ops).
 */
#include "base/error.h"
#include "codec/codec_rotated.h"
#include "codec/codec_walk.h"

void flci_encode_rotated(const struct flci_codec_row *row, flc_format format, const float *x,
                         uint32_t n, uint8_t *wire, flc_stats *stats)
{
    const struct flci_rotated_ops *ops = row->rotated;
    const struct flci_layout layout = flci_layout_of(format, n);
    const uint32_t group = format.group;
    float v[FLC_BLOCK_ELEMS], largest[FLCI_MAX_GROUPS], target = FLCI_SCALE_MIN;
    uint8_t codes[FLC_BLOCK_ELEMS + FLCI_CODES_SLACK] = {0}, *scales = wire + layout.scales;
    int base_exponent;
    memset(wire, 0, layout.planes);
    for (uint32_t g = 0; g < layout.groups; g++) {
        const uint32_t first = g * group;
        largest[g] = -1.0f;
        if (ops->rotate(x + first, n - first < group ? n - first : group, group, v + first)) {
            float own;
            largest[g] = ops->largest(v + first, group);
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
        scales[g] =
            flci_rotated_scale(format, v + g * group, largest[g], base_exponent, ops->error);
        if (scales[g] == 0) {
            continue;
        }
        inverse = 1.0f / flci_from_bf16(flci_scale_from_compact(scales[g], base_exponent));
        ops->quantize(format.bits, v + g * group, group, inverse, codes + g * group);
    }
    stats->groups += layout.groups;
    row->even->pack(codes, layout.codes, format.bits, wire + layout.planes);
}

flc_status flci_decode_rotated(const struct flci_codec_row *row, flc_format format, flc_type type,
                               const uint8_t *wire, uint32_t n, float *y)
{
    const struct flci_rotated_ops *ops = row->rotated;
    const struct flci_layout layout = flci_layout_of(format, n);
    const int largest_exponent = flci_rotated_largest_exponent(format.group);
    uint8_t codes[FLC_BLOCK_ELEMS + FLCI_CODES_SLACK];
    float v[256];
    int base_exponent;
    FLCI_TRY(flci_check_header(format, wire, &base_exponent));
    row->even->unpack(wire + layout.planes, layout.codes, format.bits, codes);
    for (uint32_t g = 0; g < layout.groups; g++) {
        const uint32_t first = g * format.group;
        const uint32_t elems = n - first < format.group ? n - first : format.group;
        const uint8_t stored = wire[layout.scales + g];
        const uint16_t scale = flci_scale_from_compact(stored, base_exponent);
        if (stored == 0 || stored == FLCI_SCALE_CODE_NAN) {
            for (uint32_t i = 0; i < elems; i++) {
                y[first + i] = stored == 0 ? 0.0f : flci_float_of(0x7fc00000u);
            }
        } else if (scale == 0 || base_exponent + stored / 8 > largest_exponent) {
            return flci_fail(FLC_ERR_CORRUPT, "wire: group %u has a scale no encoder writes", g);
        } else {
            ops->dequantize(format.bits, flci_from_bf16(scale), codes + first, format.group, type,
                            v);
            memcpy(y + first, v, elems * sizeof *y);
        }
    }
    return FLC_OK;
}
