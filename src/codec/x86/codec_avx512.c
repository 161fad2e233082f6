// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The AVX-512 row: elements, asymmetric and symmetric formats, planes, 16 or 64 at a time;
 * codec_avx512_rotated.c has the rotated formats. Metadata is computed by the scalar rules of
 * codec_core.h, a group at a time.
 *
 * A block's codes lie in an array of bytes between the elements and the planes: both halves then
 * walk whole vectors, whatever the width and the group, and the array stays in the first cache.
 */
#include "codec/codec_rows.h"

#if FLCI_HAS_AVX512

#    include <assert.h>
#    include <string.h>

#    include "codec/x86/avx512.h"

static_assert(FLCI_CODES_SLACK >= 64, "pack and unpack take whole vectors of codes");

static int is_supported(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}

/* ---- Elements ---- */

AVX512 static void load_halves(flc_type type, const uint16_t *src, uint32_t n, float *x)
{
    for (uint32_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = lanes_of(n - i);
        const __m256i halves = _mm256_maskz_loadu_epi16(lanes, src + i);
        const __m512i shifted = _mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16);
        store_floats(x + i, lanes,
                     type == FLC_FLOAT16 ? _mm512_cvtph_ps(halves) : _mm512_castsi512_ps(shifted));
    }
}

/* In integers as flci_to_bf16; fp16 by the instruction, which keeps subnormals. NaN apart. */
AVX512 static void store_halves(flc_type type, const float *x, uint32_t n, uint16_t *dst)
{
    const int is_fp16 = type == FLC_FLOAT16;
    const __m256i nan = _mm256_set1_epi16(is_fp16 ? 0x7e00 : 0x7fc0);
    const __m512i half = _mm512_set1_epi32(0x7fff), one = _mm512_set1_epi32(1);
    for (uint32_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = lanes_of(n - i);
        const __m512 v = _mm512_maskz_loadu_ps(lanes, x + i);
        const __m512i bits = _mm512_castps_si512(v);
        const __m512i odd = _mm512_and_epi32(_mm512_srli_epi32(bits, 16), one);
        const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(half, odd));
        const __mmask16 unordered = _mm512_mask_cmp_ps_mask(lanes, v, v, _CMP_UNORD_Q);
        __m256i halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
        if (is_fp16) {
            halves = _mm512_maskz_cvtps_ph(lanes, v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        }
        halves = _mm256_mask_mov_epi16(halves, unordered, nan);
        if (lanes == 0xffffu) {
            _mm256_storeu_si256((__m256i *)(void *)(dst + i), halves);
        } else {
            _mm256_mask_storeu_epi16(dst + i, lanes, halves);
        }
    }
}

/* ---- Range ---- */

/* Smallest and largest of the elements, and whether all are finite. */
AVX512 static void find_extremes(const float *x, uint32_t n, struct flci_range *range)
{
    __m512 low = _mm512_set1_ps(x[0]), high = low;
    __m512i magnitude = _mm512_setzero_si512();
    for (uint32_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = lanes_of(n - i);
        const __m512 v = _mm512_mask_loadu_ps(low, lanes, x + i);
        const __m512i bits = _mm512_and_epi32(_mm512_castps_si512(v), _mm512_set1_epi32(INT32_MAX));
        low = _mm512_min_ps(low, v);
        high = _mm512_max_ps(high, v);
        magnitude = _mm512_max_epi32(magnitude, bits);
    }
    range->min = _mm512_reduce_min_ps(low);
    range->max = _mm512_reduce_max_ps(high);
    range->is_finite = _mm512_reduce_max_epi32(magnitude) < 0x7f800000;
}

/* Lowest position of a value; +0 and -0 are equal. */
AVX512 static int find_first(const float *x, uint32_t n, float value)
{
    const __m512 wanted = _mm512_set1_ps(value);
    for (uint32_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = lanes_of(n - i);
        const __m512 v = _mm512_maskz_loadu_ps(lanes, x + i);
        const __mmask16 found = _mm512_mask_cmp_ps_mask(lanes, v, wanted, _CMP_EQ_OQ);
        if (found != 0) {
            return (int)i + __builtin_ctz(found);
        }
    }
    return 0;
}

