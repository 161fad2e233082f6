// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Planes of codes, 64 codes at a time, for the row that includes this file.
 */
#ifndef FLCI_CODEC_SIMD_PLANES_H
#define FLCI_CODEC_SIMD_PLANES_H

#include "codec/simd/simd_types.h"

INLINE void pack_plane(uint32_t width, uint32_t shift, const uint8_t *codes, uint32_t count,
                       uint8_t *plane)
{
    const uint32_t bytes = flci_plane_bytes(count, width);
    uint8_t last[64];
    uint32_t i = 0, at = 0;
    for (; i + 64 <= count; i += 64, at += 8 * width) {
        pack_64(width, shift, codes + i, plane + at);
    }
    if (at < bytes) {
        memset(last, 0, sizeof last);
        if (i < count) {
            pack_64(width, shift, codes + i, last);
        }
        memcpy(plane + at, last, bytes - at);
    }
}

INLINE void unpack_plane(uint32_t width, uint32_t shift, const uint8_t *plane, uint32_t count,
                         uint8_t *codes)
{
    uint32_t i = 0, at = 0;
    for (; i + 64 <= count; i += 64, at += 8 * width) {
        unpack_64(width, shift, plane + at, codes + i);
    }
    if (i < count) {
        uint8_t last[64] = {0};
        memcpy(last, plane + at, flci_plane_bytes(count, width) - at);
        unpack_64(width, shift, last, codes + i);
    }
}

/* The planes of a width, widest first, with the plane's width a constant: FUNCTION(width, shift,
   ...). */
#define FOR_PLANES(bits, count, planes, FUNCTION, first, second)                                   \
    for (uint32_t width_ = 8, shift_ = 0; width_ > 0; width_ /= 2) {                               \
        if (((bits)&width_) == 0) {                                                                \
            continue;                                                                              \
        }                                                                                          \
        if (width_ == 8) {                                                                         \
            FUNCTION(8, shift_, first, count, second);                                             \
        } else if (width_ == 4) {                                                                  \
            FUNCTION(4, shift_, first, count, second);                                             \
        } else if (width_ == 2) {                                                                  \
            FUNCTION(2, shift_, first, count, second);                                             \
        } else {                                                                                   \
            FUNCTION(1, shift_, first, count, second);                                             \
        }                                                                                          \
        (planes) += flci_plane_bytes(count, width_);                                               \
        shift_ += width_;                                                                          \
    }

/* Planes of `count` codes; up to 64 zeros follow the codes, to a multiple of 64. */
static void pack(const uint8_t *codes, uint32_t count, uint32_t bits, uint8_t *planes)
{
    FOR_PLANES(bits, count, planes, pack_plane, codes, planes)
}

/* Writes codes up to a multiple of 64. */
static void unpack(const uint8_t *planes, uint32_t count, uint32_t bits, uint8_t *codes)
{
    FOR_PLANES(bits, count, planes, unpack_plane, planes, codes)
}

#endif
