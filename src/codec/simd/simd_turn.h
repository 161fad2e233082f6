// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The turn of a group, and what blocks of rotated formats hold once they are turned, for the row
 * that includes this file. The additions are those of flci_hadamard, so that they round alike:
 * neighbours less than LANES apart lie in one vector, the rest in two.
 */
#ifndef FLCI_CODEC_SIMD_TURN_H
#define FLCI_CODEC_SIMD_TURN_H

#include "codec/simd/simd_elems.h"

struct simd_turned {
    _Alignas(64) float v[FLC_BLOCK_ELEMS];
    int32_t largest[FLCI_MAX_GROUPS]; /* magnitude of a coefficient, as bits */
    int32_t most[FLCI_MAX_GROUPS];    /* the scale that puts it on the top level, as stored */
    int32_t stored[FLCI_MAX_GROUPS];
    float inverse[FLCI_MAX_GROUPS];
    float inverses[256]; /* by stored scale */
    int is_capped;       /* scales may be less than their targets by any factor */
};

/* With the width a constant, its thresholds are too. */
#define FOR_WIDTH(bits, FUNCTION, ...)                                                             \
    switch (bits) {                                                                                \
    case 1:                                                                                        \
        FUNCTION(1, __VA_ARGS__);                                                                  \
        break;                                                                                     \
    case 2:                                                                                        \
        FUNCTION(2, __VA_ARGS__);                                                                  \
        break;                                                                                     \
    case 3:                                                                                        \
        FUNCTION(3, __VA_ARGS__);                                                                  \
        break;                                                                                     \
    case 4:                                                                                        \
        FUNCTION(4, __VA_ARGS__);                                                                  \
        break;                                                                                     \
    default:                                                                                       \
        break;                                                                                     \
    }

/* With the count of vectors a constant, they stay in registers. */
#define FOR_COUNT(count, FUNCTION, ...)                                                            \
    if ((count) == 2) {                                                                            \
        FUNCTION(2, __VA_ARGS__);                                                                  \
    } else if ((count) == 4) {                                                                     \
        FUNCTION(4, __VA_ARGS__);                                                                  \
    } else if ((count) == 8) {                                                                     \
        FUNCTION(8, __VA_ARGS__);                                                                  \
    } else if ((count) == 16) {                                                                    \
        FUNCTION(16, __VA_ARGS__);                                                                 \
    } else {                                                                                       \
        FUNCTION(count, __VA_ARGS__);                                                              \
    }

/* ---- The turn ---- */

/* Signs of the elements before the turn and after the turn back, times `scale`. */
static void signs_of(uint32_t group, float scale, float *signs)
{
    /* Bit j: whether j AND (j >> 1) AND 5 has an odd number of bits; a position is negated if that
       differs between its low and its high four bits. */
    const uint32_t odd = 0x7888;
    for (uint32_t i = 0; i < group; i++) {
        signs[i] = ((odd >> (i & 15u) ^ odd >> (i >> 4)) & 1u) != 0 ? -scale : scale;
    }
}

/* Sums and differences of neighbours D apart: fma rounds a sum as an addition does. */
#define TURN(x, D)                                                                                 \
    vf_fma(x, (vf){LANES_OF(TURN_SIGN_##D)}, __builtin_shufflevector(x, x, LANES_OF(NEIGHBOUR_##D)))
#define TURN_SIGN(i, D) (((i) & (D)) != 0 ? -1.0f : 1.0f)
#define TURN_SIGN_1(i)  TURN_SIGN(i, 1)
#define TURN_SIGN_2(i)  TURN_SIGN(i, 2)
#define TURN_SIGN_4(i)  TURN_SIGN(i, 4)
#define TURN_SIGN_8(i)  TURN_SIGN(i, 8)

INLINE void turn(vf *v, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        vf x = v[i];
        x = TURN(x, 1);
        x = TURN(x, 2);
#if LANES > 4
        x = TURN(x, 4);
#endif
#if LANES > 8
        x = TURN(x, 8);
#endif
        v[i] = x;
    }
    for (uint32_t half = 1; half < count; half *= 2) {
        for (uint32_t i = 0; i < count; i++) {
            if ((i & half) == 0) {
                const vf a = v[i], b = v[i + half];
                v[i] = a + b;
                v[i + half] = a - b;
            }
        }
    }
}

#endif
