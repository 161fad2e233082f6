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

#define ADD(a, b)  ((vi)((vu)(a) + (vu)(b)))

/*
 * flci_rotated_error of group g at each scale that is tried, spread over lanes. A scale eight
 * eighths below another is half of it, and its integers, halved, are the other's. `is_capped`: a
 * coefficient may lie beyond 1024 scales.
 */
INLINE void errors_of(int bits, int is_capped, const struct simd_turned *t, uint32_t group,
                      uint32_t g, vi *errors)
{
    const struct flci_rotated_search search = flci_rotated_search_of(bits);
    const int trials = search.last / search.stride + 1, octave = 8 / search.stride;
    const vf most = vf_set(1024.0f);
    const float *v = t->v + (size_t)g * group;
    float inverse[MAX_TRIALS];
    for (int i = 0; i < trials; i++) {
        const int code = t->most[g] - i * search.stride;
        inverse[i] = i < octave ? t->inverses[code > 0 ? code : 0] : 2 * inverse[i - octave];
        errors[i] = vi_set(0);
    }
    for (uint32_t at = 0; at < group; at += 2 * LANES) {
        const vf a = vf_magnitude(vf_load(v + at));
        const vf b = at + LANES < group ? vf_magnitude(vf_load(v + at + LANES)) : vf_set(0.0f);
        vh below[MAX_TRIALS];
        for (int i = trials - 1; i >= 0; i--) {
            const vf factor = vf_set(inverse[i]);
            if (is_capped) {
                below[i] = vh_of_floats(vf_min(a * factor, most), vf_min(b * factor, most));
            } else if (i + octave < trials) {
                below[i] = below[i + octave] >> 1;
            } else {
                below[i] = vh_of_floats(a * factor, b * factor);
            }
            errors[i] = vi_add_squares(errors[i], (vh)((vhu)below[i] + (vhu)below[i] -
                                                       (vhu)nearest_levels(bits, below[i])));
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
INLINE vi best_steps(int bits, int is_capped, uint32_t group, uint32_t first, uint32_t groups,
                     const struct simd_turned *t)
{
    const struct flci_rotated_search search = flci_rotated_search_of(bits);
    const int trials = search.last / search.stride + 1;
    const vi most = vi_load(t->most + first);
    vi errors[MAX_TRIALS][LANES / 2], best = vi_set(0);
    vf least = vf_set(0.0f);
    for (uint32_t g = 0; g < LANES; g += 2) {
        vi own[MAX_TRIALS], next[MAX_TRIALS];
        const uint32_t at = first + g < groups ? first + g : 0;
        const uint32_t next_at = first + g + 1 < groups ? first + g + 1 : 0;
        errors_of(bits, is_capped, t, group, at, own);
        errors_of(bits, is_capped, t, group, next_at, next);
        for (int i = 0; i < trials; i++) {
            errors[i][g / 2] = JOIN_TWO(own[i], next[i], ADD);
        }
    }
    for (int i = 0; i < trials; i++) {
        vf error;
        vi sums[LANES / 2];
        memcpy(sums, errors[i], sizeof sums);
        JOIN_PAIRS(sums, ADD)
        error = vf_of_ints(sums[0]) * flci_rotated_worth(i * search.stride);
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

INLINE void search_groups(uint32_t count, int bits, int is_capped, uint32_t groups,
                          struct simd_turned *t)
{
    for (uint32_t g = 0; g < groups; g += LANES) {
        vi_store(t->stored + g, best_steps(bits, is_capped, count * LANES, g, groups, t));
    }
}

INLINE void search_scales(int bits, uint32_t group, uint32_t groups, struct simd_turned *t)
{
    if (t->is_capped) {
        search_groups(group / LANES, bits, 1, groups, t);
    } else {
        FOR_COUNT(group / LANES, search_groups, bits, 0, groups, t)
    }
}

#endif
