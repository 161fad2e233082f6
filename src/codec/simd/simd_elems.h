// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Elements of any type in vectors, for the row that includes this file, and blocks padded so that
 * they are whole vectors and whole groups.
 */
#ifndef FLCI_CODEC_SIMD_ELEMS_H
#define FLCI_CODEC_SIMD_ELEMS_H

#include "codec/simd/simd_types.h"

/* Of every group and of 64 codes a multiple. */
#define SIMD_UNIT 256u

/* Call FUNCTION with the type as a constant. */
#define FOR_TYPE(type, FUNCTION, ...)                                                              \
    if ((type) == FLC_FLOAT32) {                                                                   \
        FUNCTION(FLC_FLOAT32, __VA_ARGS__);                                                        \
    } else if ((type) == FLC_BFLOAT16) {                                                           \
        FUNCTION(FLC_BFLOAT16, __VA_ARGS__);                                                       \
    } else {                                                                                       \
        FUNCTION(FLC_FLOAT16, __VA_ARGS__);                                                        \
    }

INLINE vf load_elems(flc_type type, const void *src, size_t at)
{
    return type == FLC_FLOAT32 ? vf_load((const float *)src + at)
                               : vf_load_halves(type, (const uint16_t *)src + at);
}

/* A NaN must be the canonical one. */
INLINE void store_elems(flc_type type, vf v, void *dst, size_t at)
{
    if (type == FLC_FLOAT32) {
        vf_store((float *)dst + at, v);
    } else {
        vf_store_halves(type, v, (uint16_t *)dst + at);
    }
}

static inline void put_elem(flc_type type, float x, void *dst, size_t at)
{
    if (type == FLC_FLOAT32) {
        ((float_any *)dst)[at] = x == x ? x : flci_float_of(FLCI_NAN);
    } else {
        ((half_any *)dst)[at] = type == FLC_FLOAT16 ? flci_to_fp16(x) : flci_to_bf16(x);
    }
}

INLINE vi lane_numbers(void)
{
#define LANE_NUMBER(i) (i)
    return (vi){LANES_OF(LANE_NUMBER)};
}

/* ---- Padding ---- */

struct padded {
    _Alignas(64) uint32_t elems[FLC_BLOCK_ELEMS];
};

enum padding { REPEAT_LAST, ZEROS };

static inline uint32_t whole_units(uint32_t n)
{
    return (n + SIMD_UNIT - 1) / SIMD_UNIT * SIMD_UNIT;
}

/* Elements src [n] filled up to whole units; in place where they are that already. A repeated
   element changes neither range nor spikes of its group. */
static const void *pad(flc_type type, const void *src, uint32_t n, struct padded *padded,
                       enum padding padding)
{
    const size_t size = flc_type_bytes(type), end = n * size, whole = whole_units(n) * size;
    uint8_t *at = (uint8_t *)padded->elems;
    if (end == whole) {
        return src;
    }
    memcpy(at, src, end);
    memset(at + end, 0, whole - end);
    for (size_t i = end; padding == REPEAT_LAST && i < whole; i += size) {
        memcpy(at + i, at + end - size, size);
    }
    return at;
}

/* ---- Conversion alone ---- */

static void load_halves(flc_type type, const uint16_t *src, uint32_t n, float *x)
{
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vf_store(x + i, vf_load_halves(type, src + i));
    }
    for (; i < n; i++) {
        x[i] = flci_from_float16(type, src[i]);
    }
}

/* Any NaN becomes the canonical one. */
static void store_halves(flc_type type, const float *x, uint32_t n, uint16_t *dst)
{
    const vf nan = vf_set(flci_float_of(FLCI_NAN));
    uint32_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vf v = vf_load(x + i);
        vf_store_halves(type, vf_select((vi)(v == v), v, nan), dst + i);
    }
    for (; i < n; i++) {
        put_elem(type, x[i], dst, i);
    }
}

#endif
