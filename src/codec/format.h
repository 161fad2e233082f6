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

#include "base/host_device.h"
#include "flashcomm/codec.h"

/* Offsets in bytes from the start of the block; a section that a format lacks has no bytes. */
struct flci_layout {
    uint32_t elems, groups, codes;
    uint32_t header, scales, spikes, positions, planes;
    uint32_t bytes;
};

#define FLCI_COMPACT_HEADER_BYTES 16

/* Up to here codes are few, and the rules differ (codec_core.h, codec_rotated.h): zero and level
   fit 8 bits and the reciprocal is a bf16, so that packed 16-bit arithmetic gives the same
   integers; above, the zero has 16 bits and the reciprocal 24. */
#define FLCI_NARROW_BITS 4

/* No block of any format is larger: that is raw fp32 (a test walks them all). */
#define FLCI_BLOCK_MAX_BYTES (FLC_BLOCK_ELEMS * 4)

FLCI_HD uint32_t flci_align16(uint32_t bytes)
{
    return (bytes + 15u) & ~15u;
}

/* Bytes of one plane of `count` codes, `width` bits each: 32-bit words, padded to 16 bytes. */
FLCI_HD uint32_t flci_plane_bytes(uint32_t count, uint32_t width)
{
    return flci_align16((count * width + 31u) / 32u * 4u);
}

/* Bytes of all planes of `count` codes of `bits` bits. */
FLCI_HD uint32_t flci_planes_bytes(uint32_t count, uint32_t bits)
{
    uint32_t bytes = 0;
    for (uint32_t width = 8; width > 0; width /= 2) {
        bytes += (bits & width) != 0 ? flci_plane_bytes(count, width) : 0;
    }
    return bytes;
}

/* Bits of a packed position inside a group, a power of two. */
FLCI_HD uint32_t flci_position_bits(uint32_t group)
{
#if defined(__CUDA_ARCH__)
    return (uint32_t)__ffs((int)group) - 1u;
#else
    return (uint32_t)__builtin_ctz(group);
#endif
}

/* Layout of a block of `elems` elements (1 to FLC_BLOCK_ELEMS); the format is valid, not raw. */
FLCI_HD struct flci_layout flci_layout_of(flc_format format, uint32_t elems)
{
    const int is_compact = format.metadata == FLC_COMPACT;
    const uint32_t scale_bytes =
        (is_compact ? 1u : 2u) * (format.scheme == FLC_ASYMMETRIC ? 2u : 1u);
    struct flci_layout layout;
    layout.elems = elems;
    layout.groups = (elems + format.group - 1u) / format.group;
    /* A turned group is whole, its tail padded with zeros before the turn. */
    layout.codes = format.scheme == FLC_ROTATED ? layout.groups * format.group : elems;
    layout.header = 0;
    layout.scales = is_compact ? FLCI_COMPACT_HEADER_BYTES : 0;
    layout.spikes = layout.scales + flci_align16(layout.groups * scale_bytes);
    layout.positions = layout.spikes;
    layout.planes = layout.spikes;
    if (format.spikes) {
        layout.positions += flci_align16(layout.groups * 4);
        layout.planes =
            layout.positions +
            flci_planes_bytes(2 * layout.groups, is_compact ? flci_position_bits(format.group) : 8);
    }
    layout.bytes = layout.planes + flci_planes_bytes(layout.codes, format.bits);
    return layout;
}

/* Elements of a group of a block of `elems`: the last one may be short. */
FLCI_HD uint32_t flci_group_elems(flc_format format, uint32_t elems, uint32_t group)
{
    const uint32_t left = elems - group * format.group;
    return left < format.group ? left : format.group;
}

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a block of `elems` elements (0 to FLC_BLOCK_ELEMS) in any valid format. */
uint32_t flci_block_bytes(flc_format format, flc_type type, uint32_t elems);

flc_status flci_type_check(flc_type type);

#ifdef __cplusplus
}
#endif

#endif
