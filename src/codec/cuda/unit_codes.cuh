// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Elements of a unit to codes and back, once the groups' scales and zeros are known.
 *
 * bf16 elements of 2 to 4 bits are quantized two at a time by a packed multiply-add, which rounds
 * the same exact number to the same integer as the float32 one.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_CODES_CUH
#define FLCI_CODEC_CUDA_UNIT_CODES_CUH

#include "codec/cuda/unit_group.cuh"

/* Codes of a lane, as unit_planes.cuh has them, and what they stand for: scale, a bf16 pattern,
   and zero of each piece. */
struct flcd_codes {
    uint32_t pairs[16];
    uint16_t scales[FLCD_PIECES];
    int zeros[FLCD_PIECES];
};

/* ---- Encode ---- */

/* In the low bits of a float. CAREFUL: any group; else an ordinary one. */
template <int BITS, bool CAREFUL>
static __device__ __forceinline__ float flcd_code(const struct flcd_group &g, float x)
{
    if (BITS == 1) {
        return __uint_as_float(x > g.zero * __uint_as_float(g.scale << 16));
    }
    const float code = fmaf(x, g.inverse, 12582912.0f - g.zero); /* as flci_nearest */
    return CAREFUL ? fminf(fmaxf(code, 12582912.0f + g.min_code), 12582912.0f + g.max_code) : code;
}

template <int BITS, bool CAREFUL>
static __device__ __forceinline__ uint32_t flcd_code_pair(const struct flcd_group &g, float first,
                                                          float second)
{
    return __byte_perm(__float_as_uint(flcd_code<BITS, CAREFUL>(g, first)),
                       __float_as_uint(flcd_code<BITS, CAREFUL>(g, second)), 0x5410);
}

/* The codes of one piece. */
template <int BITS, bool CAREFUL>
static __device__ __forceinline__ void
flcd_encode_piece(const struct flcd_group &g, const float (&x)[32], int k, uint32_t (&pairs)[16])
{
#pragma unroll
    for (int i = 4 * k; i < 4 * k + FLCD_PIECE_PAIRS; i++) {
        pairs[i] = flcd_code_pair<BITS, CAREFUL>(g, x[2 * i], x[2 * i + 1]);
    }
}

template <int BITS, bool CAREFUL>
static __device__ __forceinline__ void flcd_encode_piece(const struct flcd_group &g,
                                                         const flcd_elems<FLC_BFLOAT16> &x, int k,
                                                         uint32_t (&pairs)[16])
{
    /* The code is in the low bits of bf16 144 + code, exact integers up to 256. */
    const uint32_t inverse = flcd_bf16x2_twice(g.inverse);
    const uint32_t magic = flcd_bf16x2_twice(144.0f - g.zero);
#pragma unroll
    for (int i = 4 * k; i < 4 * k + FLCD_PIECE_PAIRS; i++) {
        const uint32_t word = x.words[i];
        if (!CAREFUL && BITS >= 2 && BITS <= FLCI_NARROW_BITS) {
            pairs[i] = flcd_bf16x2_fma(word, inverse, magic) & 0x000f000fu;
        } else {
            pairs[i] = flcd_code_pair<BITS, CAREFUL>(g, __uint_as_float(word << 16),
                                                     __uint_as_float(word & 0xffff0000u));
        }
    }
}

/* All pieces of one ordinary group. */
template <int BITS, typename ELEMS>
static __device__ __forceinline__ void flcd_encode_plain(const struct flcd_group &g, const ELEMS &x,
                                                         uint32_t (&pairs)[16])
{
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        flcd_encode_piece<BITS, false>(g, x, k, pairs);
    }
}

/* All pieces; `own` is the group of the quad's piece `lane % 4`, ordinary or not. */
template <int BITS, typename ELEMS>
static __device__ __forceinline__ void flcd_encode_any(uint32_t lane, const struct flcd_group &own,
                                                       bool is_ordinary, const ELEMS &x,
                                                       uint32_t (&pairs)[16])
{
    const int quad = (int)(lane & ~3u);
    if (__any_sync(FLCD_ALL_LANES, !is_ordinary)) {
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            flcd_encode_piece<BITS, true>(flcd_group_from<BITS, true>(own, quad + k), x, k, pairs);
        }
    } else {
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            flcd_encode_piece<BITS, false>(flcd_group_from<BITS, false>(own, quad + k), x, k,
                                           pairs);
        }
    }
}

