// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A walk over every format but raw, for tests that claim something about all of them.
 */
#ifndef ALL_FORMATS_H
#define ALL_FORMATS_H

#include "flashcomm/codec.h"

/* 8 widths, 5 groups, 2 schemes, with and without spikes, 2 forms of metadata. */
#define ALL_FORMATS 320

#define ALL_TYPES   3 /* enum flc_type runs from 0 to 2 */

/* Format `index`, 0 to ALL_FORMATS - 1; the width changes slowest. */
static inline flc_format all_formats_at(int index)
{
    return (flc_format){
        .bits = (uint8_t)(1 + index / 40),
        .group = (uint16_t)(16u << index / 8 % 5),
        .scheme = (uint8_t)(index / 4 % 2),
        .spikes = (uint8_t)(index / 2 % 2),
        .metadata = (uint8_t)(index % 2),
    };
}

#endif
