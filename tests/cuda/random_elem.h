// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Random finite elements, each from its index alone: the same on the host and on a GPU, and fast.
 *
 * Magnitudes span 2^-12 to 2^3, around a size that changes every 4096 elements, with either sign.
 */
#ifndef RANDOM_ELEM_H
#define RANDOM_ELEM_H

#include <stdint.h>

#include "flashcomm/codec.h"

#ifdef __CUDACC__
#    define RANDOM_ELEM_HD __host__ __device__
#else
#    define RANDOM_ELEM_HD
#endif

RANDOM_ELEM_HD static inline uint64_t random_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* The pattern of element `index`. */
RANDOM_ELEM_HD static inline uint32_t random_elem(uint64_t seed, uint64_t index, flc_type type)
{
    const uint32_t mantissa_bits = type == FLC_FLOAT32 ? 23 : type == FLC_FLOAT16 ? 10 : 7;
    const uint32_t bias = type == FLC_FLOAT16 ? 15 : 127;
    const uint32_t sign_at = type == FLC_FLOAT32 ? 31 : 15;
    const uint64_t random = random_mix(seed + (index + 1) * 0x9e3779b97f4a7c15u);
    const uint32_t largest = (uint32_t)(random_mix(seed ^ (index >> 12)) % 8);
    const uint32_t exponent = bias - 4 + largest - (uint32_t)(random >> 56) % 8;
    const uint32_t mantissa = (uint32_t)random & ((1u << mantissa_bits) - 1u);
    const uint32_t sign = (uint32_t)(random >> 40) & 1u;
    return sign << sign_at | exponent << mantissa_bits | mantissa;
}

#endif