/* The range of what is no spike; 0, 0 if nothing is left. */
AVX512 static void find_rest(const float *x, uint32_t n, struct flci_range *range)
{
    const __m512 none_low = _mm512_set1_ps(flci_float_of(0x7f800000u));
    const __m512 none_high = _mm512_set1_ps(flci_float_of(0xff800000u));
    __m512 low = none_low, high = none_high;
    for (uint32_t i = 0; i < n; i += 16) {
        uint32_t lanes = lanes_of(n - i);
        if ((uint32_t)range->min_at - i < 16) {
            lanes &= ~(1u << ((uint32_t)range->min_at - i));
        }
        if ((uint32_t)range->max_at - i < 16) {
            lanes &= ~(1u << ((uint32_t)range->max_at - i));
        }
        low = _mm512_min_ps(low, _mm512_mask_loadu_ps(none_low, (__mmask16)lanes, x + i));
        high = _mm512_max_ps(high, _mm512_mask_loadu_ps(none_high, (__mmask16)lanes, x + i));
    }
    range->low = _mm512_reduce_min_ps(low);
    range->high = _mm512_reduce_max_ps(high);
    if (range->low > range->high) {
        range->low = range->high = 0.0f;
    }
}

AVX512 static struct flci_range range_of(const float *x, uint32_t n, int spikes)
{
    struct flci_range range = {0};
    find_extremes(x, n, &range);
    range.low = range.min;
    range.high = range.max;
    if (spikes && range.is_finite) {
        range.min_at = find_first(x, n, range.min);
        range.max_at = find_first(x, n, range.max);
        /* The sign of a zero is that of the element, which a minimum of vectors may lose. */
        range.min = x[range.min_at];
        range.max = x[range.max_at];
        find_rest(x, n, &range);
    }
    return range;
}

/* ---- Codes ---- */

/* flci_quantize. `codes` has room for a whole vector behind the last. */
AVX512 static void quantize(const struct flci_quantizer *q, const float *x, uint32_t n,
                            uint8_t *codes)
{
    const __m512 inverse = _mm512_set1_ps(q->inverse);
    const __m512 magic = _mm512_set1_ps(12582912.0f - (float)q->zero); /* as flci_nearest */
    /* Clamped while they are floats: a sum may lie far beyond the codes. */
    const __m512 least = _mm512_set1_ps(12582912.0f + (float)q->min_code);
    const __m512 most = _mm512_set1_ps(12582912.0f + (float)q->max_code);
    const __m512 threshold = _mm512_set1_ps((float)q->zero * q->scale);
    for (uint32_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = lanes_of(n - i);
        const __m512 v = _mm512_maskz_loadu_ps(lanes, x + i);
        __m512i code;
        if (q->bits == 1) {
            const __mmask16 above = _mm512_mask_cmp_ps_mask(lanes, v, threshold, _CMP_GT_OQ);
            code = _mm512_maskz_set1_epi32(above, 1);
        } else {
            __m512 sum = _mm512_fmadd_ps(v, inverse, magic);
            sum = _mm512_min_ps(_mm512_max_ps(sum, least), most);
            code = _mm512_castps_si512(sum); /* the lowest byte is the code */
        }
        _mm_storeu_si128((__m128i *)(void *)(codes + i), _mm512_cvtepi32_epi8(code));
    }
}

/* flci_dequantize; writes whole vectors. */
AVX512 static void dequantize(int bits, float scale, int zero, const uint8_t *codes, uint32_t n,
                              float *y)
{
    const __m512 factor = _mm512_set1_ps(scale);
    const __m512i offset = _mm512_set1_epi32(bits == 1 ? zero - 1 : zero);
    for (uint32_t i = 0; i < n; i += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(codes + i));
        __m512i level = _mm512_cvtepu8_epi32(bytes);
        level = bits == 1 ? _mm512_add_epi32(level, level) : level;
        level = _mm512_add_epi32(level, offset);
        store_floats(y + i, lanes_of(n - i), _mm512_mul_ps(_mm512_cvtepi32_ps(level), factor));
    }
}

/* ---- Planes: 64 codes at a time ---- */

/* In each 16 bytes, even codes first: of 8 codes, of 16 codes. */
#    define ORDER_8  0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15
#    define ORDER_16 0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15

AVX512 static __m512i order_of(uint32_t width)
{
    const __m128i order = width == 4 ? _mm_setr_epi8(ORDER_8) : _mm_setr_epi8(ORDER_16);
    return _mm512_broadcast_i32x4(order);
}

