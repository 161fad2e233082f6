// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The table of rows, and what all rows share: raw blocks and element conversion.
 */
#include "codec/codec_rows.h"

#include <string.h>

#include "base/error.h"
#include "base/param.h"
#include "codec/codec_core.h"

static const struct flci_codec_row *const rows[] = {&flci_codec_ref};

#define ROWS (sizeof rows / sizeof rows[0])

const struct flci_codec_row *flci_codec_row_at(size_t index)
{
    return index < ROWS ? rows[index] : NULL;
}

flc_status flci_codec_row_choose(const struct flci_codec_row **row)
{
    const char *wanted = flci_param_text(FLCI_PARAM_CPU);
    for (size_t i = ROWS; i-- > 0;) {
        if (strcmp(wanted, "auto") == 0 || strcmp(wanted, rows[i]->name) == 0) {
            *row = rows[i];
            return FLC_OK;
        }
    }
    return flci_fail(FLC_ERR_INVALID_ARG,
                     "FLC_CPU is '%s': allowed are auto and the codec rows of `flashcomm info`",
                     wanted);
}

void flci_load_elems(flc_type type, const void *src, uint32_t n, float *x)
{
    const uint16_t *halves = src;
    switch (type) {
    case FLC_FLOAT32:
        memcpy(x, src, n * sizeof *x);
        break;
    case FLC_FLOAT16:
        for (uint32_t i = 0; i < n; i++) {
            x[i] = flci_from_fp16(halves[i]);
        }
        break;
    default:
        for (uint32_t i = 0; i < n; i++) {
            x[i] = flci_from_bf16(halves[i]);
        }
    }
}

void flci_store_elems(flc_type type, const float *x, uint32_t n, void *dst)
{
    uint32_t *words = dst;
    uint16_t *halves = dst;
    switch (type) {
    case FLC_FLOAT32:
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t u = flci_bits_of(x[i]);
            words[i] = (u & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : u;
        }
        break;
    case FLC_FLOAT16:
        for (uint32_t i = 0; i < n; i++) {
            halves[i] = flci_to_fp16(x[i]);
        }
        break;
    default:
        for (uint32_t i = 0; i < n; i++) {
            halves[i] = flci_to_bf16(x[i]);
        }
    }
}

void flci_encode_block(const struct flci_codec_row *row, flc_format format, flc_type type,
                       const float *x, uint32_t n, uint8_t *wire, flc_stats *stats)
{
    if (format.bits == 0) {
        flci_store_elems(type, x, n, wire);
    } else {
        row->encode_block(format, type, x, n, wire, stats);
    }
}

flc_status flci_decode_block(const struct flci_codec_row *row, flc_format format, flc_type type,
                             const uint8_t *wire, uint32_t n, float *y)
{
    if (format.bits == 0) {
        flci_load_elems(type, wire, n, y);
        return FLC_OK;
    }
    return row->decode_block(format, type, wire, n, y);
}
