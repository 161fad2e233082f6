// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the files of the AVX-512 row share. Each function names its instructions itself, so that
 * the files need no flags of their own.
 */
#ifndef FLCI_CODEC_X86_AVX512_H
#define FLCI_CODEC_X86_AVX512_H

#include <immintrin.h>

#include "codec/codec_walk.h"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma,bmi,bmi2")))

extern const struct flci_rotated_ops flci_rotated_avx512;

/* The lanes of a vector that hold elements, `left` of them to come. */
AVX512 static inline __mmask16 lanes_of(uint32_t left)
{
    return (__mmask16)(left >= 16 ? 0xffffu : (1u << left) - 1u);
}

/* A masked store costs several plain ones, so only a tail pays for it. */
AVX512 static inline void store_floats(float *y, __mmask16 lanes, __m512 v)
{
    if (lanes == 0xffffu) {
        _mm512_storeu_ps(y, v);
    } else {
        _mm512_mask_storeu_ps(y, lanes, v);
    }
}

#endif
