// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Vectors, for a row that has defined LANES, a vector's float32, and SIMD_TARGET, its instructions
 * where not every processor of the kind has them: the compilers' vector types, whose operators need
 * no instruction by name. What they do not offer each row adds itself, before it includes
 * simd_even.h and simd_rotated.h, where the walks are written once for all rows:
 *
 *   v*_min, v*_max        of float32, int32, int16 lanes; floats are no NaN
 *   vf_fma                a * b + c, rounded once
 *   vf_load_halves        LANES elements of fp16 or bf16
 *   vf_store_halves       nearest even; a NaN must be the canonical one already
 *   vi_load_bytes         LANES bytes, zero-extended; vi_load_signed_bytes
 *   vb_narrow             4 * LANES integers of 0 to 255 to bytes; vb_narrow_signed saturates
 *   vb_lookup             each byte's entry of 16
 *   vi_equal_bits         bit i: whether lanes i are equal; vh_equal_bits
 *   vh_of_floats          2 * LANES floats of 0 to 32767, cut to integers, in any order of lanes
 *   vh_choose             lanes of `a` where x >= limit, else of `b`
 *   vi_add_squares        int32 lanes plus the squares of all int16 lanes, in any order
 *   pack_64, unpack_64    64 codes, one a byte, to and from a plane of one width
 */
#ifndef FLCI_CODEC_SIMD_TYPES_H
#define FLCI_CODEC_SIMD_TYPES_H

#include "base/error.h"
#include "codec/codec_rotated.h"
#include "codec/codec_rows.h"
#include "codec/codec_wire.h"

/* From here to SIMD_END functions may use the row's instructions, whatever the compiler's flags. */
#define SIMD_PRAGMA_TEXT(text) _Pragma(#text)
#define SIMD_PRAGMA(text)      SIMD_PRAGMA_TEXT(text)
#if !defined(SIMD_TARGET) /* every processor has them */
#    define SIMD_END
#elif defined(__clang__)
SIMD_PRAGMA(clang attribute push(__attribute__((target(SIMD_TARGET))), apply_to = function))
#    define SIMD_END _Pragma("clang attribute pop")
#else
_Pragma("GCC push_options") SIMD_PRAGMA(GCC target(SIMD_TARGET))
#    define SIMD_END _Pragma("GCC pop_options")
#endif

#define VECTOR_BYTES (4 * LANES)

typedef float vf __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t vi __attribute__((vector_size(VECTOR_BYTES)));
typedef int16_t vh __attribute__((vector_size(VECTOR_BYTES)));
typedef uint8_t vb __attribute__((vector_size(VECTOR_BYTES)));
/* Where lanes of no meaning may overflow. */
typedef uint32_t vu __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t vhu __attribute__((vector_size(VECTOR_BYTES)));
typedef int8_t vs __attribute__((vector_size(VECTOR_BYTES)));

