// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Formats, sizes, encode and decode: the codec without ranks.
 *
 * A tensor is cut into groups of 16 to 256 elements; each group is mapped to integers of 1 to 8
 * bits by a scale and a zero of its own. Optional refinements: spikes (each group's minimum
 * and maximum travel as 16-bit floats and leave the range), compact metadata, and rotation.
 * docs/format.md defines every byte, docs/numerics.md every error bound. All functions here are
 * thread-safe, allocate nothing, and leave the caller's floating-point environment as it was; their
 * results depend on their arguments alone, and on FLC_CPU only
 * in that it must name a codec row.
 */
#ifndef FLASHCOMM_CODEC_H
#define FLASHCOMM_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Element types ---- */

typedef enum flc_type {
    FLC_FLOAT32 = 0,
    FLC_FLOAT16 = 1,
    FLC_BFLOAT16 = 2,
} flc_type;

/* Bytes of one element; 0 for an unknown type. Since 0.1. */
FLC_API size_t flc_type_bytes(flc_type type);

/* "fp32", "fp16", "bf16"; "unknown" for any other value. Static storage. Since 0.1. */
FLC_API const char *flc_type_name(flc_type type);

/* ---- Formats ---- */

typedef enum flc_scheme {
    FLC_ASYMMETRIC = 0, /* scale and integer zero: the group's own range */
    FLC_SYMMETRIC = 1,  /* scale alone: the range is centred on 0 */
    FLC_ROTATED = 2,    /* the group turned by a Hadamard matrix, which spreads outliers, then scale
                           alone; levels of a gaussian up to 4 bits; compact, without spikes */
} flc_scheme;

typedef enum flc_metadata {
    FLC_WIDE = 0,    /* bf16 scale, 16-bit zero, byte positions */
    FLC_COMPACT = 1, /* 8-bit log2 scale, 8-bit zero, packed positions */
} flc_metadata;

/*
 * Plain data, passed by value. Bytes in `reserved` are zero. Use flc_format_parse, or fill it and
 * let any function that takes it check it.
 */
typedef struct flc_format {
    uint8_t bits;     /* 1 to 8; 0 is raw: elements travel as they are, the rest is then 0 */
    uint8_t scheme;   /* enum flc_scheme */
    uint8_t spikes;   /* 1: minimum and maximum of each group travel as floats; else 0 */
    uint8_t metadata; /* enum flc_metadata */
    uint16_t group;   /* elements that share one scale: 16, 32, 64, 128 or 256 */
    uint8_t search;   /* 1: the encoder tries several scales and keeps the best; rotated formats of
                         1 to 4 bits only. The wire is read the same way */
    uint8_t reserved[9];
} flc_format;

/* Room for the longest text of one format, or of a reduce/gather pair, with its final NUL. */
#define FLC_FORMAT_TEXT_BYTES 64

/*
 * Read one format: `raw`, or `int` and the bits, then options in any order, each after a colon:
 * `g` and the group (default g128), `asym`, `sym` or `rot`, `spike`, `compact` or `wide`, `search`.
 * Or the name of a preset (flc_preset_at), which takes no options. Examples: `int4`,
 * `int5:g64:sym`, `int2:g32:spike:compact`, `int3:g32:rot:search`, `fast`.
 *
 *   text    NUL-terminated
 *   format  written on success
 *
 * Errors: INVALID_ARG; flc_last_error(NULL) says what is wrong and at which character.
 * Since 0.1.
 */
FLC_API flc_status flc_format_parse(const char *text, flc_format *format);

/*
 * Read `FORMAT`, used for both steps of a reduction, or `FORMAT/FORMAT`: the reduce step's, then
 * the gather step's, such as `int4/int8`. Errors as flc_format_parse. Since 0.1.
 */
FLC_API flc_status flc_format_parse_pair(const char *text, flc_format *reduce, flc_format *gather);

