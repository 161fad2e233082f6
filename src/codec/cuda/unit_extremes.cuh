// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The two smallest and the two largest values of the groups of a unit, and where the outer ones
 * are: a group's spikes, and the range of what is left without them.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_EXTREMES_CUH
#define FLCI_CODEC_CUDA_UNIT_EXTREMES_CUH

#include "codec/cuda/unit_range.cuh"

/* ---- Values ---- */

/* Sorted; NaN where there is one. Without the spikes the range is min2 to max2, also where both
   spikes are one element, for then all elements are equal. */
struct flcd_extremes {
    float min, min2, max, max2;

    __device__ __forceinline__ flcd_extremes join(flcd_extremes o) const
    {
        return {flcd_min_nan(min, o.min),
                flcd_min_nan(flcd_max_nan(min, o.min), flcd_min_nan(min2, o.min2)),
                flcd_max_nan(max, o.max),
                flcd_max_nan(flcd_min_nan(max, o.max), flcd_max_nan(max2, o.max2))};
    }

    __device__ __forceinline__ flcd_extremes across(int distance) const
    {
        return {__shfl_xor_sync(FLCD_ALL_LANES, min, distance),
                __shfl_xor_sync(FLCD_ALL_LANES, min2, distance),
                __shfl_xor_sync(FLCD_ALL_LANES, max, distance),
                __shfl_xor_sync(FLCD_ALL_LANES, max2, distance)};
    }
};

/* Of one piece of floats. */
static __device__ __forceinline__ struct flcd_extremes flcd_extremes_of_piece(const float (&x)[32],
                                                                              int k)
{
    struct flcd_extremes e;
#pragma unroll
    for (int i = 8 * k; i < 8 * k + FLCD_PIECE_ELEMS; i += 2) {
        const float low = flcd_min_nan(x[i], x[i + 1]), high = flcd_max_nan(x[i], x[i + 1]);
        const struct flcd_extremes pair = {low, high, high, low};
        e = i == 8 * k ? pair : e.join(pair);
    }
    return e;
}

/* The same of bf16 in pairs, even elements and odd ones. */
struct flcd_extremes16 {
    uint32_t min, min2, max, max2;

    __device__ __forceinline__ flcd_extremes16 join(flcd_extremes16 o) const
    {
        return {
            flcd_bf16x2_min_nan(min, o.min),
            flcd_bf16x2_min_nan(flcd_bf16x2_max_nan(min, o.min), flcd_bf16x2_min_nan(min2, o.min2)),
            flcd_bf16x2_max_nan(max, o.max),
            flcd_bf16x2_max_nan(flcd_bf16x2_min_nan(max, o.max),
                                flcd_bf16x2_max_nan(max2, o.max2))};
    }
};

/* And of both: min in the low half, min2 in the high one; max and max2 likewise. */
struct flcd_folded16 {
    uint32_t mins, maxs;

    __device__ __forceinline__ flcd_folded16 join(flcd_folded16 o) const
    {
        const uint32_t low = flcd_bf16x2_min_nan(mins, o.mins);
        const uint32_t high = flcd_bf16x2_max_nan(maxs, o.maxs);
        const uint32_t above = flcd_bf16x2_max_nan(mins, o.mins);
        const uint32_t below = flcd_bf16x2_min_nan(maxs, o.maxs);
        return {flcd_bf16x2_min_nan(low, __byte_perm(low, above, 0x5410)),
                flcd_bf16x2_max_nan(high, __byte_perm(high, below, 0x5410))};
    }

    __device__ __forceinline__ flcd_folded16 across(int distance) const
    {
        return {__shfl_xor_sync(FLCD_ALL_LANES, mins, distance),
                __shfl_xor_sync(FLCD_ALL_LANES, maxs, distance)};
    }
};

/* Of a quad, which is a group of 128. */
static __device__ __forceinline__ struct flcd_extremes flcd_extremes_of_quad(const float (&x)[32])
{
    struct flcd_extremes e = flcd_extremes_of_piece(x, 0);
#pragma unroll
    for (int k = 1; k < FLCD_PIECES; k++) {
        e = e.join(flcd_extremes_of_piece(x, k));
    }
    flcd_join_quad(e);
    return e;
}

