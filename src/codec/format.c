// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Formats: what is valid, and the size of everything. Their text is in format_text.c.
 */
#include "codec/format.h"

#include <string.h>

#include "base/error.h"

size_t flc_type_bytes(flc_type type)
{
    return type == FLC_FLOAT32 ? 4 : type == FLC_FLOAT16 || type == FLC_BFLOAT16 ? 2 : 0;
}

const char *flc_type_name(flc_type type)
{
    switch (type) {
    case FLC_FLOAT32:
        return "fp32";
    case FLC_FLOAT16:
        return "fp16";
    case FLC_BFLOAT16:
        return "bf16";
    default:
        return "unknown";
    }
}

flc_status flci_type_check(flc_type type)
{
    if (flc_type_bytes(type) == 0) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "type is %d: allowed are FLC_FLOAT32, FLC_FLOAT16 and FLC_BFLOAT16",
                         (int)type);
    }
    return FLC_OK;
}

static flc_status check_rotated(flc_format format)
{
    const int is_rotated = format.scheme == FLC_ROTATED;
    if (is_rotated && (format.spikes != 0 || format.metadata != FLC_COMPACT)) {
        return flci_fail(
            FLC_ERR_INVALID_ARG,
            "format.scheme is FLC_ROTATED, but format.spikes is %u and format.metadata "
            "%u: allowed are 0 and FLC_COMPACT",
            format.spikes, format.metadata);
    }
    if (format.search != 0 && (!is_rotated || format.bits > FLCI_NARROW_BITS)) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "format.search is 1: allowed only with FLC_ROTATED and 1 to %d bits",
                         FLCI_NARROW_BITS);
    }
    return FLC_OK;
}

flc_status flc_format_check(flc_format format)
{
    static const uint8_t zeros[sizeof format.reserved] = {0};
    const unsigned group = format.group;
    if (memcmp(format.reserved, zeros, sizeof zeros) != 0) {
        return flci_fail(FLC_ERR_INVALID_ARG, "format.reserved is not zero");
    }
    if (format.bits == 0) {
        if (format.scheme != 0 || format.spikes != 0 || format.metadata != 0 || group != 0 ||
            format.search != 0) {
            return flci_fail(FLC_ERR_INVALID_ARG,
                             "format.bits is 0 (raw), but another field is not 0");
        }
        return FLC_OK;
    }
    if (format.bits > 8) {
        return flci_fail(FLC_ERR_INVALID_ARG, "format.bits is %u: allowed are 0 (raw) to 8",
                         format.bits);
    }
    if (group < 16 || group > 256 || (group & (group - 1)) != 0) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "format.group is %u: allowed are 16, 32, 64, 128 and 256", group);
    }
    if (format.scheme > FLC_ROTATED) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "format.scheme is %u: allowed are FLC_ASYMMETRIC, FLC_SYMMETRIC and "
                         "FLC_ROTATED",
                         format.scheme);
    }
    if (format.metadata > FLC_COMPACT) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "format.metadata is %u: allowed are FLC_WIDE and FLC_COMPACT",
                         format.metadata);
    }
    if (format.spikes > 1) {
        return flci_fail(FLC_ERR_INVALID_ARG, "format.spikes is %u: allowed are 0 and 1",
                         format.spikes);
    }
    if (format.search > 1) {
        return flci_fail(FLC_ERR_INVALID_ARG, "format.search is %u: allowed are 0 and 1",
                         format.search);
    }
    return check_rotated(format);
}

uint32_t flci_block_bytes(flc_format format, flc_type type, uint32_t elems)
{
    if (elems == 0) {
        return 0;
    }
    return format.bits == 0 ? elems * (uint32_t)flc_type_bytes(type)
                            : flci_layout_of(format, elems).bytes;
}

flc_status flc_format_wire_bytes(flc_format format, flc_type type, size_t count, size_t *wire_bytes)
{
    const size_t blocks = count / FLC_BLOCK_ELEMS;
    size_t bytes;
    FLCI_TRY(flc_format_check(format));
    FLCI_TRY(flci_type_check(type));
    if (wire_bytes == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "wire_bytes is NULL");
    }
    if (__builtin_mul_overflow(blocks, flci_block_bytes(format, type, FLC_BLOCK_ELEMS), &bytes) ||
        __builtin_add_overflow(bytes, flci_block_bytes(format, type, count % FLC_BLOCK_ELEMS),
                               &bytes)) {
        return flci_fail(FLC_ERR_INVALID_ARG, "count is %zu: its encoded size overflows", count);
    }
    *wire_bytes = bytes;
    return FLC_OK;
}
