// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Which formats the codecs of units know (unit_even.cuh, unit_spiked.cuh), for hosts that choose a
 * kernel. Other formats, and short blocks of all, go through block_any.cuh.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_FORMATS_H
#define FLCI_CODEC_CUDA_UNIT_FORMATS_H

#include "codec/format.h"

/* Groups smaller than a quad's piece have none, nor spikes with compact metadata. */
static inline int flcd_has_unit_codec(flc_format format)
{
    return format.bits != 0 && format.scheme != FLC_ROTATED && format.group >= 32 &&
           !(format.spikes && format.metadata == FLC_COMPACT);
}

/* What the codecs' COMMON is compiled for. */
static inline int flcd_is_common_format(flc_format format)
{
    return format.scheme == FLC_ASYMMETRIC && format.metadata == FLC_WIDE && format.group == 128;
}

#endif
