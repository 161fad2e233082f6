// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The table of presets: the formats that docs/accuracy.md finds best for their wire bits.
 */
#include "codec/presets.h"

#include "base/error.h"

#define ROTATED(b, g, s)                                                                           \
    {                                                                                              \
        .bits = (b), .group = (g), .scheme = FLC_ROTATED, .metadata = FLC_COMPACT, .search = (s)   \
    }

static const struct preset {
    const char *name;
    flc_format format;
    const char *summary;
} presets[] = {
    {"lowest", ROTATED(2, 32, 1), "slow links, where some loss is better than waiting"},
    {"low", ROTATED(3, 32, 1), "slow links, a loss that shows"},
    {"fast", ROTATED(4, 64, 0), "fast links, a small loss"},
    {"balanced", ROTATED(5, 64, 0), "little loss on models with outliers"},
    {"safe", ROTATED(6, 64, 0), "hardly to be told from raw"},
};

int flci_preset(size_t index, const char **name, flc_format *format, const char **summary)
{
    if (index >= sizeof presets / sizeof presets[0]) {
        return 0;
    }
    if (name != NULL) {
        *name = presets[index].name;
    }
    if (format != NULL) {
        *format = presets[index].format;
    }
    if (summary != NULL) {
        *summary = presets[index].summary;
    }
    return 1;
}

flc_status flc_preset_at(size_t index, const char **name, flc_format *format, const char **summary)
{
    if (!flci_preset(index, name, format, summary)) {
        return flci_fail(FLC_ERR_INVALID_ARG, "index is %zu: there are %zu presets", index,
                         sizeof presets / sizeof presets[0]);
    }
    return FLC_OK;
}
