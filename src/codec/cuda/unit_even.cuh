// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Units of asymmetric and symmetric formats without spikes, groups of 32 and more: the rules of
 * codec_core.h for 32 elements a lane.
 *
 * The common case is written without clamps: with wide metadata and magnitudes below a quarter of
 * the type's limit none is ever active (docs/format.md, "Encoding"). A warp in which any group is
 * another case takes the careful way. bf16 elements of 2 to 4 bits are quantized two at a time by
 * a packed multiply-add, which rounds the same exact number to the same integer.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_EVEN_CUH
#define FLCI_CODEC_CUDA_UNIT_EVEN_CUH

#include "codec/cuda/layout.h"
#include "codec/cuda/unit.cuh"

/* Codes of a lane, two in a word, and what they stand for: piece k's scale and zero. */
struct flcd_codes {
    uint32_t pairs[16];
    uint16_t scales[FLCD_PIECES]; /* bf16 patterns */
    int zeros[FLCD_PIECES];
    uint32_t stored; /* metadata of this lane's group, if it is the lane that stores it */
};

/* The group of piece `lane % 4`: all lanes of a group that spans pieces know the same metadata. */
static __device__ __forceinline__ uint32_t flcd_group_in_block(uint32_t unit, uint32_t lane,
                                                               uint32_t group)
{
    return (unit * FLCD_UNIT_ELEMS + 32 * lane) / group;
}

static __device__ __forceinline__ bool flcd_stores_group(uint32_t lane, uint32_t group)
{
    return 32 * lane % group == 0;
}

/* ---- Range ---- */

/* Smallest and largest of each piece to those of its group. */
template <typename VALUE, typename MIN, typename MAX>
static __device__ __forceinline__ void flcd_join_groups(uint32_t group, VALUE (&low)[FLCD_PIECES],
                                                        VALUE (&high)[FLCD_PIECES], MIN min_of,
                                                        MAX max_of)
{
    if (group >= 128) {
        low[0] = min_of(min_of(low[0], low[1]), min_of(low[2], low[3]));
        high[0] = max_of(max_of(high[0], high[1]), max_of(high[2], high[3]));
        for (uint32_t distance = 1; 32 * distance < group; distance *= 2) {
            low[0] = min_of(low[0], __shfl_xor_sync(FLCD_ALL_LANES, low[0], distance));
            high[0] = max_of(high[0], __shfl_xor_sync(FLCD_ALL_LANES, high[0], distance));
        }
#pragma unroll
        for (int k = 1; k < FLCD_PIECES; k++) {
            low[k] = low[0];
            high[k] = high[0];
        }
        return;
    }
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
#pragma unroll
        for (int distance = 1; distance <= 2; distance *= 2) {
            low[k] = min_of(low[k], __shfl_xor_sync(FLCD_ALL_LANES, low[k], distance));
            high[k] = max_of(high[k], __shfl_xor_sync(FLCD_ALL_LANES, high[k], distance));
        }
    }
    if (group == 64) {
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k += 2) {
            low[k] = low[k + 1] = min_of(low[k], low[k + 1]);
            high[k] = high[k + 1] = max_of(high[k], high[k + 1]);
        }
    }
}

static __device__ __forceinline__ void flcd_float_range(uint32_t group, const float (&x)[32],
                                                        float (&low)[FLCD_PIECES],
                                                        float (&high)[FLCD_PIECES])
{
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        low[k] = high[k] = x[8 * k];
#pragma unroll
        for (int i = 1; i < FLCD_PIECE_ELEMS; i++) {
            low[k] = flcd_min_nan(low[k], x[8 * k + i]);
            high[k] = flcd_max_nan(high[k], x[8 * k + i]);
        }
    }
    flcd_join_groups(group, low, high, flcd_min_nan, flcd_max_nan);
}

