// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Public encode and decode: check arguments, then block by block through the row in use.
 */
#include "flashcomm/codec.h"

#include <string.h>

#include "base/error.h"
#include "base/fpenv.h"
#include "codec/codec_rows.h"

/* What encode and decode check alike. `elems` is the caller's name for the elements. */
static flc_status check_buffers(flc_format format, flc_type type, const char *elems_name,
                                const void *elems, size_t count, const void *wire,
                                size_t wire_bytes, flc_status size_error)
{
    size_t expected = 0;
    uintptr_t elems_at = (uintptr_t)elems, wire_at = (uintptr_t)wire;
    FLCI_TRY(flc_format_wire_bytes(format, type, count, &expected));
    if (wire_bytes != expected) {
        return flci_fail(size_error, "wire_bytes is %zu: %zu elements take %zu", wire_bytes, count,
                         expected);
    }
    if (count == 0) {
        return FLC_OK;
    }
    if (elems == NULL || wire == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is NULL", elems == NULL ? elems_name : "wire");
    }
    if (elems_at % flc_type_bytes(type) != 0) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is %p: not aligned to an element of %s",
                         elems_name, elems, flc_type_name(type));
    }
    if (elems_at < wire_at + wire_bytes && wire_at < elems_at + count * flc_type_bytes(type)) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s and wire overlap", elems_name);
    }
    return FLC_OK;
}

flc_status flc_encode(flc_format format, flc_type type, const void *src, size_t count, void *wire,
                      size_t wire_bytes, flc_stats *stats)
{
    const size_t size = flc_type_bytes(type);
    const struct flci_codec_row *row;
    flc_stats counted = {0};
    uint8_t *out = wire;
    flci_fpenv saved;
    FLCI_TRY(check_buffers(format, type, "src", src, count, wire, wire_bytes, FLC_ERR_INVALID_ARG));
    FLCI_TRY(flci_codec_row_choose(&row));
    if (format.bits == 0) {
        if (count > 0) {
            memcpy(wire, src, wire_bytes);
        }
        return FLC_OK;
    }
    saved = flci_fpenv_enter();
    for (size_t at = 0; at < count; at += FLC_BLOCK_ELEMS) {
        const size_t left = count - at;
        const uint32_t n = (uint32_t)(left < FLC_BLOCK_ELEMS ? left : FLC_BLOCK_ELEMS);
        flci_encode_block(row, format, type, type, (const uint8_t *)src + at * size, n, out,
                          &counted);
        out += flci_block_bytes(format, type, n);
    }
    flci_fpenv_leave(saved);
    if (stats != NULL) {
        stats->groups += counted.groups;
        stats->nonfinite_groups += counted.nonfinite_groups;
    }
    return FLC_OK;
}

flc_status flc_decode(flc_format format, flc_type type, const void *wire, size_t wire_bytes,
                      void *dst, size_t count)
{
    const size_t size = flc_type_bytes(type);
    const struct flci_codec_row *row;
    const uint8_t *in = wire;
    flc_status status = FLC_OK;
    flci_fpenv saved;
    FLCI_TRY(check_buffers(format, type, "dst", dst, count, wire, wire_bytes, FLC_ERR_CORRUPT));
    FLCI_TRY(flci_codec_row_choose(&row));
    if (format.bits == 0) {
        if (count > 0) {
            memcpy(dst, wire, wire_bytes);
        }
        return FLC_OK;
    }
    saved = flci_fpenv_enter();
    for (size_t at = 0; at < count && status == FLC_OK; at += FLC_BLOCK_ELEMS) {
        const size_t left = count - at;
        const uint32_t n = (uint32_t)(left < FLC_BLOCK_ELEMS ? left : FLC_BLOCK_ELEMS);
        status = flci_decode_block(row, format, type, in, type, n, (uint8_t *)dst + at * size);
        in += flci_block_bytes(format, type, n);
    }
    flci_fpenv_leave(saved);
    return status;
}
