// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Codec rows: implementations of the same bytes, and the one in use. The block functions below are
 * what collectives call.
 */
#ifndef FLCI_CODEC_CODEC_ROWS_H
#define FLCI_CODEC_CODEC_ROWS_H

#include <stdint.h>

#include "codec/format.h"

struct flci_codec_row {
    const char *name; /* as FLC_CPU takes it */
    const char *summary;
    int (*is_supported)(void); /* by this processor */
    /* flci_load_elems and flci_store_elems for fp16 and bf16. */
    void (*load_halves)(flc_type type, const uint16_t *src, uint32_t n, float *x);
    void (*store_halves)(flc_type type, const float *x, uint32_t n, uint16_t *dst);
    /* A block of asymmetric and symmetric formats; `src` has elements of `src_type`: `type`, or
       FLC_FLOAT32 where they are sums of such. */
    void (*encode_even)(flc_format format, flc_type type, flc_type src_type, const void *src,
                        uint32_t n, uint8_t *wire, flc_stats *stats);
    flc_status (*decode_even)(flc_format format, flc_type type, const uint8_t *wire,
                              flc_type dst_type, uint32_t n, void *dst);
    /* The same of rotated formats. */
    void (*encode_rotated)(flc_format format, flc_type type, flc_type src_type, const void *src,
                           uint32_t n, uint8_t *wire, flc_stats *stats);
    flc_status (*decode_rotated)(flc_format format, flc_type type, const uint8_t *wire,
                                 flc_type dst_type, uint32_t n, void *dst);
};

/* The rows that this processor runs, from slowest to fastest; NULL behind the last. */
const struct flci_codec_row *flci_codec_row_at(size_t index);

/* The fastest row this processor runs, or the one FLC_CPU names: INVALID_ARG if there is none. */
flc_status flci_codec_row_choose(const struct flci_codec_row **row);

extern const struct flci_codec_row flci_codec_ref;

/* The folder of a processor's rows may be missing from the tree. */
#if defined(__x86_64__) && __has_include("codec/x86/codec_avx512.c")
#    define FLCI_HAS_X86 1
extern const struct flci_codec_row flci_codec_avx2;
extern const struct flci_codec_row flci_codec_avx512;
#else
#    define FLCI_HAS_X86 0
#endif
#if defined(__aarch64__) && defined(__AARCH64EL__) && __has_include("codec/arm/codec_neon.c")
#    define FLCI_HAS_NEON 1
extern const struct flci_codec_row flci_codec_neon;
#else
#    define FLCI_HAS_NEON 0
#endif

/* Elements of `type` to float32, exactly, and back: nearest even, any NaN to the canonical one. */
void flci_load_elems(const struct flci_codec_row *row, flc_type type, const void *src, uint32_t n,
                     float *x);
void flci_store_elems(const struct flci_codec_row *row, flc_type type, const float *x, uint32_t n,
                      void *dst);

/*
 * One block, raw or not: n of 1 to FLC_BLOCK_ELEMS elements, all flci_block_bytes bytes of `wire`.
 *
 *   type      of the elements the wire stands for: it sets the limit and the form of spikes and raw
 *             elements
 *   src_type  of the elements at `src`, dst_type of those at `dst`: `type`, or FLC_FLOAT32 on the
 *             way to and from a sum
 *
 * Decoding reads any bytes safely: CORRUPT for metadata no encoder writes. The floating-point
 * environment is the caller's business (base/fpenv.h).
 */
void flci_encode_block(const struct flci_codec_row *row, flc_format format, flc_type type,
                       flc_type src_type, const void *src, uint32_t n, uint8_t *wire,
                       flc_stats *stats);
flc_status flci_decode_block(const struct flci_codec_row *row, flc_format format, flc_type type,
                             const uint8_t *wire, flc_type dst_type, uint32_t n, void *dst);

#endif