static __device__ __forceinline__ void flcd_bf16_range(uint32_t group, const uint32_t (&x)[16],
                                                       float (&low)[FLCD_PIECES],
                                                       float (&high)[FLCD_PIECES])
{
    uint32_t least[FLCD_PIECES], most[FLCD_PIECES];
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        least[k] = most[k] = x[4 * k];
#pragma unroll
        for (int i = 1; i < FLCD_PIECE_PAIRS; i++) {
            least[k] = flcd_bf16x2_min_nan(least[k], x[4 * k + i]);
            most[k] = flcd_bf16x2_max_nan(most[k], x[4 * k + i]);
        }
    }
    flcd_join_groups(group, least, most, flcd_bf16x2_min_nan, flcd_bf16x2_max_nan);
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        low[k] = flcd_min_nan(__uint_as_float(least[k] << 16), __uint_as_float(least[k] & 0xffff0000u));
        high[k] = flcd_max_nan(__uint_as_float(most[k] << 16), __uint_as_float(most[k] & 0xffff0000u));
    }
}

/* ---- Scale and zero ---- */

/* Needs no clamp, whatever the elements: see docs/format.md. False for a NaN. */
static __device__ __forceinline__ bool flcd_is_ordinary(flc_type type, float low, float high)
{
    return fmaxf(-low, high) < 0.25f * flci_type_limit(type) && low <= high;
}

static __device__ __forceinline__ bool flcd_is_finite_range(float low, float high)
{
    return flci_is_finite(low) && flci_is_finite(high);
}

/* Metadata as it is stored, in the low bits. */
static __device__ __forceinline__ uint32_t flcd_stored(flc_format format, uint32_t scale, int zero)
{
    if (format.metadata == FLC_WIDE) {
        return format.scheme == FLC_SYMMETRIC ? scale : scale | (uint32_t)zero << 16;
    }
    zero = format.bits <= FLCI_NARROW_BITS ? zero : -zero;
    return format.scheme == FLC_SYMMETRIC ? scale : scale | ((uint32_t)zero & 0xffu) << 8;
}

/*
 * One group's scale and zero from its range; `base_exponent` of compact metadata. A group that is
 * not finite gets the NaN mark. The quantizer's clamps hold for the careful way.
 */
template <int BITS, flc_type TYPE>
static __device__ __forceinline__ struct flci_quantizer
flcd_quantizer(flc_format format, float low, float high, int base_exponent, uint16_t *scale,
               uint32_t *stored)
{
    struct flci_range range = {low, high, low, high, 0, 0, flcd_is_finite_range(low, high)};
    struct flci_quantizer q = {1.0f, 0.0f, 0, 0, 0, BITS};
    *scale = FLCI_SCALE_NAN;
    *stored = flcd_stored(format, format.metadata == FLC_WIDE ? FLCI_SCALE_NAN : FLCI_SCALE_CODE_NAN,
                          0);
    if (range.is_finite) {
        const float target = flci_scale_target(format, TYPE, &range);
        uint32_t code;
        if (format.metadata == FLC_WIDE) {
            code = *scale = flci_scale_to_wide(target, format, TYPE, range);
        } else {
            code = flci_scale_to_compact(target, flci_largest_exponent(TYPE), base_exponent,
                                         BITS > FLCI_NARROW_BITS);
            *scale = flci_scale_from_compact((uint8_t)code, base_exponent);
        }
        q = flci_quantizer_of(format, TYPE, *scale, range);
        *stored = flcd_stored(format, code, q.zero);
    }
    return q;
}

/* Largest target scale of the lane's groups, for the block's base exponent. */
template <int BITS, flc_type TYPE>
static __device__ __forceinline__ float flcd_largest_target(flc_format format,
                                                            const float (&low)[FLCD_PIECES],
                                                            const float (&high)[FLCD_PIECES])
{
    float largest = FLCI_SCALE_MIN;
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        struct flci_range range = {low[k], high[k], low[k], high[k], 0, 0, 1};
        if (flcd_is_finite_range(low[k], high[k])) {
            largest = fmaxf(largest, flci_scale_target(format, TYPE, &range));
        }
    }
    return largest;
}

/* ---- Encode ---- */

static __device__ __forceinline__ uint32_t flcd_pair_of(float first, float second)
{
    return __byte_perm(__float_as_uint(first), __float_as_uint(second), 0x5410);
}

