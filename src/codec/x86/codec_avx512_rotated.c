// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The AVX-512 row's rotated formats: the rules of codec_rotated.h, 16 coefficients at a time.
 * Groups are whole vectors. The additions of a turn are those of flci_hadamard, so that they round
 * alike: neighbours up to 8 apart lie in one vector, the rest in two.
 */
#include "codec/codec_rows.h"

#if FLCI_HAS_AVX512

#    include "codec/codec_rotated.h"
#    include "codec/x86/avx512.h"

#    define MAX_VECTORS (256 / 16)
#    define ALL_LANES   ((__mmask16)0xffff)

/* Call BODY with the width as a constant, so that its thresholds become constants too. */
#    define FOR_WIDTH(bits, BODY)                                                                  \
        switch (bits) {                                                                            \
        case 1:                                                                                    \
            BODY(1);                                                                               \
            break;                                                                                 \
        case 2:                                                                                    \
            BODY(2);                                                                               \
            break;                                                                                 \
        case 3:                                                                                    \
            BODY(3);                                                                               \
            break;                                                                                 \
        case 4:                                                                                    \
            BODY(4);                                                                               \
            break;                                                                                 \
        default:                                                                                   \
            BODY(bits);                                                                            \
        }

#    define INLINE static inline __attribute__((always_inline))

/* Sign bits of the elements i * 16 .. of a group: what flci_rotation_is_negative says of the low
   and of the high half of a position. */
AVX512 static inline __m512i signs_of(uint32_t i)
{
    /* Bit j of 0x7888: whether j AND (j >> 1) AND 5 has an odd number of bits. */
    const __mmask16 low = 0x7888;
    const __mmask16 lanes = (0x7888u >> i & 1u) != 0 ? (__mmask16)~low : low;
    return _mm512_maskz_set1_epi32(lanes, INT32_MIN);
}

AVX512 static inline __m512 flip(__m512 v, __m512i signs)
{
    return _mm512_castsi512_ps(_mm512_xor_epi32(_mm512_castps_si512(v), signs));
}

AVX512 static inline __m512 magnitude_of(__m512 v)
{
    return _mm512_castsi512_ps(
        _mm512_and_epi32(_mm512_castps_si512(v), _mm512_set1_epi32(INT32_MAX)));
}

/* Sums in the lanes whose neighbour is above, differences in `upper`, where it is below. */
AVX512 static inline __m512 sum_and_difference(__m512 v, __m512 neighbours, __mmask16 upper)
{
    return _mm512_mask_sub_ps(_mm512_add_ps(v, neighbours), upper, neighbours, v);
}

AVX512 INLINE void hadamard_of(__m512 *v, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        __m512 x = v[i];
        x = sum_and_difference(x, _mm512_permute_ps(x, 0xb1), 0xaaaa);
        x = sum_and_difference(x, _mm512_permute_ps(x, 0x4e), 0xcccc);
        x = sum_and_difference(x, _mm512_shuffle_f32x4(x, x, 0xb1), 0xf0f0);
        v[i] = sum_and_difference(x, _mm512_shuffle_f32x4(x, x, 0x4e), 0xff00);
    }
    for (uint32_t half = 1; half < count; half *= 2) {
        for (uint32_t i = 0; i < count; i++) {
            if ((i & half) == 0) {
                const __m512 a = v[i], b = v[i + half];
                v[i] = _mm512_add_ps(a, b);
                v[i + half] = _mm512_sub_ps(a, b);
            }
        }
    }
}

/* With constant counts the vectors stay in registers. */
AVX512 static void hadamard(__m512 *v, uint32_t count)
{
    switch (count) {
    case 1:
        hadamard_of(v, 1);
        break;
    case 2:
        hadamard_of(v, 2);
        break;
    case 4:
        hadamard_of(v, 4);
        break;
    case 8:
        hadamard_of(v, 8);
        break;
    default:
        hadamard_of(v, count);
    }
}

AVX512 static int rotate(const float *x, uint32_t n, uint32_t group, float *v)
{
    const __m512 scale = _mm512_set1_ps(1.0f / (float)group);
    __m512i largest = _mm512_setzero_si512();
    __m512 turned[MAX_VECTORS];
    for (uint32_t i = 0; i < group / 16; i++) {
        const __mmask16 lanes = n > 16 * i ? lanes_of(n - 16 * i) : 0;
        const __m512 part = _mm512_maskz_loadu_ps(lanes, x + 16 * i);
        largest = _mm512_max_epi32(largest, _mm512_castps_si512(magnitude_of(part)));
        turned[i] = flip(_mm512_mul_ps(part, scale), signs_of(i));
    }
    if (_mm512_reduce_max_epi32(largest) >= 0x7f800000) {
        return 0;
    }
    hadamard(turned, group / 16);
    for (uint32_t i = 0; i < group / 16; i++) {
        _mm512_storeu_ps(v + 16 * i, turned[i]);
    }
    return 1;
}

AVX512 static float largest_of(const float *v, uint32_t group)
{
    __m512 largest = _mm512_setzero_ps();
    for (uint32_t i = 0; i < group; i += 16) {
        largest = _mm512_max_ps(largest, magnitude_of(_mm512_loadu_ps(v + i)));
    }
    return _mm512_reduce_max_ps(largest);
}

