// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A lane's spikes, once they are found: out of the codes, and back among the values.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_SPIKES_CUH
#define FLCI_CODEC_CUDA_UNIT_SPIKES_CUH

#include "codec/cuda/unit_planes.cuh"

/* Where a lane's minima or maxima are, at most one in a piece: for element i of piece k */
struct flcd_spots {
    uint32_t elems;               /* bit 8 k + i */
    uint32_t words;               /* bit 4 k + i / 2 */
    uint32_t is_odd[FLCD_PIECES]; /* i % 2 */
    uint32_t nibbles;             /* bit 4 (i / 2) + 16 (i % 2) + k: lowest of a code's nibble */

    __device__ __forceinline__ void add(uint32_t i, uint32_t piece)
    {
        elems |= 1u << ((8 * piece + i) & 31u);
        words |= 1u << ((4 * piece + i / 2) & 31u);
        nibbles |= 1u << ((i / 2 * 4 + i % 2 * 16 + piece) & 31u);
    }
};

struct flcd_spikes {
    struct flcd_spots min, max;
    uint32_t values[FLCD_PIECES]; /* of each piece's group, the minimum low */
};

/* Place in the group of the lane's first element of piece k. */
static __device__ __forceinline__ uint32_t flcd_place_of_piece(uint32_t lane, int k, uint32_t group)
{
    return flcd_piece_at(lane, (uint32_t)k) & (group - 1);
}

/* ---- Values ---- */

template <flc_type TYPE>
static __device__ __forceinline__ uint32_t flcd_spike_words(float min, float max)
{
    return TYPE == FLC_FLOAT16 ? flcd_fp16x2_of(min, max) : flcd_bf16x2_of(min, max);
}

/* NaN canonical, in either half. */
template <flc_type TYPE>
static __device__ __forceinline__ uint32_t flcd_canonical_spikes(uint32_t words)
{
    constexpr uint32_t infinity = TYPE == FLC_FLOAT16 ? 0x7c00u : 0x7f80u;
    constexpr uint32_t nan = TYPE == FLC_FLOAT16 ? 0x7e00u : 0x7fc0u;
    words = (words & 0x7fffu) > infinity ? (words & 0xffff0000u) | nan : words;
    return (words & 0x7fff0000u) > infinity << 16 ? (words & 0xffffu) | nan << 16 : words;
}

template <flc_type TYPE>
static __device__ __forceinline__ float flcd_spike_value(uint32_t words, bool is_max)
{
    if (TYPE == FLC_FLOAT16) {
        return flcd_fp16_to_float(is_max ? words >> 16 : words & 0xffffu);
    }
    return __uint_as_float(is_max ? words & 0xffff0000u : words << 16);
}

/* The maximum comes last, as in the rules. (Tests of neighbouring bits become one instruction for
   seven of them.) */
template <flc_type TYPE>
static __device__ __forceinline__ void flcd_put_spikes(const struct flcd_spikes &s, float (&y)[32])
{
#pragma unroll
    for (int i = 0; i < 32; i++) {
        const float min = flcd_spike_value<TYPE>(s.values[i / FLCD_PIECE_ELEMS], false);
        y[i] = (s.min.elems & 1u << i) != 0 ? min : y[i];
    }
#pragma unroll
    for (int i = 0; i < 32; i++) {
        const float max = flcd_spike_value<TYPE>(s.values[i / FLCD_PIECE_ELEMS], true);
        y[i] = (s.max.elems & 1u << i) != 0 ? max : y[i];
    }
}

template <flc_type TYPE>
static __device__ __forceinline__ void flcd_put_spikes(const struct flcd_spikes &s,
                                                       flcd_elems<TYPE> &elems)
{
    if constexpr (TYPE == FLC_FLOAT32) {
        float y[32];
        flcd_widen<TYPE>(elems, y);
        flcd_put_spikes<TYPE>(s, y);
        flcd_narrow<TYPE>(y, elems);
    } else {
        uint32_t(&w)[16] = elems.words;
#pragma unroll
        for (int i = 0; i < 16; i++) {
            const int k = i / FLCD_PIECE_PAIRS;
            const uint32_t half = s.min.is_odd[k] ? 0x5410u : 0x3254u;
            w[i] = (s.min.words & 1u << i) != 0 ? __byte_perm(w[i], s.values[k], half) : w[i];
        }
#pragma unroll
        for (int i = 0; i < 16; i++) {
            const int k = i / FLCD_PIECE_PAIRS;
            const uint32_t half = s.max.is_odd[k] ? 0x7610u : 0x3276u;
            w[i] = (s.max.words & 1u << i) != 0 ? __byte_perm(w[i], s.values[k], half) : w[i];
        }
    }
}

/* Codes packed, those of spikes 0. */
template <int BITS>
static __device__ __forceinline__ void flcd_pack_spiked(uint32_t lane, const struct flcd_spikes &s,
                                                        uint32_t (&pairs)[16],
                                                        uint32_t (&planes)[BITS])
{
    const uint32_t marks = s.min.nibbles | s.max.nibbles;
    if constexpr (BITS == 8) {
#pragma unroll
        for (int i = 0; i < 16; i++) {
            const int low = i % FLCD_PIECE_PAIRS * 4 + i / FLCD_PIECE_PAIRS;
            pairs[i] &= ~((marks >> low & 0x10001u) * 0xffu);
        }
        flcd_pack_bytes(lane, pairs, planes);
    } else {
        flcd_nibbles<BITS> n;
        flcd_to_nibbles<BITS>(pairs, n);
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            const uint32_t keep = ~((marks >> k & 0x11111111u) * 15u);
            n.low[k] &= keep;
            if constexpr (BITS > 4) {
                n.high[k] &= keep;
            }
        }
        flcd_pack_nibbles<BITS>(lane, n, planes);
    }
}

#endif
