// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Scale and zero of a group of a unit, from its range: the rules of codec_core.h.
 *
 * With wide metadata and magnitudes below a quarter of the type's limit no clamp is ever active
 * (docs/format.md, "Encoding"): such a group is ordinary, and the asymmetric ones come without
 * branches, flcd_plain_group_of. flcd_group_of takes any other.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_GROUP_CUH
#define FLCI_CODEC_CUDA_UNIT_GROUP_CUH

#include "codec/cuda/unit_range.cuh"

/* How the elements of a group become codes. */
struct flcd_group {
    uint32_t scale; /* bf16 pattern, or the NaN mark */
    float inverse, zero;
    float min_code, max_code; /* of a group that is not ordinary */
};

static __device__ __forceinline__ bool flcd_is_ordinary(flc_type type, float low, float high)
{
    return fmaxf(-low, high) < 0.25f * flci_type_limit(type) && low <= high; /* and no NaN */
}

static __device__ __forceinline__ bool flcd_is_finite_range(float low, float high)
{
    return flci_is_finite(low) && flci_is_finite(high);
}

/* ---- Asymmetric, wide, ordinary ---- */

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

/* What flci_scale_target, flci_scale_to_wide and flci_quantizer_of come to; min_code and max_code
   are not set. */
template <int BITS>
static __device__ __forceinline__ struct flcd_group flcd_plain_group_of(float low, float high)
{
    const float half = 0.5f * high - 0.5f * low;
    const float magnitude = fmaxf(-low, high);
    const float target = fmaxf(
        fmaxf(half * flci_range_factor(BITS), flcd_quotient(magnitude, flci_zero_limit(BITS))),
        FLCI_SCALE_MIN);
    struct flcd_group g;
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

static __device__ __forceinline__ uint32_t flcd_plain_stored(const struct flcd_group &g)
{
    return g.scale | (uint32_t)(int)g.zero << 16;
}

/* ---- Any ---- */

/* Target scale, for the block's base exponent. */
template <int BITS, flc_type TYPE>
static __device__ __forceinline__ float flcd_target_of(flc_format format, struct flcd_range range)
{
    struct flci_range r = {range.low, range.high, range.low, range.high, 0, 0, 1};
    format.bits = BITS;
    return flcd_is_finite_range(range.low, range.high) ? flci_scale_target(format, TYPE, &r)
                                                       : FLCI_SCALE_MIN;
}

/* Metadata as it is stored, in the low bits. */
template <int BITS>
static __device__ __forceinline__ uint32_t flcd_stored_of(flc_format format, uint32_t scale,
                                                          int zero)
{
    const bool is_wide = format.metadata == FLC_WIDE;
    if (format.scheme == FLC_SYMMETRIC) {
        return scale;
    }
    if (!is_wide && BITS > FLCI_NARROW_BITS) {
        zero = -zero;
    }
    return is_wide ? scale | (uint32_t)zero << 16 : scale | ((uint32_t)zero & 0xffu) << 8;
}

/* A group that is not finite gets the NaN mark, and codes 0 by its clamps. */
template <int BITS, flc_type TYPE>
static __device__ __forceinline__ struct flcd_group
flcd_group_of(flc_format format, struct flcd_range range, bool is_finite, int base_exponent,
              uint32_t *stored)
{
    const bool is_wide = format.metadata == FLC_WIDE;
    struct flci_range r = {range.low, range.high, range.low, range.high, 0, 0, 1};
    struct flci_quantizer q;
    float target;
    uint32_t code;
    uint16_t scale;
    format.bits = BITS;
    if (!is_finite) {
        *stored = flcd_stored_of<BITS>(format, is_wide ? FLCI_SCALE_NAN : FLCI_SCALE_CODE_NAN, 0);
        return {FLCI_SCALE_NAN, 0.0f, 0.0f, 0.0f, 0.0f};
    }
    target = flci_scale_target(format, TYPE, &r);
    if (is_wide) {
        code = scale = flci_scale_to_wide(target, format, TYPE, r);
    } else {
        code = flci_scale_to_compact(target, flci_largest_exponent(TYPE), base_exponent,
                                     BITS > FLCI_NARROW_BITS);
        scale = flci_scale_from_compact((uint8_t)code, base_exponent);
    }
    q = flci_quantizer_of(format, TYPE, scale, r);
    *stored = flcd_stored_of<BITS>(format, code, q.zero);
    return {scale, q.inverse, (float)q.zero, (float)q.min_code, (float)q.max_code};
}

/* That of another lane: what flcd_code needs of it. */
template <int BITS, bool CAREFUL>
static __device__ __forceinline__ struct flcd_group flcd_group_from(struct flcd_group g, int lane)
{
    g.zero = __shfl_sync(FLCD_ALL_LANES, g.zero, lane);
    if (BITS == 1) {
        g.scale = __shfl_sync(FLCD_ALL_LANES, g.scale, lane);
        return g;
    }
    g.inverse = __shfl_sync(FLCD_ALL_LANES, g.inverse, lane);
    if (CAREFUL) {
        g.min_code = __shfl_sync(FLCD_ALL_LANES, g.min_code, lane);
        g.max_code = __shfl_sync(FLCD_ALL_LANES, g.max_code, lane);
    }
    return g;
}

/* ---- Stored ---- */

static __device__ __forceinline__ uint32_t flcd_scale_of(flc_format format, uint32_t stored,
                                                         int base_exponent)
{
    return format.metadata == FLC_WIDE ? stored & 0xffffu
                                       : flci_scale_from_compact((uint8_t)stored, base_exponent);
}

template <int BITS>
static __device__ __forceinline__ int flcd_zero_of(flc_format format, uint32_t stored)
{
    if (format.scheme == FLC_SYMMETRIC) {
        return BITS == 1 ? 0 : -(1 << (BITS - 1));
    }
    if (format.metadata == FLC_WIDE) {
        return (int16_t)(stored >> 16);
    }
    return BITS <= FLCI_NARROW_BITS ? (int)(int8_t)(stored >> 8) : -(int)(stored >> 8 & 0xffu);
}

/* A lane stores and loads the metadata of the group of its quad's piece `lane % 4`. */
static __device__ __forceinline__ uint32_t flcd_group_in_block(uint32_t unit, uint32_t lane,
                                                               uint32_t group)
{
    return (unit * FLCD_UNIT_ELEMS + 32 * lane) / group;
}

static __device__ __forceinline__ bool flcd_stores_group(uint32_t lane, uint32_t group)
{
    return 32 * lane % group == 0;
}

static __device__ __forceinline__ void flcd_store_scale(flc_format format, uint8_t *scales,
                                                        uint32_t index, uint32_t stored)
{
    const bool is_wide = format.metadata == FLC_WIDE, is_symmetric = format.scheme == FLC_SYMMETRIC;
    if (is_wide && !is_symmetric) {
        ((uint32_t *)scales)[index] = stored;
    } else if (!is_wide && is_symmetric) {
        scales[index] = (uint8_t)stored;
    } else {
        ((uint16_t *)scales)[index] = (uint16_t)stored;
    }
}

static __device__ __forceinline__ uint32_t flcd_load_scale(flc_format format, const uint8_t *scales,
                                                           uint32_t index)
{
    const bool is_wide = format.metadata == FLC_WIDE, is_symmetric = format.scheme == FLC_SYMMETRIC;
    if (is_wide && !is_symmetric) {
        return __ldcg((const uint32_t *)scales + index);
    }
    if (!is_wide && is_symmetric) {
        return __ldcg(scales + index);
    }
    return __ldcg((const uint16_t *)scales + index);
}

#endif
