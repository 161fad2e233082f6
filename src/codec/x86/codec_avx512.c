// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The AVX-512 row: the instructions behind codec/simd, 16 floats a vector. They are named here, so
 * that the file needs no flags of its own.
 */
#include "codec/codec_rows.h"

#if FLCI_HAS_X86

#    include <immintrin.h>
#    include <string.h>

#    define SIMD_TARGET "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c,bmi,bmi2"
#    define LANES       16
#    include "codec/simd/simd_types.h"

/* ---- Arithmetic ---- */

INLINE vf vf_fma(vf a, vf b, vf c)
{
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

INLINE vf vf_min(vf a, vf b)
{
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}

INLINE vf vf_max(vf a, vf b)
{
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}

INLINE vi vi_min(vi a, vi b)
{
    return (vi)_mm512_min_epi32((__m512i)a, (__m512i)b);
}

INLINE vi vi_max(vi a, vi b)
{
    return (vi)_mm512_max_epi32((__m512i)a, (__m512i)b);
}

INLINE vh vh_min(vh a, vh b)
{
    return (vh)_mm512_min_epi16((__m512i)a, (__m512i)b);
}

INLINE vh vh_max(vh a, vh b)
{
    return (vh)_mm512_max_epi16((__m512i)a, (__m512i)b);
}

INLINE uint32_t vi_equal_bits(vi a, vi b)
{
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
}

INLINE uint32_t vh_equal_bits(vh a, vh b)
{
    return _mm512_cmpeq_epi16_mask((__m512i)a, (__m512i)b);
}

INLINE vh vh_choose(vh x, int16_t limit, vh a, vh b)
{
    const __mmask32 is_over =
        _mm512_mask_cmpge_epi16_mask(0xffffffffu, (__m512i)x, _mm512_set1_epi16(limit));
    return (vh)_mm512_mask_blend_epi16(is_over, (__m512i)b, (__m512i)a);
}

INLINE vi vi_add_squares(vi sum, vh x)
{
    return (vi)((vu)sum + (vu)_mm512_madd_epi16((__m512i)x, (__m512i)x));
}

/* ---- Conversions ---- */

INLINE vf vf_load_halves(flc_type type, const uint16_t *at)
{
    const __m256i halves = _mm256_loadu_si256((const __m256i *)(const void *)at);
    return type == FLC_FLOAT16 ? (vf)_mm512_cvtph_ps(halves)
                               : (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16);
}

INLINE void vf_store_halves(flc_type type, vf v, uint16_t *at)
{
    const __m256i halves =
        type == FLC_FLOAT16
            ? _mm512_maskz_cvtps_ph(0xffffu, (__m512)v,
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
            : _mm512_cvtepi32_epi16(_mm512_srli_epi32((__m512i)vf_round_to_bf16(v), 16));
    _mm256_storeu_si256((__m256i *)(void *)at, halves);
}

INLINE vi vi_load_bytes(const uint8_t *at)
{
    return (vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
}

INLINE vi vi_load_signed_bytes(const uint8_t *at)
{
    return (vi)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)at));
}

/* Packing works within each 128 bits: dword j of the k-th has come from vector j. */
INLINE __m512i gather_dwords(__m512i v)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, v);
}

INLINE vb vb_narrow(vi a, vi b, vi c, vi d)
{
    const __m512i ab = _mm512_packs_epi32((__m512i)a, (__m512i)b);
    const __m512i cd = _mm512_packs_epi32((__m512i)c, (__m512i)d);
    return (vb)gather_dwords(_mm512_packus_epi16(ab, cd));
}

INLINE vb vb_narrow_signed(vi a, vi b, vi c, vi d)
{
    const __m512i ab = _mm512_packs_epi32((__m512i)a, (__m512i)b);
    const __m512i cd = _mm512_packs_epi32((__m512i)c, (__m512i)d);
    return (vb)gather_dwords(_mm512_packs_epi16(ab, cd));
}

INLINE vb vb_lookup(const int8_t *table, vb codes)
{
    const __m128i entries = _mm_loadu_si128((const __m128i *)(const void *)table);
    return (vb)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(entries), (__m512i)codes);
}

INLINE vh vh_of_floats(vf a, vf b)
{
    return (vh)_mm512_packs_epi32((__m512i)vi_of_floats(a), (__m512i)vi_of_floats(b));
}

/* ---- Planes ---- */

/* In each 16 bytes, even codes first: of 8 codes, of 16 codes. */
#    define ORDER_8  0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15
#    define ORDER_16 0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15

