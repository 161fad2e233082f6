// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The search of rotated formats of 1 to 4 bits (flci_rotated_best_step), 32 coefficients a lane.
 *
 * A step costs one multiplication a coefficient; the rest is done for two or four at a time. Whole
 * numbers up to 1023 are fp16 in units of 2^-24, where the bits are the number: sums of fp16 are
 * then sums of integers. The distance to the nearest level is that to the nearer of two levels,
 * | |z - their middle| - half their distance |, and the least over pairs of levels; squares are
 * summed four at a time, as bytes.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_SEARCH_CUH
#define FLCI_CODEC_CUDA_UNIT_SEARCH_CUH

#include "codec/cuda/unit_turned.cuh"

/* `x` in units of 2^-24, twice, x a whole number up to 1023. */
static __device__ __forceinline__ constexpr uint32_t flcd_tiny(int x)
{
    return (uint32_t)(x < 0 ? 0x8000 - x : x) * 0x10001u;
}

/* Distance, doubled and with a sign, of z + 1/2 from the nearer of two levels; `z` times `twice`,
   two fp16, is 2 z. */
static __device__ __forceinline__ uint32_t flcd_distance(uint32_t z, uint32_t twice, int below,
                                                         int above)
{
    const uint32_t middle = flcd_fp16x2_fma(z, twice, flcd_tiny(1 - below - above));
    return flcd_fp16x2_add(flcd_fp16x2_abs(middle), flcd_tiny(below - above));
}

static __device__ __forceinline__ uint32_t flcd_nearer(uint32_t a, uint32_t b)
{
    return flcd_fp16x2_min(flcd_fp16x2_abs(a), flcd_fp16x2_abs(b));
}

/* Bits 0 to 7: the distance to the nearest level, doubled, below 256. Odd. */
template <int BITS>
static __device__ __forceinline__ uint32_t flcd_distance2(uint32_t z, uint32_t twice)
{
    if (BITS == 2) {
        return flcd_distance(z, twice, 36, 124);
    }
    if (BITS == 3) {
        return flcd_nearer(flcd_distance(z, twice, 13, 41), flcd_distance(z, twice, 73, 121));
    }
    return flcd_nearer(
        flcd_nearer(flcd_distance(z, twice, 5, 15), flcd_distance(z, twice, 25, 37)),
        flcd_nearer(flcd_distance(z, twice, 49, 63), flcd_distance(z, twice, 79, 101)));
}

/* Bits 0 to 7: the whole part of the distance, for distances of up to 256. */
template <int BITS> static __device__ __forceinline__ uint32_t flcd_whole_distance(uint32_t z)
{
    constexpr uint32_t up = 0x78007800u, down = 0x60006000u; /* 2^15, 2^9 */
    constexpr uint32_t magic = 0x63ff63ffu;                  /* 1023.5: 1024 + whole */
    uint32_t x;
    if (BITS == 1) {
        x = flcd_fp16x2_fma(z, up, 0xaff0aff0u); /* -63.5 / 2^9 */
    } else {
        x = flcd_fp16x2_fma(z, up, 0xb0f8b0f8u);              /* -79.5 / 2^9 */
        x = flcd_fp16x2_add(flcd_fp16x2_abs(x), 0xad80ad80u); /* -44 / 2^9 */
    }
    return flcd_fp16x2_fma(flcd_fp16x2_abs(x), down, magic);
}

/* The lane's part of flci_rotated_error, from whole numbers z of pairs, as flcd_distance has
   them. */
template <int BITS>
static __device__ __forceinline__ int flcd_error(const uint32_t (&z)[16], uint32_t twice)
{
    uint32_t sum = 0;
#pragma unroll
    for (int i = 0; i < 16; i += 2) {
        const uint32_t bytes = flcd_permute(flcd_distance2<BITS>(z[i], twice),
                                            flcd_distance2<BITS>(z[i + 1], twice), 0x6420);
        sum = __dp4a(bytes, bytes, sum);
    }
    return (int)sum;
}

/* The same where doubled distances may exceed 255: (2 n + 1)^2 = 4 n (n + 1) + 1. */
template <int BITS> static __device__ __forceinline__ int flcd_far_error(const uint32_t (&z)[16])
{
    uint32_t sum = 0;
#pragma unroll
    for (int i = 0; i < 16; i += 2) {
        const uint32_t bytes = flcd_permute(flcd_whole_distance<BITS>(z[i]),
                                            flcd_whole_distance<BITS>(z[i + 1]), 0x6420);
        sum = __dp4a(bytes, bytes, sum);
        sum = __dp4a(bytes, 0x01010101u, sum);
    }
    return (int)(4 * sum + 32);
}

static __device__ __forceinline__ int flcd_sum_of_group(uint32_t group, int own)
{
    for (uint32_t distance = 1; 32 * distance < group; distance *= 2) {
        own += __shfl_xor_sync(FLCD_ALL_LANES, own, distance);
    }
    return own;
}

/* Whole numbers of the magnitudes, two in a word. */
static __device__ __forceinline__ void flcd_whole(const float (&v)[32], float inverse,
                                                  uint32_t (&z)[16])
{
#pragma unroll
    for (int i = 0; i < 16; i++) {
        z[i] = flcd_turned_floor(fabsf(v[2 * i]), fabsf(v[2 * i + 1]), inverse);
    }
}

/* flci_rotated_best_step, of coefficients and scales that are far from all limits. */
template <int BITS>
static __device__ __forceinline__ int flcd_best_step(uint32_t group, const float (&v)[32], int most,
                                                     int base_exponent)
{
    constexpr uint32_t one = 0x3c003c00u, two = 0x40004000u;
    constexpr int stride = BITS == 1 ? 4 : BITS == 2 ? 2 : 1;
    constexpr int last = BITS == 1 ? 16 : BITS == 2 ? 8 : BITS == 3 ? 3 : 1;
    uint32_t z[16];
    float least = 0.0f;
    int best = 0, octave = 0; /* error of step 8 of 2 bits: z is twice that of step 0, exactly */
#pragma unroll
    for (int step = 0; step <= last; step += stride) {
        /* 2^24 scales, and as good as any where it is not that of a code. */
        const float scale = flcd_turned_scale(most - step, base_exponent + 24);
        int own;
        if (BITS == 2 && step == 0) {
            flcd_whole(v, 2.0f * flcd_turned_inverse(scale), z);
            octave = flcd_far_error<2>(z);
#pragma unroll
            for (int i = 0; i < 16; i++) {
                z[i] &= 0xfffefffeu;
            }
            own = flcd_error<2>(z, one);
        } else if (BITS == 2 && step == 8) {
            own = octave;
        } else {
            flcd_whole(v, flcd_turned_inverse(scale), z);
            own = BITS == 1 ? flcd_far_error<1>(z) : flcd_error<BITS>(z, two);
        }
        const float error = (float)flcd_sum_of_group(group, own) * flci_rotated_worth(step);
        if (step == 0 || (step < most && error < least)) {
            least = error;
            best = step;
        }
    }
    return best;
}

#endif