static __device__ __forceinline__ struct flcd_extremes
flcd_extremes_of_quad(const flcd_elems<FLC_BFLOAT16> &x)
{
    struct flcd_extremes16 e;
    struct flcd_folded16 folded;
#pragma unroll
    for (int i = 0; i < 16; i += 2) {
        const uint32_t low = flcd_bf16x2_min_nan(x.words[i], x.words[i + 1]);
        const uint32_t high = flcd_bf16x2_max_nan(x.words[i], x.words[i + 1]);
        const struct flcd_extremes16 pair = {low, high, high, low};
        e = i == 0 ? pair : e.join(pair);
    }
    const struct flcd_folded16 odd = {__byte_perm(e.min, e.min2, 0x7632),
                                      __byte_perm(e.max, e.max2, 0x7632)};
    folded = {__byte_perm(e.min, e.min2, 0x5410), __byte_perm(e.max, e.max2, 0x5410)};
    folded = folded.join(odd);
    flcd_join_quad(folded);
    return {__uint_as_float(folded.mins << 16), __uint_as_float(folded.mins & 0xffff0000u),
            __uint_as_float(folded.maxs << 16), __uint_as_float(folded.maxs & 0xffff0000u)};
}

/* ---- Places ---- */

/* The lowest wins. */
struct flcd_places {
    uint32_t min_at, max_at;

    __device__ __forceinline__ flcd_places join(flcd_places o) const
    {
        return {min(min_at, o.min_at), min(max_at, o.max_at)};
    }

    __device__ __forceinline__ flcd_places across(int distance) const
    {
        return {__shfl_xor_sync(FLCD_ALL_LANES, min_at, distance),
                __shfl_xor_sync(FLCD_ALL_LANES, max_at, distance)};
    }
};

#define FLCD_NOWHERE 0xffffu

/* The first of a lane's elements that is equal to `value`, the group's minimum or maximum: 8 k + i
   of piece k, or 32. First the piece is found, by its own extreme, then the element in it. */
static __device__ __forceinline__ uint32_t flcd_first_equal(const float (&x)[32], float value,
                                                            bool is_max)
{
    float y[FLCD_PIECE_ELEMS];
    uint32_t piece = FLCD_PIECES, first = FLCD_PIECE_ELEMS - 1;
#pragma unroll
    for (int k = FLCD_PIECES - 1; k >= 0; k--) {
        const struct flcd_extremes e = flcd_extremes_of_piece(x, k); /* known from before */
        const bool is_here = (is_max ? e.max : e.min) == value;
        piece = is_here ? (uint32_t)k : piece;
#pragma unroll
        for (int i = 0; i < FLCD_PIECE_ELEMS; i++) {
            y[i] = is_here || k == FLCD_PIECES - 1 ? x[8 * k + i] : y[i];
        }
    }
#pragma unroll
    for (int i = FLCD_PIECE_ELEMS - 2; i >= 0; i--) {
        first = y[i] == value ? (uint32_t)i : first;
    }
    return piece == FLCD_PIECES ? 32 : 8 * piece + first;
}

static __device__ __forceinline__ uint32_t flcd_first_equal(const flcd_elems<FLC_BFLOAT16> &x,
                                                            float value, bool)
{
    const uint32_t twice = flcd_bf16x2_twice(value);
    uint32_t equal = 0, pair; /* bit i: element 2 i, bit 16 + i: 2 i + 1 */
#pragma unroll
    for (int i = 0; i < 16; i++) {
        equal |= flcd_bf16x2_equal(x.words[i], twice) & 0x10001u << i;
    }
    pair = (uint32_t)__ffs((int)((equal | equal >> 16) & 0xffffu)) - 1u;
    return equal == 0 ? 32 : 2 * pair + (~equal >> pair & 1u);
}

template <typename ELEMS>
static __device__ __forceinline__ struct flcd_places
flcd_places_of_quad(uint32_t lane, const ELEMS &x, const struct flcd_extremes &e)
{
    const uint32_t min_first = flcd_first_equal(x, e.min, false),
                   max_first = flcd_first_equal(x, e.max, true);
    const uint32_t base = 8 * (lane % 4);
    struct flcd_places places;
    /* 32 a piece; 32 becomes 128 and more */
    places.min_at = base + min_first + 3 * (min_first & ~7u);
    places.max_at = base + max_first + 3 * (max_first & ~7u);
    flcd_join_quad(places);
    return places;
}

/* In a group of any size, of the lane's piece k: twice the place, plus 1 where the element has a
   sign, for it may be a zero. */
static __device__ __forceinline__ uint32_t flcd_place_in_piece(const float (&x)[32], int k,
                                                               uint32_t base, float value)
{
    uint32_t place = FLCD_NOWHERE;
#pragma unroll
    for (int i = FLCD_PIECE_ELEMS - 1; i >= 0; i--) {
        const float own = x[8 * k + i];
        place = own == value ? 2 * (base + i) + (__float_as_uint(own) >> 31) : place;
    }
    return place;
}

#endif
