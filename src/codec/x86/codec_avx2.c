// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The AVX2 row: the instructions behind codec/simd, 8 floats a vector. They are named here, so that
 * the file needs no flags of its own.
 */
#include "codec/codec_rows.h"

#if FLCI_HAS_X86

#    include <cpuid.h>
#    include <immintrin.h>
#    include <stdatomic.h>
#    include <string.h>

#    define SIMD_TARGET "avx2,fma,f16c,bmi,bmi2"
#    define LANES       8
#    include "codec/simd/simd_types.h"

/* ---- Arithmetic ---- */

INLINE __m128i low_half(__m256i v)
{
    return _mm256_castsi256_si128(v);
}

INLINE __m128i high_half(__m256i v)
{
    return _mm256_extracti128_si256(v, 1);
}

INLINE vf vf_fma(vf a, vf b, vf c)
{
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

INLINE vf vf_min(vf a, vf b)
{
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
}

INLINE vf vf_max(vf a, vf b)
{
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}

INLINE vi vi_min(vi a, vi b)
{
    return (vi)_mm256_min_epi32((__m256i)a, (__m256i)b);
}

INLINE vi vi_max(vi a, vi b)
{
    return (vi)_mm256_max_epi32((__m256i)a, (__m256i)b);
}

INLINE vh vh_min(vh a, vh b)
{
    return (vh)_mm256_min_epi16((__m256i)a, (__m256i)b);
}

INLINE vh vh_max(vh a, vh b)
{
    return (vh)_mm256_max_epi16((__m256i)a, (__m256i)b);
}

INLINE uint32_t vi_equal_bits(vi a, vi b)
{
    return (uint32_t)_mm256_movemask_ps((__m256)(a == b));
}

INLINE uint32_t vh_equal_bits(vh a, vh b)
{
    const __m256i equal = (__m256i)(a == b);
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low_half(equal), high_half(equal)));
}

INLINE vh vh_choose(vh x, int16_t limit, vh a, vh b)
{
    return (vh)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)(x > vh_set(limit - 1)));
}

INLINE vi vi_add_squares(vi sum, vh x)
{
    return (vi)((vu)sum + (vu)_mm256_madd_epi16((__m256i)x, (__m256i)x));
}

/* ---- Conversions ---- */

INLINE vf vf_load_halves(flc_type type, const uint16_t *at)
{
    const __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)at);
    return type == FLC_FLOAT16 ? (vf)_mm256_cvtph_ps(halves)
                               : (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16);
}

INLINE void vf_store_halves(flc_type type, vf v, uint16_t *at)
{
    __m128i halves;
    if (type == FLC_FLOAT16) {
        halves = _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT);
    } else {
        const __m256i rounded = _mm256_srli_epi32((__m256i)vf_round_to_bf16(v), 16);
        halves = _mm_packus_epi32(low_half(rounded), high_half(rounded));
    }
    _mm_storeu_si128((__m128i *)(void *)at, halves);
}

INLINE vi vi_load_bytes(const uint8_t *at)
{
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)at));
}

INLINE vi vi_load_signed_bytes(const uint8_t *at)
{
    return (vi)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)at));
}

/* Packing works within each 128 bits: dword j of the k-th has come from vector j. */
INLINE __m256i gather_dwords(__m256i v)
{
    return _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

INLINE vb vb_narrow(vi a, vi b, vi c, vi d)
{
    const __m256i ab = _mm256_packs_epi32((__m256i)a, (__m256i)b);
    const __m256i cd = _mm256_packs_epi32((__m256i)c, (__m256i)d);
    return (vb)gather_dwords(_mm256_packus_epi16(ab, cd));
}

INLINE vb vb_narrow_signed(vi a, vi b, vi c, vi d)
{
    const __m256i ab = _mm256_packs_epi32((__m256i)a, (__m256i)b);
    const __m256i cd = _mm256_packs_epi32((__m256i)c, (__m256i)d);
    return (vb)gather_dwords(_mm256_packs_epi16(ab, cd));
}

INLINE vb vb_lookup(const int8_t *table, vb codes)
{
    const __m128i entries = _mm_loadu_si128((const __m128i *)(const void *)table);
    return (vb)_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), (__m256i)codes);
}

INLINE vh vh_of_floats(vf a, vf b)
{
    return (vh)_mm256_packs_epi32((__m256i)vi_of_floats(a), (__m256i)vi_of_floats(b));
}

/* ---- Planes, 32 codes a vector ---- */

INLINE __m256i load_32(const uint8_t *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

INLINE void store_32(uint8_t *at, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)at, v);
}

INLINE __m256i in_each_half(__m128i v)
{
    return _mm256_broadcastsi128_si256(v);
}

/* In each 16 bytes, even codes first: of 8 codes, of 16 codes. */
#    define ORDER_8  0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15
#    define ORDER_16 0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15

/* Bits `shift` and up of 32 codes. */
INLINE __m256i part_of(const uint8_t *codes, uint32_t width, uint32_t shift)
{
    const __m256i mask = _mm256_set1_epi8((char)((1u << width) - 1u));
    return _mm256_and_si256(_mm256_srl_epi16(load_32(codes), _mm_cvtsi32_si128((int)shift)), mask);
}

/* 16 bytes, each in 16 bits. */
INLINE __m256i pack_fours(uint32_t shift, const uint8_t *codes)
{
    const __m256i order = in_each_half(_mm_setr_epi8(ORDER_8));
    const __m256i ordered = _mm256_shuffle_epi8(part_of(codes, 4, shift), order);
    return _mm256_maddubs_epi16(ordered, _mm256_set1_epi16(0x1001));
}

