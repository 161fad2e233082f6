// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The table of rows, and what all rows share: raw blocks and element conversion.
 */
#include "codec/codec_rows.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/param.h"
#include "codec/codec_wire.h"

static const struct flci_codec_row *const rows[] = {
    &flci_codec_ref,
#if FLCI_HAS_NEON
    &flci_codec_neon,
#endif
#if FLCI_HAS_X86
    &flci_codec_avx2,
    &flci_codec_avx512,
#endif
};

#define ROWS (sizeof rows / sizeof rows[0])

const struct flci_codec_row *flci_codec_row_at(size_t index)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i]->is_supported() && index-- == 0) {
            return rows[i];
        }
    }
    return NULL;
}

static flc_status refuse(const char *wanted)
{
    char names[128] = "auto";
    const struct flci_codec_row *row;
    for (size_t i = 0, length = 4; (row = flci_codec_row_at(i)) != NULL; i++) {
        length += (size_t)snprintf(names + length, sizeof names - length, ", %s", row->name);
        assert(length < sizeof names);
    }
    return flci_fail(FLC_ERR_INVALID_ARG, "FLC_CPU is '%s': allowed on this processor are %s",
                     wanted, names);
}

flc_status flci_codec_row_choose(const struct flci_codec_row **row)
{
    const char *wanted = flci_param_text(FLCI_PARAM_CPU);
    for (size_t i = ROWS; i-- > 0;) {
        if ((strcmp(wanted, "auto") == 0 || strcmp(wanted, rows[i]->name) == 0) &&
            rows[i]->is_supported()) {
            *row = rows[i];
            return FLC_OK;
        }
    }
    return refuse(wanted);
}

void flci_load_elems(const struct flci_codec_row *row, flc_type type, const void *src, uint32_t n,
                     float *x)
{
    if (type == FLC_FLOAT32) {
        memcpy(x, src, n * sizeof *x);
    } else {
        row->load_halves(type, src, n, x);
    }
}

void flci_store_elems(const struct flci_codec_row *row, flc_type type, const float *x, uint32_t n,
                      void *dst)
{
    float *floats = dst;
    if (type != FLC_FLOAT32) {
        row->store_halves(type, x, n, dst);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        floats[i] = flci_canonical(x[i]);
    }
}

flc_status flci_check_header(flc_format format, const uint8_t *wire, int *base_exponent)
{
    static const uint8_t zeros[FLCI_COMPACT_HEADER_BYTES - 2] = {0};
    if (format.metadata == FLC_WIDE) {
        return FLC_OK;
    }
    *base_exponent = flci_sign_extend16(flci_get16(wire));
    if (!flci_base_exponent_is_valid(*base_exponent) ||
        memcmp(wire + 2, zeros, sizeof zeros) != 0) {
        return flci_fail(FLC_ERR_CORRUPT, "wire: a block header no encoder writes");
    }
    return FLC_OK;
}

/* Elements of one type to another: one of the two is float32, or they are the same. */
static void convert(const struct flci_codec_row *row, flc_type src_type, const void *src,
                    flc_type dst_type, uint32_t n, void *dst)
{
    if (src_type == dst_type) {
        memcpy(dst, src, n * flc_type_bytes(src_type));
    } else if (src_type == FLC_FLOAT32) {
        flci_store_elems(row, dst_type, src, n, dst);
    } else {
        flci_load_elems(row, src_type, src, n, dst);
    }
}

void flci_encode_block(const struct flci_codec_row *row, flc_format format, flc_type type,
                       flc_type src_type, const void *src, uint32_t n, uint8_t *wire,
                       flc_stats *stats)
{
    if (format.bits == 0) {
        convert(row, src_type, src, type, n, wire);
    } else if (format.scheme == FLC_ROTATED) {
        row->encode_rotated(format, type, src_type, src, n, wire, stats);
    } else {
        row->encode_even(format, type, src_type, src, n, wire, stats);
    }
}

flc_status flci_decode_block(const struct flci_codec_row *row, flc_format format, flc_type type,
                             const uint8_t *wire, flc_type dst_type, uint32_t n, void *dst)
{
    if (format.bits == 0) {
        convert(row, type, wire, dst_type, n, dst);
        return FLC_OK;
    }
    return format.scheme == FLC_ROTATED ? row->decode_rotated(format, type, wire, dst_type, n, dst)
                                        : row->decode_even(format, type, wire, dst_type, n, dst);
}
