// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Named formats. docs/accuracy.md says how they were chosen.
 */
#ifndef FLCI_CODEC_PRESETS_H
#define FLCI_CODEC_PRESETS_H

#include <stddef.h>

#include "flashcomm/codec.h"

/* As flc_preset_at; 0 past the last. */
int flci_preset(size_t index, const char **name, flc_format *format, const char **summary);

#endif