/* Codes of a pair of elements in the low bits of two floats. */
template <int BITS>
static __device__ __forceinline__ float flcd_code(const struct flci_quantizer &q, float x)
{
    if (BITS == 1) {
        return __uint_as_float(x > (float)q.zero * q.scale);
    }
    return fmaf(x, q.inverse, 12582912.0f - (float)q.zero); /* as flci_nearest */
}

template <int BITS>
static __device__ __forceinline__ float flcd_clamped_code(const struct flci_quantizer &q, float x)
{
    if (BITS == 1) {
        return __uint_as_float(q.inverse > 0.0f && x > (float)q.zero * q.scale);
    }
    return fminf(fmaxf(flcd_code<BITS>(q, x), 12582912.0f + (float)q.min_code),
                 12582912.0f + (float)q.max_code);
}

/* Packed: the code is in the low bits of bf16 144 + code, exact integers up to 256. */
static __device__ __forceinline__ void flcd_encode_packed(float inverse_of, float zero,
                                                          const uint32_t *x, uint32_t *pairs,
                                                          int count)
{
    const uint32_t inverse = flcd_bf16x2_twice(inverse_of);
    const uint32_t magic = flcd_bf16x2_twice(144.0f - zero);
#pragma unroll
    for (int i = 0; i < count; i++) {
        pairs[i] = flcd_bf16x2_fma(x[i], inverse, magic) & 0x000f000fu;
    }
}

/* ---- The common case ---- */

/* The float32 nearest to x / d, for an integer d up to 32000 and a quotient that is not subnormal:
   one correction of the product with the reciprocal (all mantissas were tried). */
static __device__ __forceinline__ float flcd_quotient(float x, float d)
{
    const float q = x * (1.0f / d);
    return fmaf(fmaf(-d, q, x), 1.0f / d, q);
}

/* As flci_reciprocal, of a bf16 pattern whose inverse is normal: for these both ways of rounding
   give the same for any start within 3 in the last place (all were tried). */
template <int BITS> static __device__ __forceinline__ float flcd_inverse(uint32_t scale)
{
    const float s = __uint_as_float(scale << 16);
    const float r = flcd_about_inverse(s);
    if (BITS > FLCI_NARROW_BITS) {
        return fmaf(fmaf(-s, r, 1.0f), r, r);
    }
    return __uint_as_float((__float_as_uint(r) + 0x7fffu + (__float_as_uint(r) >> 16 & 1u)) &
                           0xffff0000u);
}

struct flcd_plain_group {
    uint32_t scale; /* bf16 pattern */
    float inverse, zero;
};

/* Scale and zero of an asymmetric group with wide metadata where nothing needs a clamp: what
   flci_scale_target, flci_scale_to_wide and flci_quantizer_of then come to. */
template <int BITS>
static __device__ __forceinline__ struct flcd_plain_group flcd_plain_group_of(float low, float high)
{
    const float half = 0.5f * high - 0.5f * low;
    const float magnitude = fmaxf(-low, high);
    const float target = fmaxf(fmaxf(half * flci_range_factor(BITS),
                                     flcd_quotient(magnitude, flci_zero_limit(BITS))),
                               FLCI_SCALE_MIN);
    struct flcd_plain_group g;
    g.scale = (__float_as_uint(target) + 0xffffu) >> 16;
    g.inverse = flcd_inverse<BITS>(g.scale);
    if (BITS >= 2 && BITS <= FLCI_NARROW_BITS) {
        const float top = 0.5f * (float)((1 << BITS) - 1);
        g.scale += half * g.inverse * 0x1.00001p0f < top ? 0 : 1;
        g.inverse = flcd_inverse<BITS>(g.scale);
    }
    g.zero = flci_nearest(BITS == 1 ? 0.5f * low + 0.5f * high : low, g.inverse, 0);
    return g;
}

/*
 * COMMON: wide metadata, asymmetric, groups of 128. Everything else that the fast path knows is
 * told apart at run time.
 */