/* 8 bytes, each in 32 bits. */
INLINE __m256i pack_twos(uint32_t shift, const uint8_t *codes)
{
    const __m256i order = in_each_half(_mm_setr_epi8(ORDER_16));
    const __m256i ordered = _mm256_shuffle_epi8(part_of(codes, 2, shift), order);
    const __m256i pairs = _mm256_maddubs_epi16(ordered, _mm256_set1_epi16(0x0401));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00100001));
}

/* One word. */
INLINE uint32_t pack_ones(uint32_t shift, const uint8_t *codes)
{
    const __m256i order = in_each_half(_mm_setr_epi8(ORDER_16));
    const __m256i ordered =
        _mm256_permute4x64_epi64(_mm256_shuffle_epi8(load_32(codes), order), 0xd8);
    const __m128i to_sign = _mm_cvtsi32_si128(7 - (int)shift);
    return (uint32_t)_mm256_movemask_epi8(_mm256_sll_epi16(ordered, to_sign));
}

INLINE void pack_64(uint32_t width, uint32_t shift, const uint8_t *codes, uint8_t *plane)
{
    if (width == 8) {
        memcpy(plane, codes, 64);
    } else if (width == 4) {
        const __m256i bytes =
            _mm256_packus_epi16(pack_fours(shift, codes), pack_fours(shift, codes + 32));
        store_32(plane, _mm256_permute4x64_epi64(bytes, 0xd8));
    } else if (width == 2) {
        const __m256i halves =
            _mm256_packus_epi32(pack_twos(shift, codes), pack_twos(shift, codes + 32));
        const __m128i bytes = _mm_packus_epi16(low_half(halves), high_half(halves));
        _mm_storeu_si128((__m128i *)(void *)plane, _mm_shuffle_epi32(bytes, 0xd8));
    } else {
        const uint32_t words[2] = {pack_ones(shift, codes), pack_ones(shift, codes + 32)};
        memcpy(plane, words, sizeof words);
    }
}

INLINE __m256i codes_of_fours(const uint8_t *plane)
{
    const __m256i order =
        in_each_half(_mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)plane);
    const __m256i wide = _mm256_cvtepu8_epi16(bytes);
    const __m256i parts = _mm256_and_si256(_mm256_or_si256(wide, _mm256_slli_epi16(wide, 4)),
                                           _mm256_set1_epi16(0x0f0f));
    return _mm256_shuffle_epi8(parts, order);
}

INLINE __m256i codes_of_twos(const uint8_t *plane)
{
    const __m256i order =
        in_each_half(_mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
    const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)plane);
    const __m256i wide = _mm256_cvtepu8_epi32(bytes);
    const __m256i twos = _mm256_or_si256(wide, _mm256_slli_epi32(wide, 12));
    const __m256i parts = _mm256_and_si256(_mm256_or_si256(twos, _mm256_slli_epi32(twos, 6)),
                                           _mm256_set1_epi32(0x03030303));
    return _mm256_shuffle_epi8(parts, order);
}

/* Each byte of the word where its codes are, then each code's bit of it. */
INLINE __m256i codes_of_ones(const uint8_t *plane)
{
    const __m256i order = _mm256_setr_epi8(0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2, 1, 3, 1,
                                           3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3);
    const __m256i bit = in_each_half(
        _mm_setr_epi8(1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64, (char)0x80, (char)0x80));
    int32_t word;
    __m256i bits;
    memcpy(&word, plane, sizeof word);
    bits = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(word), order), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(bits, bit), _mm256_set1_epi8(1));
}

INLINE void unpack_64(uint32_t width, uint32_t shift, const uint8_t *plane, uint8_t *codes)
{
    for (uint32_t i = 0; i < 64; i += 32) {
        const uint8_t *at = plane + i * width / 8;
        __m256i part = width == 8   ? load_32(at)
                       : width == 4 ? codes_of_fours(at)
                       : width == 2 ? codes_of_twos(at)
                                    : codes_of_ones(at);
        if (shift != 0) {
            part = _mm256_or_si256(_mm256_sll_epi16(part, _mm_cvtsi32_si128((int)shift)),
                                   load_32(codes + i));
        }
        store_32(codes + i, part);
    }
}

#    include "codec/simd/simd_even.h"
#    include "codec/simd/simd_rotated.h"

SIMD_END

/* Not every compiler's __builtin_cpu_supports knows F16C. Asked once: CPUID takes microseconds in a
   virtual machine. */
static int has_f16c(void)
{
    static atomic_int answer; /* 0: not asked yet */
    int known = atomic_load_explicit(&answer, memory_order_relaxed);
    if (known == 0) {
        unsigned int a, b, c = 0, d;
        known = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0 ? 1 : -1;
        atomic_store_explicit(&answer, known, memory_order_relaxed);
    }
    return known > 0;
}

static int is_supported(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && has_f16c();
}

const struct flci_codec_row flci_codec_avx2 = {
    .name = "avx2",
    .summary = "x86-64 with AVX2, FMA, F16C, BMI",
    .is_supported = is_supported,
    .load_halves = load_halves,
    .store_halves = store_halves,
    .encode_even = encode_even,
    .decode_even = decode_even,
    .encode_rotated = encode_rotated,
    .decode_rotated = decode_rotated,
};

#endif
