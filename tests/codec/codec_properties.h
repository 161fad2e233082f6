// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What must hold for any elements, their wire and what it decodes to: the promises of
 * docs/format.md and docs/numerics.md, checked without the codec's own rules.
 */
#ifndef CODEC_PROPERTIES_H
#define CODEC_PROPERTIES_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/codec.h"

/* Largest error / bound seen so far: by width, scheme, metadata and type; and of spikes by type. */
struct tightness {
    double codes[9][3][2][3];
    double spikes[3];
};

/*
 * Check elements x [count] against what they decoded to, y [count], both of `type` and widened to
 * float32, and against the counters of their encoding; the format is not raw. Returns NULL, or
 * what is wrong, with *at an element of the group.
 */
const char *properties_of_decoded(flc_format format, flc_type type, const float *x, const float *y,
                                  size_t count, const flc_stats *stats, size_t *at,
                                  struct tightness *seen);

/* Set the bits of mask [wire bytes] that carry something; padding stays 0. Not raw. */
void properties_mask_used(flc_format format, size_t count, uint8_t *mask);

#endif