template <int BITS, flc_type TYPE, bool COMMON>
struct flcd_even {
    /*
     * Codes of a unit from floats. `share` turns the lane's largest target scale into the block's;
     * it is called for compact metadata alone, by all warps of the block.
     */
    template <typename SHARE>
    static __device__ __forceinline__ void encode(flc_format format, uint32_t lane,
                                                  const float (&x)[32], SHARE share,
                                                  struct flcd_codes &codes, int &base_exponent)
    {
        float low[FLCD_PIECES], high[FLCD_PIECES];
        flcd_float_range(COMMON ? 128 : format.group, x, low, high);
        if constexpr (COMMON) {
            const struct flcd_plain_group g = flcd_plain_group_of<BITS>(low[0], high[0]);
            if (__any_sync(FLCD_ALL_LANES, !flcd_is_ordinary(TYPE, low[0], high[0]))) {
                careful(format, lane, x, codes);
                return;
            }
            keep(g, codes);
#pragma unroll
            for (int i = 0; i < 16; i++) {
                codes.pairs[i] = flcd_pair_of(code(g, x[2 * i]), code(g, x[2 * i + 1]));
            }
            return;
        }
        quantize(format, lane, low, high, share, codes, base_exponent,
                 [&](const struct flci_quantizer &q, int k, bool careful) {
#pragma unroll
                     for (int i = 0; i < FLCD_PIECE_PAIRS; i++) {
                         const float a = x[8 * k + 2 * i], b = x[8 * k + 2 * i + 1];
                         codes.pairs[4 * k + i] =
                             careful ? flcd_pair_of(flcd_clamped_code<BITS>(q, a),
                                                 flcd_clamped_code<BITS>(q, b))
                                     : flcd_pair_of(flcd_code<BITS>(q, a), flcd_code<BITS>(q, b));
                     }
                 });
    }

    /* The same from elements, with less work where it can be had. */
    template <typename SHARE>
    static __device__ __forceinline__ void encode(flc_format format, uint32_t lane,
                                                  const flcd_elems<TYPE> &elems, SHARE share,
                                                  struct flcd_codes &codes, int &base_exponent)
    {
        if constexpr (TYPE == FLC_BFLOAT16 && BITS >= 2 && BITS <= FLCI_NARROW_BITS) {
            float low[FLCD_PIECES], high[FLCD_PIECES];
            flcd_bf16_range(COMMON ? 128 : format.group, elems.words, low, high);
            if constexpr (COMMON) {
                const struct flcd_plain_group g = flcd_plain_group_of<BITS>(low[0], high[0]);
                if (__any_sync(FLCD_ALL_LANES, !flcd_is_ordinary(TYPE, low[0], high[0]))) {
                    float x[32];
                    flcd_widen<TYPE>(elems, x);
                    careful(format, lane, x, codes);
                    return;
                }
                keep(g, codes);
                flcd_encode_packed(g.inverse, g.zero, elems.words, codes.pairs, 16);
                return;
            }
            quantize(format, lane, low, high, share, codes, base_exponent,
                     [&](const struct flci_quantizer &q, int k, bool careful) {
                         if (!careful) {
                             flcd_encode_packed(q.inverse, (float)q.zero, elems.words + 4 * k,
                                                codes.pairs + 4 * k, FLCD_PIECE_PAIRS);
                             return;
                         }
#pragma unroll
                         for (int i = 0; i < FLCD_PIECE_PAIRS; i++) {
                             const uint32_t pair = elems.words[4 * k + i];
                             codes.pairs[4 * k + i] = flcd_pair_of(
                                 flcd_clamped_code<BITS>(q, __uint_as_float(pair << 16)),
                                 flcd_clamped_code<BITS>(q, __uint_as_float(pair & 0xffff0000u)));
                         }
                     });
        } else {
            float x[32];
            flcd_widen<TYPE>(elems, x);
            encode(format, lane, x, share, codes, base_exponent);
        }
    }

