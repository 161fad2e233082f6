// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranges of groups and positions of spikes in vectors, for the row that includes this file.
 *
 * They are found among integers, keys, that are ordered as the elements are: +0 and -0 alike, NaN
 * and infinities outermost. Each group leaves its extremes spread over a vector; LANES such vectors
 * are then joined to one, a lane a group.
 */
#ifndef FLCI_CODEC_SIMD_RANGE_H
#define FLCI_CODEC_SIMD_RANGE_H

#include "codec/simd/simd_elems.h"
#include "codec/simd/simd_quantizer.h"

/* ---- Ranges ---- */

INLINE vi keys_of_floats(vf v)
{
    const vi bits = (vi)v, sign = bits >> 31;
    return ((bits & INT32_MAX) ^ sign) - sign;
}

INLINE vh keys_of_halves(vh bits)
{
    const vh sign = bits >> 15;
    return ((bits & INT16_MAX) ^ sign) - sign;
}

/* The extremes of a group, spread over lanes. fp16 and bf16 need no conversion: halves are ordered
   among themselves, with keys of their own. */
INLINE void extremes_of(flc_type type, const void *src, size_t at, uint32_t group, vi *low,
                        vi *high)
{
    if (type != FLC_FLOAT32 && group >= 2 * LANES) {
        const uint16_t *halves = (const uint16_t *)src + at;
        vh least = keys_of_halves(vh_load(halves)), most = least;
        for (uint32_t i = 2 * LANES; i < group; i += 2 * LANES) {
            const vh keys = keys_of_halves(vh_load(halves + i));
            least = vh_min(least, keys);
            most = vh_max(most, keys);
        }
        *low = vi_min((vi)least << 16 >> 16, (vi)least >> 16);
        *high = vi_max((vi)most << 16 >> 16, (vi)most >> 16);
        return;
    }
    *low = *high = keys_of_floats(load_elems(type, src, at));
    for (uint32_t i = LANES; i < group; i += LANES) {
        const vi keys = keys_of_floats(load_elems(type, src, at + i));
        *low = vi_min(*low, keys);
        *high = vi_max(*high, keys);
    }
}

INLINE void find_ranges_of(flc_type type, const void *src, uint32_t n, uint32_t group,
                           struct simd_groups *q)
{
    const uint32_t groups = n / group;
    for (uint32_t first = 0; first < groups; first += LANES) {
        vi low[LANES], high[LANES];
        for (uint32_t i = 0; i < LANES; i++) {
            if (first + i < groups) {
                extremes_of(type, src, (size_t)(first + i) * group, group, &low[i], &high[i]);
            } else {
                low[i] = high[i] = vi_set(0);
            }
        }
        JOIN_EACH(low, vi_min)
        JOIN_EACH(high, vi_max)
        vi_store(q->low_keys + first, low[0]);
        vi_store(q->high_keys + first, high[0]);
    }
    q->are_halves = type != FLC_FLOAT32 && group >= 2 * LANES;
}

static void find_ranges(flc_type type, const void *src, uint32_t n, uint32_t group,
                        struct simd_groups *q)
{
    FOR_TYPE(type, find_ranges_of, src, n, group, q)
}

/* ---- Spikes ---- */

/*
 * Without its two spikes a group of three elements or more goes from its second lowest to its
 * second highest. So both ends are followed two deep: `low[0]` and `low[1]`, `high[0]` and
 * `high[1]`.
 */
#define TAKE_TWO(two, x, MIN, MAX)                                                                 \
    (two)[1] = MIN((two)[1], MAX((two)[0], x));                                                    \
    (two)[0] = MIN((two)[0], x);
/* The two lowest of both `a` and `b`, with MIN and MAX exchanged the two highest. */
#define MERGE_TWOS(two, a0, a1, b0, b1, MIN, MAX)                                                  \
    (two)[0] = MIN(a0, b0);                                                                        \
    (two)[1] = MIN(MAX(a0, b0), MIN(a1, b1));
#define MERGE_HALVES(two, halves, MIN, MAX)                                                        \
    MERGE_TWOS(two, (vi)(halves)[0] << 16 >> 16, (vi)(halves)[1] << 16 >> 16,                      \
               (vi)(halves)[0] >> 16, (vi)(halves)[1] >> 16, MIN, MAX)

INLINE void two_extremes_of(flc_type type, const void *src, size_t at, uint32_t group, vi *low,
                            vi *high)
{
    if (type != FLC_FLOAT32 && group >= 2 * LANES) {
        const uint16_t *halves = (const uint16_t *)src + at;
        vh least[2] = {keys_of_halves(vh_load(halves)), vh_set(INT16_MAX)};
        vh most[2] = {least[0], vh_set(INT16_MIN)};
        for (uint32_t i = 2 * LANES; i < group; i += 2 * LANES) {
            const vh keys = keys_of_halves(vh_load(halves + i));
            TAKE_TWO(least, keys, vh_min, vh_max)
            TAKE_TWO(most, keys, vh_max, vh_min)
        }
        MERGE_HALVES(low, least, vi_min, vi_max)
        MERGE_HALVES(high, most, vi_max, vi_min)
        return;
    }
    low[0] = high[0] = keys_of_floats(load_elems(type, src, at));
    low[1] = vi_set(INT32_MAX);
    high[1] = vi_set(INT32_MIN);
    for (uint32_t i = LANES; i < group; i += LANES) {
        const vi keys = keys_of_floats(load_elems(type, src, at + i));
        TAKE_TWO(low, keys, vi_min, vi_max)
        TAKE_TWO(high, keys, vi_max, vi_min)
    }
}

