// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Which formats have a codec of units, the fast path of kernels, and which one: for the host.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_FORMATS_H
#define FLCI_CODEC_CUDA_UNIT_FORMATS_H

#include "codec/format.h"

/* The codecs, each of any width; raw elements have one of their own. */
enum flcd_codec {
    FLCD_NO_CODEC,
    FLCD_EVEN,
    FLCD_EVEN_COMMON,
    FLCD_SPIKED,
    FLCD_SPIKED_COMMON,
    FLCD_ROTATED,
    FLCD_ROTATED_COMMON,
    FLCD_CODECS
};

/* As flcd_rotated's COMMON: the presets' groups. */
static inline int flcd_is_common_rotated(flc_format format)
{
    const int is_searched = format.bits <= 3;
    return format.group == (is_searched ? 32 : 64) && format.search == is_searched;
}

/* The codecs' COMMON cases are compiled for one group; groups smaller than a quad's piece, and
   spikes with compact metadata, have no codec of units. */
static inline enum flcd_codec flcd_codec_of(flc_format format)
{
    const int is_common =
        format.scheme == FLC_ASYMMETRIC && format.metadata == FLC_WIDE && format.group == 128;
    if (format.bits == 0 || format.group < 32) {
        return FLCD_NO_CODEC;
    }
    if (format.scheme == FLC_ROTATED) {
        return flcd_is_common_rotated(format) ? FLCD_ROTATED_COMMON : FLCD_ROTATED;
    }
    if (format.spikes) {
        return is_common                        ? FLCD_SPIKED_COMMON
               : format.metadata == FLC_COMPACT ? FLCD_NO_CODEC
                                                : FLCD_SPIKED;
    }
    return is_common ? FLCD_EVEN_COMMON : FLCD_EVEN;
}

#endif
