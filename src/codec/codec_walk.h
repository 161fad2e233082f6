// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the files of rows share: fields and planes of the wire, read and written one code at a time,
 * and the walks over blocks. Multi-byte fields are little-endian, whatever the host.
 */
#ifndef FLCI_CODEC_CODEC_WALK_H
#define FLCI_CODEC_CODEC_WALK_H

#include <string.h>

#include "codec/codec_core.h"
#include "codec/codec_rows.h"

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

/* ---- Blocks ---- */

/*
 * What a row does for every element of asymmetric and symmetric formats; the walk over a block and
 * its metadata are the same in all rows. Arrays of codes have room for FLCI_CODES_SLACK bytes
 * behind the last, which these functions may write and need not keep zero.
 */
struct flci_even_ops {
    /* As flci_range_of, but that the sign of a zero in low and high does not matter. */
    struct flci_range (*range_of)(const float *x, uint32_t n, int spikes);
    void (*quantize)(const struct flci_quantizer *quantizer, const float *x, uint32_t n,
                     uint8_t *codes);
    /* Planes of `count` codes; every byte of theirs is written. */
    void (*pack)(const uint8_t *codes, uint32_t count, uint32_t bits, uint8_t *planes);
    void (*unpack)(const uint8_t *planes, uint32_t count, uint32_t bits, uint8_t *codes);
    void (*dequantize)(int bits, float scale, int zero, const uint8_t *codes, uint32_t n, float *y);
};

#define FLCI_CODES_SLACK 64

void flci_encode_even(const struct flci_codec_row *row, flc_format format, flc_type type,
                      const float *x, uint32_t n, uint8_t *wire, flc_stats *stats);
flc_status flci_decode_even(const struct flci_codec_row *row, flc_format format, flc_type type,
                            const uint8_t *wire, uint32_t n, float *y);

/* The base exponent of a block, 0 where it has none; CORRUPT for a header no encoder writes. */
flc_status flci_check_header(flc_format format, const uint8_t *wire, int *base_exponent);

/* What a row does for every coefficient of rotated formats; planes are packed as above. */
struct flci_rotated_ops {
    /* flci_rotate, or 0 for a group that is not finite, whose v is then unspecified. */
    int (*rotate)(const float *x, uint32_t n, uint32_t group, float *v);
    float (*largest)(const float *v, uint32_t group);
    int32_t (*error)(int bits, const float *v, uint32_t group, float inverse);
    void (*quantize)(int bits, const float *v, uint32_t group, float inverse, uint8_t *codes);
    /* The levels of a group, and flci_rotate_back. */
    void (*dequantize)(int bits, float scale, const uint8_t *codes, uint32_t group, flc_type type,
                       float *v);
};

void flci_encode_rotated(const struct flci_codec_row *row, flc_format format, const float *x,
                         uint32_t n, uint8_t *wire, flc_stats *stats);
flc_status flci_decode_rotated(const struct flci_codec_row *row, flc_format format, flc_type type,
                               const uint8_t *wire, uint32_t n, float *y);

#endif