INLINE void pack_64(uint32_t width, uint32_t shift, const uint8_t *codes, uint8_t *plane)
{
    const __m512i mask = _mm512_set1_epi8((char)((1u << width) - 1u));
    const __m512i all = _mm512_loadu_si512(codes);
    const __m512i part =
        _mm512_and_si512(_mm512_srl_epi16(all, _mm_cvtsi32_si128((int)shift)), mask);
    if (width == 8) {
        _mm512_storeu_si512(plane, all);
    } else if (width == 4) {
        const __m512i order = _mm512_broadcast_i32x4(_mm_setr_epi8(ORDER_8));
        const __m512i ordered = _mm512_shuffle_epi8(part, order);
        const __m512i pairs = _mm512_maddubs_epi16(ordered, _mm512_set1_epi16(0x1001));
        _mm256_storeu_si256((__m256i *)(void *)plane, _mm512_cvtepi16_epi8(pairs));
    } else if (width == 2) {
        const __m512i order = _mm512_broadcast_i32x4(_mm_setr_epi8(ORDER_16));
        const __m512i ordered = _mm512_shuffle_epi8(part, order);
        const __m512i pairs = _mm512_maddubs_epi16(ordered, _mm512_set1_epi16(0x0401));
        const __m512i fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00100001));
        _mm_storeu_si128((__m128i *)(void *)plane, _mm512_cvtepi32_epi8(fours));
    } else {
        const uint64_t even = 0x5555555555555555u;
        const uint64_t bits = _mm512_test_epi8_mask(part, part);
        const uint64_t evens = _pext_u64(bits, even), odds = _pext_u64(bits, ~even);
        const uint64_t words = (evens & 0xffffu) | (odds & 0xffffu) << 16 |
                               (evens & 0xffff0000u) << 16 | (odds & 0xffff0000u) << 32;
        memcpy(plane, &words, sizeof words);
    }
}

INLINE __m512i codes_of_plane(uint32_t width, const uint8_t *plane)
{
    const uint64_t even = 0x5555555555555555u;
    uint64_t words, evens, odds;
    if (width == 8) {
        return _mm512_loadu_si512(plane);
    }
    if (width == 4) {
        const __m512i order = _mm512_broadcast_i32x4(
            _mm_setr_epi8(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
        const __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)plane);
        const __m512i wide = _mm512_cvtepu8_epi16(bytes);
        const __m512i parts = _mm512_and_si512(_mm512_or_si512(wide, _mm512_slli_epi16(wide, 4)),
                                               _mm512_set1_epi16(0x0f0f));
        return _mm512_shuffle_epi8(parts, order);
    }
    if (width == 2) {
        const __m512i order = _mm512_broadcast_i32x4(
            _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)plane);
        const __m512i wide = _mm512_cvtepu8_epi32(bytes);
        const __m512i twos = _mm512_or_si512(wide, _mm512_slli_epi32(wide, 12));
        const __m512i parts = _mm512_and_si512(_mm512_or_si512(twos, _mm512_slli_epi32(twos, 6)),
                                               _mm512_set1_epi32(0x03030303));
        return _mm512_shuffle_epi8(parts, order);
    }
    memcpy(&words, plane, sizeof words);
    evens = (words & 0xffffu) | (words >> 16 & 0xffff0000u);
    odds = (words >> 16 & 0xffffu) | (words >> 32 & 0xffff0000u);
    return _mm512_maskz_set1_epi8(_pdep_u64(evens, even) | _pdep_u64(odds, ~even), 1);
}

INLINE void unpack_64(uint32_t width, uint32_t shift, const uint8_t *plane, uint8_t *codes)
{
    __m512i part = codes_of_plane(width, plane);
    if (shift != 0) {
        part = _mm512_or_si512(_mm512_sll_epi16(part, _mm_cvtsi32_si128((int)shift)),
                               _mm512_loadu_si512(codes));
    }
    _mm512_storeu_si512(codes, part);
}

#    include "codec/simd/simd_even.h"
#    include "codec/simd/simd_rotated.h"

SIMD_END

static int is_supported(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi2");
}

const struct flci_codec_row flci_codec_avx512 = {
    .name = "avx512",
    .summary = "x86-64 with AVX-512 F, BW, VL, DQ",
    .is_supported = is_supported,
    .load_halves = load_halves,
    .store_halves = store_halves,
    .encode_even = encode_even,
    .decode_even = decode_even,
    .encode_rotated = encode_rotated,
    .decode_rotated = decode_rotated,
};

#endif