/* ---- Decode ---- */

/* Scales and zeros from the metadata that this lane, or each lane of the quad, has. */
template <int BITS, bool COMMON>
static __device__ __forceinline__ void flcd_open_groups(flc_format format, uint32_t lane,
                                                        uint32_t stored, int base_exponent,
                                                        struct flcd_codes &codes)
{
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        if (COMMON) {
            codes.scales[k] = (uint16_t)stored;
            codes.zeros[k] = (int16_t)(stored >> 16);
        } else {
            const uint32_t of_piece = __shfl_sync(FLCD_ALL_LANES, stored, (int)((lane & ~3u) | k));
            codes.scales[k] = (uint16_t)flcd_scale_of(format, of_piece, base_exponent);
            codes.zeros[k] = flcd_zero_of<BITS>(format, of_piece);
        }
    }
}

/* y = value, or y += value. */
template <int BITS, bool ADD>
static __device__ __forceinline__ void flcd_decode_floats(const struct flcd_codes &codes,
                                                          float (&y)[32])
{
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        const float scale = flci_from_bf16(codes.scales[k]);
        const float offset = 8388608.0f - (float)(BITS == 1 ? codes.zeros[k] - 1 : codes.zeros[k]);
#pragma unroll
        for (int i = 4 * k; i < 4 * k + FLCD_PIECE_PAIRS; i++) {
            const uint32_t pair = BITS == 1 ? codes.pairs[i] << 1 : codes.pairs[i];
            const float a = __uint_as_float(__byte_perm(pair, 0x4b000000u, 0x7610)) - offset;
            const float b = __uint_as_float(__byte_perm(pair, 0x4b000000u, 0x7632)) - offset;
            y[2 * i] = ADD ? fmaf(a, scale, y[2 * i]) : a * scale;
            y[2 * i + 1] = ADD ? fmaf(b, scale, y[2 * i + 1]) : b * scale;
        }
    }
}

/* Two bf16 at a time. */
static __device__ __forceinline__ void flcd_decode_packed(const struct flcd_codes &codes,
                                                          flcd_elems<FLC_BFLOAT16> &elems)
{
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        /* (128 + code) + (zero - 128) is exact, and times the scale is rounded once. */
        const uint32_t scale = codes.scales[k] * 0x10001u;
        const uint32_t offset = flcd_bf16x2_twice((float)(codes.zeros[k] - 128));
#pragma unroll
        for (int i = 4 * k; i < 4 * k + FLCD_PIECE_PAIRS; i++) {
            const uint32_t level =
                flcd_bf16x2_fma(codes.pairs[i] | 0x43004300u, 0x3f803f80u, offset);
            elems.words[i] = flcd_bf16x2_fma(level, scale, 0x80008000u);
        }
    }
}

/* As elements, rounded; a group with the NaN mark as canonical NaN. Packed: zeros as encoders write
   them, from -128 to 127. */
template <int BITS, flc_type TYPE>
static __device__ __forceinline__ void flcd_decode_elems(const struct flcd_codes &codes,
                                                         flcd_elems<TYPE> &elems)
{
    constexpr int words = TYPE == FLC_FLOAT32 ? 8 : 4; /* of a piece */
    bool has_nan = false;
    if constexpr (TYPE == FLC_BFLOAT16 && BITS >= 2 && BITS <= FLCI_NARROW_BITS) {
        flcd_decode_packed(codes, elems);
    } else {
        float y[32];
        flcd_decode_floats<BITS, false>(codes, y);
        flcd_narrow<TYPE>(y, elems);
    }
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        has_nan |= codes.scales[k] == FLCI_SCALE_NAN;
    }
    if (__any_sync(FLCD_ALL_LANES, has_nan)) {
#pragma unroll
        for (int i = 0; i < FLCD_PIECES * words; i++) {
            const bool is_nan = codes.scales[i / words] == FLCI_SCALE_NAN;
            elems.words[i] = is_nan ? flcd_nan_word<TYPE>() : elems.words[i];
        }
    }
}

#endif