/*
 * Write the text of a format, as short as it can be: options at their default are left out.
 *
 *   text_bytes  size of `text`; FLC_FORMAT_TEXT_BYTES is always enough
 *
 * Errors: INVALID_ARG (format, text too small). Since 0.1.
 */
FLC_API flc_status flc_format_print(flc_format format, char *text, size_t text_bytes);

/*
 * Check that a format is one the library knows. Errors: INVALID_ARG, naming the field, its value
 * and what is allowed. Since 0.1.
 */
FLC_API flc_status flc_format_check(flc_format format);

/*
 * A preset: a format chosen by measured quality for its wire bits (docs/accuracy.md).
 *
 *   index    from 0, fewest wire bits first
 *   name     as flc_format_parse takes it; static storage; or NULL
 *   format   what it stands for; or NULL
 *   summary  a phrase on what it is for; static storage; or NULL
 *
 * Errors: INVALID_ARG for an index past the last. Since 0.1.
 */
FLC_API flc_status flc_preset_at(size_t index, const char **name, flc_format *format,
                                 const char **summary);

/* ---- Sizes and bounds ---- */

/* Elements of a block, the unit of the wire that can be encoded and decoded on its own. */
#define FLC_BLOCK_ELEMS 4096

/*
 * Bytes of `count` encoded elements: exact, and a function of its arguments only.
 *
 * Errors: INVALID_ARG (format, type, a count whose size overflows size_t). Since 0.1.
 */
FLC_API flc_status flc_format_wire_bytes(flc_format format, flc_type type, size_t count,
                                         size_t *wire_bytes);

/*
 * The largest |decoded - x| over the elements x of one group, for finite input.
 *
 *   type       of the decoded elements
 *   low, high  smallest and largest value of the group, in the input's units; for a format with
 *              spikes, of the group without its two spikes (without any they bound it too)
 *   block_max  largest |value| in the block; only compact metadata depends on it
 *
 * docs/numerics.md derives it. NaN when the format or the type is invalid. Spikes themselves are
 * bounded by flc_format_spike_bound. Since 0.1.
 */
FLC_API double flc_format_error_bound(flc_format format, flc_type type, double low, double high,
                                      double block_max);

/* The largest |decoded - x| of a spike of value x. Since 0.1. */
FLC_API double flc_format_spike_bound(flc_type type, double x);

/* ---- Encode and decode ---- */

/* Counters that encoding adds to; start from all zero. */
typedef struct flc_stats {
    uint64_t groups;           /* encoded */
    uint64_t nonfinite_groups; /* of these, with a NaN or an infinity: all NaN when decoded */
} flc_stats;

/*
 * Encode elements.
 *
 *   src         [count] elements of `type`, aligned to the element
 *   wire        [wire_bytes] bytes, any alignment; must not overlap `src`
 *   wire_bytes  as flc_format_wire_bytes says
 *   stats       counters to add to, or NULL
 *
 * Lossy within flc_format_error_bound, except `raw`, which copies. Every byte of `wire` is
 * written and depends on `src` alone. Errors: INVALID_ARG. Since 0.1.
 */
FLC_API flc_status flc_encode(flc_format format, flc_type type, const void *src, size_t count,
                              void *wire, size_t wire_bytes, flc_stats *stats);

/*
 * Decode elements. The input is not trusted: whatever its bytes, only `dst` is written.
 *
 *   wire        [wire_bytes] bytes, any alignment
 *   wire_bytes  as flc_format_wire_bytes says for `count`
 *   dst         [count] elements of `type`, aligned to the element; must not overlap `wire`
 *
 * Errors: INVALID_ARG; CORRUPT (size, or metadata no encoder writes), after which the content of
 * `dst` is unspecified. Since 0.1.
 */
FLC_API flc_status flc_decode(flc_format format, flc_type type, const void *wire, size_t wire_bytes,
                              void *dst, size_t count);

#ifdef __cplusplus
}
#endif

#endif