    /* Values of codes: y = value, or y += value. */
    template <bool ADD>
    static __device__ __forceinline__ void decode(const struct flcd_codes &codes, float (&y)[32])
    {
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            const float scale = flci_from_bf16(codes.scales[k]);
            const float offset =
                8388608.0f - (float)(BITS == 1 ? codes.zeros[k] - 1 : codes.zeros[k]);
#pragma unroll
            for (int i = 0; i < FLCD_PIECE_PAIRS; i++) {
                const uint32_t pair =
                    BITS == 1 ? codes.pairs[4 * k + i] << 1 : codes.pairs[4 * k + i];
                const float a = __uint_as_float(__byte_perm(pair, 0x4b000000u, 0x7610)) - offset;
                const float b = __uint_as_float(__byte_perm(pair, 0x4b000000u, 0x7632)) - offset;
                float *to = y + 8 * k + 2 * i;
                to[0] = ADD ? fmaf(a, scale, to[0]) : a * scale;
                to[1] = ADD ? fmaf(b, scale, to[1]) : b * scale;
            }
        }
    }

    /* As elements, rounded; a group with the NaN mark as canonical NaN. */
    static __device__ __forceinline__ void decode(const struct flcd_codes &codes,
                                                  flcd_elems<TYPE> &elems)
    {
        bool has_nan = false;
        if constexpr (TYPE == FLC_BFLOAT16 && BITS >= 2 && BITS <= FLCI_NARROW_BITS) {
#pragma unroll
            for (int k = 0; k < FLCD_PIECES; k++) {
                /* (128 + code) + (zero - 128) is exact, and times the scale is rounded once. */
                const uint32_t scale = codes.scales[k] * 0x10001u;
                const uint32_t offset = flcd_bf16x2_twice((float)(codes.zeros[k] - 128));
#pragma unroll
                for (int i = 0; i < FLCD_PIECE_PAIRS; i++) {
                    const uint32_t level = flcd_bf16x2_fma(codes.pairs[4 * k + i] | 0x43004300u,
                                                           0x3f803f80u, offset);
                    elems.words[4 * k + i] = flcd_bf16x2_fma(level, scale, 0x80008000u);
                }
            }
        } else {
            float y[32];
            decode<false>(codes, y);
            flcd_narrow<TYPE>(y, elems);
        }
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            has_nan |= codes.scales[k] == FLCI_SCALE_NAN;
        }
        if (__any_sync(FLCD_ALL_LANES, has_nan)) {
            constexpr int words = TYPE == FLC_FLOAT32 ? 8 : 4; /* of a piece */
#pragma unroll
            for (int i = 0; i < FLCD_PIECES * words; i++) {
                const bool is_nan = codes.scales[i / words] == FLCI_SCALE_NAN;
                elems.words[i] = is_nan ? flcd_nan_word<TYPE>() : elems.words[i];
            }
        }
    }

    /* ---- The wire ---- */

    /* A lane's part of an encoded unit. */
    struct packet {
        uint32_t planes[BITS];
        uint32_t stored;
        int base_exponent;
    };

    template <typename SHARE>
    static __device__ __forceinline__ void encode_elems(const struct flcd_layout &layout,
                                                        uint32_t lane,
                                                        const flcd_elems<TYPE> &elems, SHARE share,
                                                        packet &p)
    {
        struct flcd_codes codes;
        encode(layout.format, lane, elems, share, codes, p.base_exponent);
        flcd_pack<BITS>(lane, codes.pairs, p.planes);
        p.stored = codes.stored;
    }

    /* From a sum; `decoded` is what every rank makes of the packet. */
    template <typename SHARE>
    static __device__ __forceinline__ void encode_sum(const struct flcd_layout &layout,
                                                      uint32_t lane, const float (&x)[32],
                                                      SHARE share, packet &p,
                                                      flcd_elems<TYPE> &decoded)
    {
        struct flcd_codes codes;
        encode(layout.format, lane, x, share, codes, p.base_exponent);
        flcd_pack<BITS>(lane, codes.pairs, p.planes);
        p.stored = codes.stored;
        decode(codes, decoded);
    }

    /* x = value or x += value. */
    template <bool ADD>
    static __device__ __forceinline__ void add(const struct flcd_layout &layout, uint32_t lane,
                                               const packet &p, float (&x)[32])
    {
        struct flcd_codes codes;
        open(layout.format, lane, p, codes);
        decode<ADD>(codes, x);
    }

    static __device__ __forceinline__ void decode(const struct flcd_layout &layout, uint32_t lane,
                                                  const packet &p, flcd_elems<TYPE> &elems)
    {
        struct flcd_codes codes;
        open(layout.format, lane, p, codes);
        decode(codes, elems);
    }

    static __device__ __forceinline__ void store(const struct flcd_layout &layout, uint8_t *block,
                                                 uint32_t unit, uint32_t lane, const packet &p)
    {
        const flc_format format = layout.format;
        flcd_store_planes<BITS>(block + layout.planes, unit, lane, p.planes);
        if constexpr (COMMON) {
            if (lane % 4 == 0) {
                ((uint32_t *)block)[8 * unit + lane / 4] = p.stored; /* scales come first */
            }
            return;
        }
        if (flcd_stores_group(lane, format.group)) {
            const uint32_t index = flcd_group_in_block(unit, lane, format.group);
            const bool is_symmetric = format.scheme == FLC_SYMMETRIC;
            uint8_t *scales = block + layout.scales;
            if (format.metadata == FLC_WIDE && !is_symmetric) {
                ((uint32_t *)scales)[index] = p.stored;
            } else if (format.metadata == FLC_COMPACT && is_symmetric) {
                scales[index] = (uint8_t)p.stored;
            } else {
                ((uint16_t *)scales)[index] = (uint16_t)p.stored;
            }
        }
        if (format.metadata == FLC_COMPACT && unit == 0 && lane == 0) {
            *(uint4 *)block = make_uint4((uint32_t)p.base_exponent & 0xffffu, 0, 0, 0);
        }
    }

    /* What store() wrote, by a peer: only loads, so that they can come early. */
    static __device__ __forceinline__ void load(const struct flcd_layout &layout,
                                                const uint8_t *block, uint32_t unit, uint32_t lane,
                                                packet &p)
    {
        const flc_format format = layout.format;
        const uint32_t index = flcd_group_in_block(unit, lane, format.group);
        const bool is_symmetric = format.scheme == FLC_SYMMETRIC;
        const uint8_t *scales = block + layout.scales;
        flcd_load_planes<BITS>(block + layout.planes, unit, lane, p.planes);
        p.base_exponent = 0;
        if constexpr (COMMON) {
            p.stored = __ldcg((const uint32_t *)block + 8 * unit + lane / 4);
            return;
        }
        if (format.metadata == FLC_WIDE && !is_symmetric) {
            p.stored = __ldcg((const uint32_t *)scales + index);
        } else if (format.metadata == FLC_COMPACT && is_symmetric) {
            p.stored = __ldcg(scales + index);
        } else {
            p.stored = __ldcg((const uint16_t *)scales + index);
        }
        if (format.metadata == FLC_COMPACT) {
            p.base_exponent = (int16_t)__ldcg((const uint16_t *)block);
        }
    }

  private:
    static __device__ __forceinline__ float code(const struct flcd_plain_group &g, float x)
    {
        if (BITS == 1) {
            return __uint_as_float(x > g.zero * __uint_as_float(g.scale << 16));
        }
        return fmaf(x, g.inverse, 12582912.0f - g.zero); /* as flci_nearest */
    }

    static __device__ __forceinline__ void keep(const struct flcd_plain_group &g,
                                                struct flcd_codes &codes)
    {
        const int zero = (int)g.zero;
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            codes.scales[k] = (uint16_t)g.scale;
            codes.zeros[k] = zero;
        }
        codes.stored = g.scale | (uint32_t)zero << 16;
    }

    /* Out of line, through memory: rare, and no burden on the common case's registers. */
    static __device__ __noinline__ void careful_through(flc_format format, uint32_t lane,
                                                        const float *x, struct flcd_codes *codes)
    {
        struct flcd_codes own;
        float in[32];
        int base_exponent;
#pragma unroll
        for (int i = 0; i < 32; i++) {
            in[i] = x[i];
        }
        flcd_even<BITS, TYPE, false>::encode(
            format, lane, in, [](float largest) { return largest; }, own, base_exponent);
        *codes = own;
    }

    static __device__ __forceinline__ void careful(flc_format format, uint32_t lane,
                                                   const float (&x)[32], struct flcd_codes &codes)
    {
        float in[32];
        struct flcd_codes out;
#pragma unroll
        for (int i = 0; i < 32; i++) {
            in[i] = x[i];
        }
        careful_through(format, lane, in, &out);
        codes = out;
    }

    static __device__ __forceinline__ void open(flc_format format, uint32_t lane, const packet &p,
                                                struct flcd_codes &codes)
    {
        flcd_unpack<BITS>(lane, p.planes, codes.pairs);
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            if (COMMON) {
                codes.scales[k] = (uint16_t)p.stored;
                codes.zeros[k] = (int16_t)(p.stored >> 16);
            } else if (k > 0 && format.group >= 128) {
                codes.scales[k] = codes.scales[0];
                codes.zeros[k] = codes.zeros[0];
            } else {
                const uint32_t own = format.group >= 128
                                         ? p.stored
                                         : __shfl_sync(FLCD_ALL_LANES, p.stored, (lane & ~3u) | k);
                codes.scales[k] = scale_of(format, own, p.base_exponent);
                codes.zeros[k] = zero_of(format, own);
            }
        }
    }

    static __device__ __forceinline__ uint16_t scale_of(flc_format format, uint32_t stored,
                                                        int base_exponent)
    {
        return format.metadata == FLC_WIDE
                   ? (uint16_t)stored
                   : flci_scale_from_compact((uint8_t)stored, base_exponent);
    }

    static __device__ __forceinline__ int zero_of(flc_format format, uint32_t stored)
    {
        if (format.scheme == FLC_SYMMETRIC) {
            return BITS == 1 ? 0 : -(1 << (BITS - 1));
        }
        if (format.metadata == FLC_WIDE) {
            return (int16_t)(stored >> 16);
        }
        return BITS <= FLCI_NARROW_BITS ? (int)(int8_t)(stored >> 8) : -(int)(stored >> 8 & 0xffu);
    }

    /* Scale and zero of every piece, and then `piece(quantizer, k, careful)` for each. */
    template <typename SHARE, typename PIECE>
    static __device__ __forceinline__ void
    quantize(flc_format format, uint32_t lane, const float (&low)[FLCD_PIECES],
             const float (&high)[FLCD_PIECES], SHARE share, struct flcd_codes &codes,
             int &base_exponent, PIECE piece)
    {
        struct flci_quantizer q[FLCD_PIECES];
        uint32_t stored[FLCD_PIECES];
        bool careful = format.metadata == FLC_COMPACT && BITS <= FLCI_NARROW_BITS;
        format.bits = BITS;
        base_exponent = 0;
        if (format.metadata == FLC_COMPACT) {
            base_exponent =
                flci_base_exponent(share(flcd_largest_target<BITS, TYPE>(format, low, high)));
        }
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            if (k > 0 && format.group >= 128) {
                q[k] = q[0];
                stored[k] = stored[0];
                codes.scales[k] = codes.scales[0];
            } else {
                q[k] = flcd_quantizer<BITS, TYPE>(format, low[k], high[k], base_exponent,
                                                  &codes.scales[k], &stored[k]);
                careful |= !flcd_is_ordinary(TYPE, low[k], high[k]);
            }
            codes.zeros[k] = q[k].zero;
        }
        codes.stored = lane & 2 ? (lane & 1 ? stored[3] : stored[2])
                                : (lane & 1 ? stored[1] : stored[0]);
        if (__any_sync(FLCD_ALL_LANES, careful)) {
#pragma unroll
            for (int k = 0; k < FLCD_PIECES; k++) {
                piece(q[k], k, true);
            }
        } else {
#pragma unroll
            for (int k = 0; k < FLCD_PIECES; k++) {
                piece(q[k], k, false);
            }
        }
    }
};

#endif