/* As JOIN_STEP and JOIN_EACH, two deep. */
#define JOIN_TWOS_STEP(v, count, D, MIN, MAX)                                                      \
    for (int i_ = 0; i_ < (count); i_ += 2) {                                                      \
        const vi a0_ = SECOND_LANES((v)[i_][0], (v)[i_ + 1][0], D);                                \
        const vi b0_ = FIRST_LANES((v)[i_][0], (v)[i_ + 1][0], D);                                 \
        const vi a1_ = SECOND_LANES((v)[i_][1], (v)[i_ + 1][1], D);                                \
        const vi b1_ = FIRST_LANES((v)[i_][1], (v)[i_ + 1][1], D);                                 \
        MERGE_TWOS((v)[i_ / 2], a0_, a1_, b0_, b1_, MIN, MAX)                                      \
    }

INLINE void find_two_ranges_of(flc_type type, const void *src, uint32_t n, uint32_t group,
                               struct simd_groups *q)
{
    const uint32_t groups = n / group;
    for (uint32_t first = 0; first < groups; first += LANES) {
        vi low[LANES][2], high[LANES][2];
        for (uint32_t i = 0; i < LANES; i++) {
            if (first + i < groups) {
                two_extremes_of(type, src, (size_t)(first + i) * group, group, low[i], high[i]);
            } else {
                low[i][0] = low[i][1] = high[i][0] = high[i][1] = vi_set(0);
            }
        }
        FOR_STEPS(JOIN_TWOS_STEP, low, vi_min, vi_max)
        FOR_STEPS(JOIN_TWOS_STEP, high, vi_max, vi_min)
        vi_store(q->low_keys + first, low[0][0]);
        vi_store(q->high_keys + first, high[0][0]);
        vi_store(q->second_low_keys + first, low[0][1]);
        vi_store(q->second_high_keys + first, high[0][1]);
    }
    q->are_halves = type != FLC_FLOAT32 && group >= 2 * LANES;
}

static void find_two_ranges(flc_type type, const void *src, uint32_t n, uint32_t group,
                            struct simd_groups *q){
    FOR_TYPE(type, find_two_ranges_of, src, n, group, q)}

/* The lowest positions of the extremes of group g. */
INLINE void positions_of(flc_type type, const void *src, uint32_t group, uint32_t g,
                         struct simd_groups *q)
{
    const uint32_t lanes = type != FLC_FLOAT32 && group >= 2 * LANES ? 2 * LANES : LANES;
    const size_t at = (size_t)g * group;
    uint32_t min_at = 0, max_at = 0;
    for (uint32_t i = group; i > 0; i -= lanes) { /* downwards: the lowest stays */
        uint32_t is_min, is_max;
        if (lanes > LANES) {
            const vh keys = keys_of_halves(vh_load((const uint16_t *)src + at + i - lanes));
            is_min = vh_equal_bits(keys, vh_set((int16_t)q->low_keys[g]));
            is_max = vh_equal_bits(keys, vh_set((int16_t)q->high_keys[g]));
        } else {
            const vi keys = keys_of_floats(load_elems(type, src, at + i - lanes));
            is_min = vi_equal_bits(keys, vi_set(q->low_keys[g]));
            is_max = vi_equal_bits(keys, vi_set(q->high_keys[g]));
        }
        min_at = is_min != 0 ? i - lanes + (uint32_t)__builtin_ctz(is_min) : min_at;
        max_at = is_max != 0 ? i - lanes + (uint32_t)__builtin_ctz(is_max) : max_at;
    }
    q->min_at[g] = (uint8_t)min_at;
    q->max_at[g] = (uint8_t)max_at;
}

INLINE void find_positions_of(flc_type type, const void *src, uint32_t groups, uint32_t group,
                              struct simd_groups *q)
{
    for (uint32_t g = 0; g < groups; g++) {
        positions_of(type, src, group, g, q);
    }
}

/* The range of a short last group, whose padding is no part of it: 0 and 0 for two or less. */
static void take_last_spikes(flc_type type, const void *src, uint32_t n, uint32_t group,
                             struct simd_groups *q)
{
    const uint32_t g = n / group;
    int32_t low = INT32_MAX, high = INT32_MIN;
    for (uint32_t i = 0; i < n % group; i++) {
        const size_t at = (size_t)g * group + i;
        const int32_t bits =
            type == FLC_FLOAT32 ? (int32_t)flci_bits_of(((const float_any *)src)[at])
            : q->are_halves
                ? (int16_t)((const half_any *)src)[at]
                : (int32_t)flci_bits_of(flci_from_float16(type, ((const half_any *)src)[at]));
        const int32_t magnitude = bits & (q->are_halves ? INT16_MAX : INT32_MAX);
        const int32_t key = bits < 0 ? -magnitude : magnitude;
        if (i != q->min_at[g] && i != q->max_at[g]) {
            low = key < low ? key : low;
            high = key > high ? key : high;
        }
    }
    q->second_low_keys[g] = low <= high ? low : 0;
    q->second_high_keys[g] = low <= high ? high : 0;
}

/* Find the spikes' positions, and replace the ranges by those without spikes. Groups that are not
   finite have been noted before. */
static void take_spikes(flc_type type, const void *src, uint32_t n, uint32_t group,
                        struct simd_groups *q)
{
    const uint32_t groups = (n + group - 1) / group;
    FOR_TYPE(type, find_positions_of, src, groups, group, q)
    if (n % group != 0) {
        take_last_spikes(type, src, n, group, q);
    }
    for (uint32_t g = 0; g < groups; g += LANES) {
        const vi is_finite = vi_load(q->is_finite + g);
        vi_store(q->low_keys + g, vi_load(q->second_low_keys + g) & is_finite);
        vi_store(q->high_keys + g, vi_load(q->second_high_keys + g) & is_finite);
    }
}

#endif
