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

static inline void flci_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value & 0xffu);
    at[1] = (uint8_t)(value >> 8 & 0xffu);
}

static inline uint16_t flci_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | (unsigned)at[1] << 8);
}

static inline int flci_sign_extend16(uint16_t value)
{
    return value < 0x8000u ? (int)value : (int)value - 0x10000;
}

/* ---- Planes ---- */

/* Code i of a plane lies in 32-bit word i / per; even codes fill the low half of the word from its
   lowest bit, odd codes the high half: two neighbours in the two halves of a register pack with
   one multiply-add. A plane of bytes is a plain array. */
static inline uint32_t flci_bit_in_plane(uint32_t i, uint32_t width)
{
    const uint32_t per = 32 / width;
    const uint32_t in_word = i % per;
    if (width == 8) {
        return 8 * i;
    }
    return 32 * (i / per) + width * (in_word / 2) + 16 * (in_word % 2);
}

/* The widest plane holds the lowest bits of each code. `planes` is zero before. */
static inline void flci_pack_planes(const uint8_t *codes, uint32_t count, uint32_t bits,
                                    uint8_t *planes)
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

static inline void flci_unpack_planes(const uint8_t *planes, uint32_t count, uint32_t bits,
                                      uint8_t *codes)
{
    uint32_t shift = 0;
    memset(codes, 0, count);
    for (uint32_t width = 8; width > 0; width /= 2) {
        if ((bits & width) == 0) {
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t bit = flci_bit_in_plane(i, width);
            const uint32_t part = (uint32_t)planes[bit / 8] >> bit % 8 & ((1u << width) - 1u);
            codes[i] = (uint8_t)(codes[i] | part << shift);
        }
        planes += flci_plane_bytes(count, width);
        shift += width;
    }
}

/* Bytes that may be written behind the last of an array of codes. */
#define FLCI_CODES_SLACK 64

/* The base exponent of a block, left alone where it has none; CORRUPT for a header no encoder
 * writes. */
flc_status flci_check_header(flc_format format, const uint8_t *wire, int *base_exponent);

#endif