/* 64 codes of `width` bits each, one a byte, to 8 * width bytes. */
AVX512 static void pack_64(__m512i codes, uint32_t width, uint8_t *plane)
{
    if (width == 8) {
        _mm512_storeu_si512(plane, codes);
    } else if (width == 4) {
        const __m512i ordered = _mm512_shuffle_epi8(codes, order_of(4));
        const __m512i pairs = _mm512_maddubs_epi16(ordered, _mm512_set1_epi16(0x1001));
        _mm256_storeu_si256((__m256i *)(void *)plane, _mm512_cvtepi16_epi8(pairs));
    } else if (width == 2) {
        const __m512i ordered = _mm512_shuffle_epi8(codes, order_of(2));
        const __m512i pairs = _mm512_maddubs_epi16(ordered, _mm512_set1_epi16(0x0401));
        const __m512i fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00100001));
        _mm_storeu_si128((__m128i *)(void *)plane, _mm512_cvtepi32_epi8(fours));
    } else {
        const uint64_t even = 0x5555555555555555u;
        const uint64_t bits = _mm512_test_epi8_mask(codes, codes);
        const uint64_t evens = _pext_u64(bits, even), odds = _pext_u64(bits, ~even);
        const uint64_t words = (evens & 0xffffu) | (odds & 0xffffu) << 16 |
                               (evens & 0xffff0000u) << 16 | (odds & 0xffff0000u) << 32;
        memcpy(plane, &words, sizeof words);
    }
}

AVX512 static __m512i unpack_64(const uint8_t *plane, uint32_t width)
{
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
    uint64_t words, evens, odds;
    const uint64_t even = 0x5555555555555555u;
    memcpy(&words, plane, sizeof words);
    evens = (words & 0xffffu) | (words >> 16 & 0xffff0000u);
    odds = (words >> 16 & 0xffffu) | (words >> 32 & 0xffff0000u);
    return _mm512_maskz_set1_epi8(_pdep_u64(evens, even) | _pdep_u64(odds, ~even), 1);
}

/* The codes of the last vector, 64 or fewer: what lies behind them is not theirs. */
AVX512 static inline __m512i load_codes(const uint8_t *codes, uint32_t left)
{
    const __mmask64 lanes = left >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1u;
    return _mm512_maskz_loadu_epi8(lanes, codes);
}

AVX512 static void pack(const uint8_t *codes, uint32_t count, uint32_t bits, uint8_t *planes)
{
    uint32_t shift = 0;
    for (uint32_t width = 8; width > 0; width /= 2) {
        const uint32_t bytes = flci_plane_bytes(count, width);
        const __m512i mask = _mm512_set1_epi8((char)((1u << width) - 1u));
        if ((bits & width) == 0) {
            continue;
        }
        memset(planes + bytes - 16, 0, 16); /* the codes may end before the plane */
        for (uint32_t i = 0; i < count; i += 64) {
            const uint32_t at = i / 8 * width;
            const __m512i all = load_codes(codes + i, count - i);
            const __m512i part =
                _mm512_and_si512(_mm512_srl_epi16(all, _mm_cvtsi32_si128((int)shift)), mask);
            uint8_t last[64];
            if (bytes - at >= 8 * width) {
                pack_64(part, width, planes + at);
            } else {
                pack_64(part, width, last);
                memcpy(planes + at, last, bytes - at);
            }
        }
        planes += bytes;
        shift += width;
    }
}

/* As flci_unpack_planes; writes whole vectors. */
AVX512 static void unpack(const uint8_t *planes, uint32_t count, uint32_t bits, uint8_t *codes)
{
    uint32_t shift = 0;
    for (uint32_t width = 8; width > 0; width /= 2) {
        const uint32_t bytes = flci_plane_bytes(count, width);
        if ((bits & width) == 0) {
            continue;
        }
        for (uint32_t i = 0; i < count; i += 64) {
            const uint32_t at = i / 8 * width;
            uint8_t last[64] = {0};
            __m512i part;
            if (bytes - at >= 8 * width) {
                part = unpack_64(planes + at, width);
            } else {
                memcpy(last, planes + at, bytes - at);
                part = unpack_64(last, width);
            }
            part = _mm512_sll_epi16(part, _mm_cvtsi32_si128((int)shift));
            if (shift != 0) {
                part = _mm512_or_si512(part, _mm512_loadu_si512(codes + i));
            }
            _mm512_storeu_si512(codes + i, part);
        }
        planes += bytes;
        shift += width;
    }
}

static const struct flci_even_ops even_ops = {
    .range_of = range_of,
    .quantize = quantize,
    .pack = pack,
    .unpack = unpack,
    .dequantize = dequantize,
};

const struct flci_codec_row flci_codec_avx512 = {
    .name = "avx512",
    .summary = "x86-64 with AVX-512 F, BW, VL, DQ",
    .is_supported = is_supported,
    .load_halves = load_halves,
    .store_halves = store_halves,
    .even = &even_ops,
    .rotated = &flci_rotated_avx512,
};

#endif
