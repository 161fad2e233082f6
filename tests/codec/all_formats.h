// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A walk over every format but raw, for tests that claim something about all of them.
 */
#ifndef ALL_FORMATS_H
#define ALL_FORMATS_H

#include "flashcomm/codec.h"

/* 8 widths, 5 groups, 2 schemes, with and without spikes, 2 forms of metadata; then the rotated
   formats: 8 widths and 5 groups, and with search 4 widths and 5 groups. */
#define EVEN_FORMATS 320
#define ALL_FORMATS  (EVEN_FORMATS + 40 + 20)

#define ALL_TYPES    3 /* enum flc_type runs from 0 to 2 */

/* Format `index`, 0 to ALL_FORMATS - 1; the width changes slowest in each of the three parts. */
static inline flc_format all_formats_at(int index)
{
    flc_format format = {0};
    if (index < EVEN_FORMATS) {
        format.bits = (uint8_t)(1 + index / 40);
        format.group = (uint16_t)(16u << index / 8 % 5);
        format.scheme = (uint8_t)(index / 4 % 2);
        format.spikes = (uint8_t)(index / 2 % 2);
        format.metadata = (uint8_t)(index % 2);
    } else {
        const int rotated = index - EVEN_FORMATS;
        format.bits = (uint8_t)(1 + rotated % 40 / 5);
        format.group = (uint16_t)(16u << rotated % 5);
        format.scheme = FLC_ROTATED;
        format.metadata = FLC_COMPACT;
        format.search = rotated >= 40;
    }
    return format;
}

#endif