/* flci_rotated_index */
AVX512 INLINE __m512i index_of(int bits, __m512 magnitude)
{
    const int last = (1 << (bits - 1)) - 1;
    __m512i index = _mm512_setzero_si512();
    if (bits > FLCI_NARROW_BITS) {
        const __m512 half = _mm512_mul_ps(magnitude, _mm512_set1_ps(0.5f));
        return _mm512_cvttps_epi32(_mm512_min_ps(half, _mm512_set1_ps((float)last)));
    }
    for (int i = 0; i < last; i++) {
        const int middle = (flci_rotated_level(bits, i) + flci_rotated_level(bits, i + 1)) / 2;
        const __mmask16 reached = _mm512_mask_cmp_ps_mask(
            ALL_LANES, magnitude, _mm512_set1_ps((float)middle), _CMP_GE_OQ);
        index = _mm512_mask_add_epi32(index, reached, index, _mm512_set1_epi32(1));
    }
    return index;
}

/* flci_rotated_error; up to 4 bits, as search is. */
AVX512 INLINE int32_t error_of_width(int bits, const float *v, uint32_t group, float inverse)
{
    const __m512 most = _mm512_set1_ps(1024.0f), factor = _mm512_set1_ps(inverse);
    __m512i sum = _mm512_setzero_si512(), levels = sum;
    for (int i = 0; i < 1 << (bits - 1); i++) {
        const __m512i level = _mm512_set1_epi32(2 * flci_rotated_level(bits, i) - 1);
        levels = _mm512_mask_mov_epi32(levels, (__mmask16)(1u << i), level);
    }
    for (uint32_t i = 0; i < group; i += 16) {
        const __m512 z = magnitude_of(_mm512_mul_ps(_mm512_loadu_ps(v + i), factor));
        const __m512 magnitude = _mm512_min_ps(z, most);
        const __m512i level = _mm512_permutexvar_epi32(index_of(bits, magnitude), levels);
        const __m512i twice = _mm512_slli_epi32(_mm512_cvttps_epi32(magnitude), 1);
        const __m512i distance = _mm512_sub_epi32(twice, level);
        sum = _mm512_add_epi32(sum, _mm512_mullo_epi32(distance, distance));
    }
    return _mm512_reduce_add_epi32(sum);
}

AVX512 static int32_t error_of(int bits, const float *v, uint32_t group, float inverse)
{
    int32_t error = 0;
#    define ERROR(width) error = error_of_width(width, v, group, inverse)
    FOR_WIDTH(bits, ERROR)
    return error;
}

AVX512 INLINE void quantize_width(int bits, const float *v, uint32_t group, float inverse,
                                  uint8_t *codes)
{
    const int half = 1 << (bits - 1);
    const __m512 factor = _mm512_set1_ps(inverse);
    for (uint32_t i = 0; i < group; i += 16) {
        const __m512 z = _mm512_mul_ps(_mm512_loadu_ps(v + i), factor);
        const __m512i index = index_of(bits, magnitude_of(z));
        const __mmask16 below =
            _mm512_mask_cmp_ps_mask(ALL_LANES, z, _mm512_setzero_ps(), _CMP_LT_OQ);
        const __m512i above = _mm512_add_epi32(index, _mm512_set1_epi32(half));
        const __m512i code =
            _mm512_mask_sub_epi32(above, below, _mm512_set1_epi32(half - 1), index);
        _mm_storeu_si128((__m128i *)(void *)(codes + i), _mm512_cvtepi32_epi8(code));
    }
}

AVX512 static void quantize(int bits, const float *v, uint32_t group, float inverse, uint8_t *codes)
{
#    define QUANTIZE(width) quantize_width(width, v, group, inverse, codes)
    FOR_WIDTH(bits, QUANTIZE)
}

/* What flci_rotated_value gives for a scale of 1. */
static const float levels_by_code[5][16] = {
    {0},
    {-64, 64},
    {-124, -36, 36, 124},
    {-121, -73, -41, -13, 13, 41, 73, 121},
    {-101, -79, -63, -49, -37, -25, -15, -5, 5, 15, 25, 37, 49, 63, 79, 101},
};

AVX512 INLINE void dequantize_width(int bits, float scale, const uint8_t *codes, uint32_t group,
                                    flc_type type, float *v)
{
    const __m512 factor = _mm512_set1_ps(scale);
    const __m512 high = _mm512_set1_ps(flci_type_limit(type));
    const __m512 low = _mm512_set1_ps(-flci_type_limit(type));
    const __m512 levels = _mm512_loadu_ps(levels_by_code[bits <= FLCI_NARROW_BITS ? bits : 0]);
    __m512 turned[MAX_VECTORS];
    for (uint32_t i = 0; i < group / 16; i++) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(codes + 16 * i));
        const __m512i code = _mm512_cvtepu8_epi32(bytes);
        const __m512i odd =
            _mm512_sub_epi32(_mm512_slli_epi32(code, 1), _mm512_set1_epi32((1 << bits) - 1));
        const __m512 level = bits <= FLCI_NARROW_BITS ? _mm512_permutexvar_ps(code, levels)
                                                      : _mm512_cvtepi32_ps(odd);
        turned[i] = _mm512_mul_ps(level, factor);
    }
    hadamard(turned, group / 16);
    for (uint32_t i = 0; i < group / 16; i++) {
        const __m512 y = flip(turned[i], signs_of(i));
        _mm512_storeu_ps(v + 16 * i, _mm512_min_ps(_mm512_max_ps(y, low), high));
    }
}

AVX512 static void dequantize(int bits, float scale, const uint8_t *codes, uint32_t group,
                              flc_type type, float *v)
{
#    define DEQUANTIZE(width) dequantize_width(width, scale, codes, group, type, v)
    FOR_WIDTH(bits, DEQUANTIZE)
}

const struct flci_rotated_ops flci_rotated_avx512 = {
    .rotate = rotate,
    .largest = largest_of,
    .error = error_of,
    .quantize = quantize,
    .dequantize = dequantize,
};

#endif
