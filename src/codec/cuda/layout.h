// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Where the sections of a full block are, computed once by the host for all of a kernel.
 */
#ifndef FLCI_CODEC_CUDA_LAYOUT_H
#define FLCI_CODEC_CUDA_LAYOUT_H

#include "codec/format.h"

/* What is known of a format when a kernel is compiled: the more, the less code it has. */
enum flcd_kind { FLCD_KIND_ANY, FLCD_KIND_RAW, FLCD_KIND_EVEN, FLCD_KIND_ROTATED };

struct flcd_layout {
    flc_format format;
    uint32_t scales, spikes, positions, planes;
    uint32_t stride; /* from block to block in staging memory: whole lines */
};

static inline struct flcd_layout flcd_layout_of(flc_format format, flc_type type)
{
    const uint32_t bytes = flci_block_bytes(format, type, FLC_BLOCK_ELEMS);
    struct flcd_layout layout = {format, 0, 0, 0, 0, (bytes + 127u) / 128u * 128u};
    if (format.bits != 0) {
        const struct flci_layout full = flci_layout_of(format, FLC_BLOCK_ELEMS);
        layout.scales = full.scales;
        layout.spikes = full.spikes;
        layout.positions = full.positions;
        layout.planes = full.planes;
    }
    return layout;
}

/* The same for blocks in staging memory that the fast path alone reads: the planes begin with a
   line of their own, since on a link a part of a line costs as much as a whole one. */
static inline struct flcd_layout flcd_staging_layout_of(flc_format format, flc_type type)
{
    struct flcd_layout layout = flcd_layout_of(format, type);
    const uint32_t planes = (layout.planes + 127u) / 128u * 128u;
    layout.stride += planes - layout.planes;
    layout.stride = (layout.stride + 127u) / 128u * 128u;
    layout.planes = planes;
    return layout;
}

#endif
