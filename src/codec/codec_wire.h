// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the files of rows share: fields and planes of the wire, read and written one code at a time.
 * Multi-byte fields are little-endian, whatever the host.
 */
#ifndef FLCI_CODEC_CODEC_WIRE_H
#define FLCI_CODEC_CODEC_WIRE_H

#include <string.h>

#include "codec/codec_core.h"

#define FLCI_MAX_GROUPS (FLC_BLOCK_ELEMS / 16)

FLCI_HD void flci_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value & 0xffu);
    at[1] = (uint8_t)(value >> 8 & 0xffu);
}

FLCI_HD uint16_t flci_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | (unsigned)at[1] << 8);
}

FLCI_HD int flci_sign_extend16(uint16_t value)
{
    return value < 0x8000u ? (int)value : (int)value - 0x10000;
}

/* ---- Scales ---- */

/* Stored scale and zero of one group: 1 or 2 bytes each, the zero missing in symmetric formats. */
FLCI_HD void flci_put_scale(flc_format format, uint8_t *scales, uint32_t group, uint32_t scale,
                            int zero)
{
    const int is_symmetric = format.scheme == FLC_SYMMETRIC;
    if (format.metadata == FLC_WIDE) {
        uint8_t *at = scales + (is_symmetric ? 2 : 4) * (size_t)group;
        flci_put16(at, scale);
        if (!is_symmetric) {
            flci_put16(at + 2, (uint32_t)zero & 0xffffu);
        }
    } else {
        uint8_t *at = scales + (is_symmetric ? 1 : 2) * (size_t)group;
        at[0] = (uint8_t)scale;
        if (!is_symmetric) {
            at[1] = (uint8_t)(format.bits <= FLCI_NARROW_BITS ? zero : -zero);
        }
    }
}

/* Scale pattern of a group, 0 if no encoder writes it, and its zero. */
FLCI_HD uint16_t flci_get_scale(flc_format format, const uint8_t *scales, uint32_t group,
                                int base_exponent, int *zero)
{
    const int is_symmetric = format.scheme == FLC_SYMMETRIC;
    uint16_t scale;
    *zero = is_symmetric && format.bits > 1 ? -(1 << (format.bits - 1)) : 0;
    if (format.metadata == FLC_WIDE) {
        const uint8_t *at = scales + (is_symmetric ? 2 : 4) * (size_t)group;
        scale = flci_get16(at);
        if (!is_symmetric) {
            *zero = flci_sign_extend16(flci_get16(at + 2));
        }
        /* A normal number or the NaN mark. */
        return scale == FLCI_SCALE_NAN || (scale >= 0x0080u && scale < 0x7f80u) ? scale : 0;
    }
    scales += (is_symmetric ? 1 : 2) * (size_t)group;
    if (!is_symmetric) {
        *zero = format.bits > FLCI_NARROW_BITS ? -(int)scales[1]
                : scales[1] < 128              ? (int)scales[1]
                                               : (int)scales[1] - 256;
    }
    return flci_scale_from_compact(scales[0], base_exponent);
}

/* ---- Planes ---- */

/* Code i of a plane lies in 32-bit word i / per; even codes fill the low half of the word from its
   lowest bit, odd codes the high half: two neighbours in the two halves of a register pack with
   one multiply-add. A plane of bytes is a plain array. */
FLCI_HD uint32_t flci_bit_in_plane(uint32_t i, uint32_t width)
{
    const uint32_t per = 32 / width;
    const uint32_t in_word = i % per;
    if (width == 8) {
        return 8 * i;
    }
    return 32 * (i / per) + width * (in_word / 2) + 16 * (in_word % 2);
}

/* The widest plane holds the lowest bits of each code. `planes` is zero before. */
FLCI_HD void flci_pack_planes(const uint8_t *codes, uint32_t count, uint32_t bits, uint8_t *planes)
{
    uint32_t shift = 0;
    for (uint32_t width = 8; width > 0; width /= 2) {
        if ((bits & width) == 0) {
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t bit = flci_bit_in_plane(i, width);
            const uint32_t part = (uint32_t)codes[i] >> shift & ((1u << width) - 1u);
            planes[bit / 8] = (uint8_t)(planes[bit / 8] | part << bit % 8);
        }
        planes += flci_plane_bytes(count, width);
        shift += width;
    }
}

/* Code i of planes of `count` codes. */
FLCI_HD uint8_t flci_code_in_planes(const uint8_t *planes, uint32_t count, uint32_t bits,
                                    uint32_t i)
{
    uint32_t code = 0, shift = 0;
    for (uint32_t width = 8; width > 0; width /= 2) {
        if ((bits & width) != 0) {
            const uint32_t bit = flci_bit_in_plane(i, width);
            code |= ((uint32_t)planes[bit / 8] >> bit % 8 & ((1u << width) - 1u)) << shift;
            planes += flci_plane_bytes(count, width);
            shift += width;
        }
    }
    return (uint8_t)code;
}

FLCI_HD void flci_unpack_planes(const uint8_t *planes, uint32_t count, uint32_t bits,
                                uint8_t *codes)
{
    for (uint32_t i = 0; i < count; i++) {
        codes[i] = flci_code_in_planes(planes, count, bits, i);
    }
}

/* Bytes that may be written behind the last of an array of codes. */
#define FLCI_CODES_SLACK 64

#ifdef __cplusplus
extern "C" {
#endif

/* The base exponent of a block, left alone where it has none; CORRUPT for a header no encoder
 * writes. */
flc_status flci_check_header(flc_format format, const uint8_t *wire, int *base_exponent);

#ifdef __cplusplus
}
#endif

#endif
