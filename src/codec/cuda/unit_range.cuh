// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranges of the groups of a unit: of each lane's pieces, joined with those of the lanes and pieces
 * that belong to the same group.
 *
 * What is joined is a struct with join(), of two parts of a group, and across(), the same struct of
 * the lane at a distance.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_RANGE_CUH
#define FLCI_CODEC_CUDA_UNIT_RANGE_CUH

#include "codec/cuda/unit.cuh"

/* What a quad's lanes hold of the same piece or pieces. */
template <typename PART> static __device__ __forceinline__ void flcd_join_quad(PART &part)
{
#pragma unroll
    for (int distance = 1; distance <= 2; distance *= 2) {
        part = part.join(part.across(distance));
    }
}

/* Each piece's part becomes its group's. */
template <typename PART>
static __device__ __forceinline__ void flcd_join_groups(uint32_t group, PART (&parts)[FLCD_PIECES])
{
    if (group >= 128) {
        parts[0] = parts[0].join(parts[1]).join(parts[2].join(parts[3]));
        flcd_join_quad(parts[0]);
        if (group == 256) {
            parts[0] = parts[0].join(parts[0].across(4));
        }
        parts[1] = parts[2] = parts[3] = parts[0];
        return;
    }
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        flcd_join_quad(parts[k]);
    }
    if (group == 64) {
        parts[0] = parts[1] = parts[0].join(parts[1]);
        parts[2] = parts[3] = parts[2].join(parts[3]);
    }
}

/* The part of piece `lane % 4`. */
template <typename PART>
static __device__ __forceinline__ PART flcd_own_part(uint32_t lane,
                                                     const PART (&parts)[FLCD_PIECES])
{
    const PART low = lane & 1 ? parts[1] : parts[0], high = lane & 1 ? parts[3] : parts[2];
    return lane & 2 ? high : low;
}

/* ---- Smallest and largest ---- */

/* NaN where there is one. */
struct flcd_range {
    float low, high;

    __device__ __forceinline__ flcd_range join(flcd_range other) const
    {
        return {flcd_min_nan(low, other.low), flcd_max_nan(high, other.high)};
    }

    __device__ __forceinline__ flcd_range across(int distance) const
    {
        return {__shfl_xor_sync(FLCD_ALL_LANES, low, distance),
                __shfl_xor_sync(FLCD_ALL_LANES, high, distance)};
    }
};

/* Of bf16 in pairs: even elements and odd ones. */
struct flcd_range16 {
    uint32_t low, high;

    __device__ __forceinline__ flcd_range16 join(flcd_range16 other) const
    {
        return {flcd_bf16x2_min_nan(low, other.low), flcd_bf16x2_max_nan(high, other.high)};
    }

    __device__ __forceinline__ flcd_range16 across(int distance) const
    {
        return {__shfl_xor_sync(FLCD_ALL_LANES, low, distance),
                __shfl_xor_sync(FLCD_ALL_LANES, high, distance)};
    }
};

/* Of the group of each piece; bf16 elements as they are, others widened. */
static __device__ __forceinline__ void flcd_ranges_of(uint32_t group, const float (&x)[32],
                                                      struct flcd_range (&ranges)[FLCD_PIECES])
{
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        ranges[k] = {x[8 * k], x[8 * k]};
#pragma unroll
        for (int i = 1; i < FLCD_PIECE_ELEMS; i++) {
            ranges[k] = ranges[k].join({x[8 * k + i], x[8 * k + i]});
        }
    }
    flcd_join_groups(group, ranges);
}

static __device__ __forceinline__ void flcd_ranges_of(uint32_t group,
                                                      const flcd_elems<FLC_BFLOAT16> &x,
                                                      struct flcd_range (&ranges)[FLCD_PIECES])
{
    struct flcd_range16 packed[FLCD_PIECES];
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        const uint32_t *w = x.words + FLCD_PIECE_PAIRS * k;
        packed[k] = {w[0], w[0]};
#pragma unroll
        for (int i = 1; i < FLCD_PIECE_PAIRS; i++) {
            packed[k] = packed[k].join({w[i], w[i]});
        }
    }
    flcd_join_groups(group, packed);
#pragma unroll
    for (int k = 0; k < FLCD_PIECES; k++) {
        const uint32_t low = packed[k].low, high = packed[k].high;
        ranges[k].low =
            flcd_min_nan(__uint_as_float(low << 16), __uint_as_float(low & 0xffff0000u));
        ranges[k].high =
            flcd_max_nan(__uint_as_float(high << 16), __uint_as_float(high & 0xffff0000u));
    }
}

#endif
