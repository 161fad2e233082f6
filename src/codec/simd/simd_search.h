// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The search of rotated formats in vectors, for the row that includes this file: the scale with the
 * least error among a few, as flci_rotated_best_step finds it. Errors are sums of integers, so that
 * any order gives the same.
 */
#ifndef FLCI_CODEC_SIMD_SEARCH_H
#define FLCI_CODEC_SIMD_SEARCH_H

#include "codec/simd/simd_turn.h"

/* 2 * level - 1 of the level that is nearest to a magnitude, by the integer below it. */
INLINE vh nearest_levels(int bits, vh below)
{
    vh levels = vh_set((int16_t)(2 * flci_rotated_level(bits, 0) - 1));
    for (int i = 1; i < 1 << (bits - 1); i++) {
        const int middle = (flci_rotated_level(bits, i - 1) + flci_rotated_level(bits, i)) / 2;
        levels = vh_choose(below, (int16_t)middle,
                           vh_set((int16_t)(2 * flci_rotated_level(bits, i) - 1)), levels);
    }
    return levels;
}

#define MAX_TRIALS 5

/* flci_rotated_error of one group at each scale that is tried, spread over lanes. */
INLINE void errors_of(int bits, const float *v, uint32_t group, const float *inverse, vi *errors)
{
    const struct flci_rotated_search search = flci_rotated_search_of(bits);
    const int trials = search.last / search.stride + 1;
    const vf most = vf_set(1024.0f);
    for (int i = 0; i < trials; i++) {
        errors[i] = vi_set(0);
    }
    for (uint32_t at = 0; at < group; at += 2 * LANES) {
        const vf a = vf_magnitude(vf_load(v + at));
        const vf b = at + LANES < group ? vf_magnitude(vf_load(v + at + LANES)) : vf_set(0.0f);
        for (int i = 0; i < trials; i++) {
            const vf factor = vf_set(inverse[i]);
            const vh below = vh_of_floats(vf_min(a * factor, most), vf_min(b * factor, most));
            errors[i] = vi_add_squares(errors[i], below + below - nearest_levels(bits, below));
        }
    }
    if (group == LANES) { /* half of the last vector was no coefficient */
        const int none = 1 - 2 * flci_rotated_level(bits, 0);
        for (int i = 0; i < trials; i++) {
            errors[i] -= none * none;
        }
    }
}

/* The steps of LANES groups from `first`, as flci_rotated_best_step. */
INLINE vi best_steps(int bits, uint32_t group, uint32_t first, uint32_t groups,
                     const struct simd_turned *t)
{
    /* 2^(-i/4) */
    static const float worth[17] = {1.0f,    0x1.ae89fap-1f, 0x1.6a09e6p-1f, 0x1.306fep-1f,
                                    0x1p-1f, 0x1.ae89fap-2f, 0x1.6a09e6p-2f, 0x1.306fep-2f,
                                    0x1p-2f, 0x1.ae89fap-3f, 0x1.6a09e6p-3f, 0x1.306fep-3f,
                                    0x1p-3f, 0x1.ae89fap-4f, 0x1.6a09e6p-4f, 0x1.306fep-4f,
                                    0x1p-4f};
    const struct flci_rotated_search search = flci_rotated_search_of(bits);
    const int trials = search.last / search.stride + 1;
    const vi most = vi_load(t->most + first);
    vi errors[MAX_TRIALS][LANES], best = vi_set(0);
    vf least = vf_set(0.0f);
    for (uint32_t g = 0; g < LANES; g++) {
        float inverse[MAX_TRIALS];
        vi own[MAX_TRIALS];
        if (first + g >= groups) {
            break;
        }
        for (int i = 0; i < trials; i++) {
            const int code = t->most[first + g] - i * search.stride;
            inverse[i] = t->inverses[code > 0 ? code : 0];
        }
        errors_of(bits, t->v + (size_t)(first + g) * group, group, inverse, own);
        for (int i = 0; i < trials; i++) {
            errors[i][g] = own[i];
        }
    }
#define ADD(a, b) ((a) + (b))
    for (int i = 0; i < trials; i++) {
        vf error;
        JOIN_EACH(errors[i], ADD)
        error = vf_of_ints(errors[i][0]) * worth[i * search.stride];
        if (i == 0) {
            least = error;
        } else {
            const vi is_better = (vi)(error < least) & (vi)(i * search.stride < most);
            least = vf_select(is_better, error, least);
            best = vi_select(is_better, vi_set(i * search.stride), best);
        }
    }
    return best;
}

INLINE void search_scales(int bits, uint32_t group, uint32_t groups, struct simd_turned *t)
{
    for (uint32_t g = 0; g < groups; g += LANES) {
        vi_store(t->stored + g, best_steps(bits, group, g, groups, t));
    }
}

#endif
