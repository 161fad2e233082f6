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

/* Planes of `count` codes; up to 64 zeros follow the codes, to a multiple of 64. */
static void pack(const uint8_t *codes, uint32_t count, uint32_t bits, uint8_t *planes)
{
    uint32_t shift = 0;
    for (uint32_t width = 8; width > 0; width /= 2) {
        if ((bits & width) == 0) {
            continue;
        }
        switch (width) {
        case 8:
            pack_plane(8, shift, codes, count, planes);
            break;
        case 4:
            pack_plane(4, shift, codes, count, planes);
            break;
        case 2:
            pack_plane(2, shift, codes, count, planes);
            break;
        default:
            pack_plane(1, shift, codes, count, planes);
        }
        planes += flci_plane_bytes(count, width);
        shift += width;
    }
}

/* Writes codes up to a multiple of 64. */
static void unpack(const uint8_t *planes, uint32_t count, uint32_t bits, uint8_t *codes)
{
    uint32_t shift = 0;
    for (uint32_t width = 8; width > 0; width /= 2) {
        if ((bits & width) == 0) {
            continue;
        }
        switch (width) {
        case 8:
            unpack_plane(8, shift, planes, count, codes);
            break;
        case 4:
            unpack_plane(4, shift, planes, count, codes);
            break;
        case 2:
            unpack_plane(2, shift, planes, count, codes);
            break;
        default:
            unpack_plane(1, shift, planes, count, codes);
        }
        planes += flci_plane_bytes(count, width);
        shift += width;
    }
}

#endif
