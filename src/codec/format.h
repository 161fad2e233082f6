// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * All wire arithmetic: where the sections of a block lie and how many bytes they take.
 * docs/format.md draws the same picture.
 *
 *   block of n elements, G = ceil(n / group) groups; every section starts 16-byte aligned
 *   +-----------+--------+-----------+--------------+-----------+-----+-----------+
 *   | header    | scales | spikes    | positions    | plane     | ..  | plane     |
 *   | (compact) | [G]    | [G][2]    | [G][2]       | widest    |     | narrowest |
 *   +-----------+--------+-----------+--------------+-----------+-----+-----------+
 */
#ifndef FLCI_CODEC_FORMAT_H
#define FLCI_CODEC_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/codec.h"

/* Offsets in bytes from the start of the block; a section that a format lacks has no bytes. */
struct flci_layout {
    uint32_t elems, groups, codes;
    uint32_t header, scales, spikes, positions, planes;
    uint32_t bytes;
};

#define FLCI_COMPACT_HEADER_BYTES 16

/* Up to here codes are few, and the rules differ (codec_core.h, codec_rotated.h). */
#define FLCI_NARROW_BITS 4

/* No block of any format is larger: that is raw fp32 (a test walks them all). */
#define FLCI_BLOCK_MAX_BYTES (FLC_BLOCK_ELEMS * 4)

static inline uint32_t flci_align16(uint32_t bytes)
{
    return (bytes + 15u) & ~15u;
}

/* Bytes of one plane of `count` codes, `width` bits each: 32-bit words, padded to 16 bytes. */
static inline uint32_t flci_plane_bytes(uint32_t count, uint32_t width)
{
    return flci_align16((count * width + 31u) / 32u * 4u);
}

/* Bytes of all planes of `count` codes of `bits` bits. */
uint32_t flci_planes_bytes(uint32_t count, uint32_t bits);

/* Bits of a packed position inside a group. */
static inline uint32_t flci_position_bits(uint32_t group)
{
    return (uint32_t)__builtin_ctz(group);
}

/* Layout of a block of `elems` elements (1 to FLC_BLOCK_ELEMS); the format is valid, not raw. */
struct flci_layout flci_layout_of(flc_format format, uint32_t elems);

/* Bytes of a block of `elems` elements (0 to FLC_BLOCK_ELEMS) in any valid format. */
uint32_t flci_block_bytes(flc_format format, flc_type type, uint32_t elems);

flc_status flci_type_check(flc_type type);

#endif