/* The same, anywhere in memory. */
typedef float float_any __attribute__((may_alias));
typedef uint16_t half_any __attribute__((may_alias));
typedef float vf_any __attribute__((vector_size(VECTOR_BYTES), aligned(1), may_alias));
typedef int32_t vi_any __attribute__((vector_size(VECTOR_BYTES), aligned(1), may_alias));
typedef int16_t vh_any __attribute__((vector_size(VECTOR_BYTES), aligned(1), may_alias));
typedef uint8_t vb_any __attribute__((vector_size(VECTOR_BYTES), aligned(1), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE vi vi_set(int32_t x)
{
    const vi zero = {0};
    return zero + x;
}

INLINE vf vf_set(float x)
{
    return (vf)vi_set((int32_t)flci_bits_of(x));
}

INLINE vh vh_set(int16_t x)
{
    const vh zero = {0};
    return zero + x;
}

INLINE vf vf_load(const float *at)
{
    return *(const vf_any *)(const void *)at;
}

INLINE void vf_store(float *at, vf v)
{
    *(vf_any *)(void *)at = v;
}

INLINE vi vi_load(const int32_t *at)
{
    return *(const vi_any *)(const void *)at;
}

INLINE void vi_store(int32_t *at, vi v)
{
    *(vi_any *)(void *)at = v;
}

INLINE vh vh_load(const void *at)
{
    return *(const vh_any *)at;
}

INLINE vb vb_load(const uint8_t *at)
{
    return *(const vb_any *)(const void *)at;
}

INLINE void vb_store(uint8_t *at, vb v)
{
    *(vb_any *)(void *)at = v;
}

/* Lanes of `a` where the mask's are all ones, of `b` where they are zero. */
INLINE vf vf_select(vi mask, vf a, vf b)
{
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
}

INLINE vi vi_select(vi mask, vi a, vi b)
{
    return (a & mask) | (b & ~mask);
}

INLINE vf vf_of_ints(vi v)
{
    return __builtin_convertvector(v, vf);
}

INLINE vi vi_of_floats(vf v) /* towards zero */
{
    return __builtin_convertvector(v, vi);
}

INLINE vf vf_magnitude(vf v)
{
    return (vf)((vi)v & INT32_MAX);
}

/* flci_to_bf16 of what is no NaN, as the bits of a float32. */
INLINE vf vf_round_to_bf16(vf v)
{
    const vi bits = (vi)v;
    return (vf)((bits + 0x7fff + (bits >> 16 & 1)) & ~0xffff);
}

/* ---- Neighbours ---- */

/* Lane i of the result is lane i ^ D of v. */
#if LANES == 16
#    define LANES_OF(F)                                                                            \
        F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7), F(8), F(9), F(10), F(11), F(12), F(13),    \
            F(14), F(15)
#elif LANES == 8
#    define LANES_OF(F) F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7)
#else
#    define LANES_OF(F) F(0), F(1), F(2), F(3)
#endif
#define NEIGHBOUR_1(i) ((i) ^ 1)
#define NEIGHBOUR_2(i) ((i) ^ 2)
#define NEIGHBOUR_4(i) ((i) ^ 4)
#define NEIGHBOUR_8(i) ((i) ^ 8)

/* Lanes of a and b in turn, D at a time: of either its first, or its second of each 2 D. */
#define FIRST_OF(i, D)        (((i) & ~(D)) + (((i) & (D)) != 0 ? LANES : 0))
#define FIRST_1(i)            FIRST_OF(i, 1)
#define FIRST_2(i)            FIRST_OF(i, 2)
#define FIRST_4(i)            FIRST_OF(i, 4)
#define FIRST_8(i)            FIRST_OF(i, 8)
#define SECOND_1(i)           (FIRST_OF(i, 1) + 1)
#define SECOND_2(i)           (FIRST_OF(i, 2) + 2)
#define SECOND_4(i)           (FIRST_OF(i, 4) + 4)
#define SECOND_8(i)           (FIRST_OF(i, 8) + 8)

#define FIRST_LANES(a, b, D)  __builtin_shufflevector(a, b, LANES_OF(FIRST_##D))
#define SECOND_LANES(a, b, D) __builtin_shufflevector(a, b, LANES_OF(SECOND_##D))

/* Lanes of a and b in turn, each joined with its neighbour by JOIN. */
#define JOIN_AT(a, b, D, JOIN) JOIN(FIRST_LANES(a, b, D), SECOND_LANES(a, b, D))

/* Halve the number of vectors in v by joining two into one, and go on: in the end lane i of v[0]
   is all lanes of the first v[i] joined. */
#define JOIN_STEP(v, count, D, JOIN)                                                               \
    for (int i_ = 0; i_ < (count); i_ += 2) {                                                      \
        const vi a_ = (v)[i_], b_ = (v)[i_ + 1];                                                   \
        (v)[i_ / 2] = JOIN_AT(a_, b_, D, JOIN);                                                    \
    }
#if LANES == 16
#    define FOR_MORE_STEPS(STEP, v, ...)                                                           \
        STEP(v, 8, 2, __VA_ARGS__)                                                                 \
        STEP(v, 4, 4, __VA_ARGS__)                                                                 \
        STEP(v, 2, 8, __VA_ARGS__)
#elif LANES == 8
#    define FOR_MORE_STEPS(STEP, v, ...)                                                           \
        STEP(v, 4, 2, __VA_ARGS__)                                                                 \
        STEP(v, 2, 4, __VA_ARGS__)
#else
#    define FOR_MORE_STEPS(STEP, v, ...) STEP(v, 2, 2, __VA_ARGS__)
#endif
#define FOR_STEPS(STEP, v, ...)                                                                    \
    STEP(v, LANES, 1, __VA_ARGS__)                                                                 \
    FOR_MORE_STEPS(STEP, v, __VA_ARGS__)
#define JOIN_EACH(v, JOIN) FOR_STEPS(JOIN_STEP, v, JOIN)
/* The same for pairs of vectors that JOIN_TWO has joined. */
#define JOIN_TWO(a, b, JOIN) JOIN_AT(a, b, 1, JOIN)
#define JOIN_PAIRS(v, JOIN)  FOR_MORE_STEPS(JOIN_STEP, v, JOIN)

#endif
