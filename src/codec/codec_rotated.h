// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The scalar rules of rotated formats: with codec_core.h and docs/format.md, the specification.
 *
 * A group is turned by a Hadamard matrix, after fixed signs, so that an outlier becomes a little
 * in every coefficient; the coefficients of nearly any group are then close to gaussian, and one
 * table of levels suits them all. The turn is additions of float32 in a fixed order: the same
 * bits everywhere. Codes are decided by thresholds that are small integers, in units of the scale,
 * and the search compares errors that are integers: no order of summation can change them.
 */
#ifndef FLCI_CODEC_ROTATED_H
#define FLCI_CODEC_ROTATED_H

#include "codec/codec_core.h"

/* Up to this width the scale is rounded to the nearest: one clipped coefficient costs less than a
   coarser step for all. */
#define FLCI_ROTATED_NEAREST 6

/* ---- The turn ---- */

/* Whether element i of a group is negated before the turn. A bent function of i: a constant group
   turns flat instead of into one huge coefficient. */
FLCI_HD int flci_rotation_is_negative(uint32_t i)
{
    const uint32_t pairs = i & i >> 1 & 0x55u;
    return (int)((pairs ^ pairs >> 2 ^ pairs >> 4 ^ pairs >> 6) & 1u);
}

/* Element i of a group before the turn. Divided by the group, which is exact: no sum overflows. */
FLCI_HD float flci_rotation_input(float x, uint32_t i, uint32_t group)
{
    const float part = x * (1.0f / (float)group);
    return flci_rotation_is_negative(i) ? -part : part;
}

/* Element i after the turn back. Its limit is the type's: an error may carry a sum beyond it. */
FLCI_HD float flci_rotation_output(float v, uint32_t i, flc_type type)
{
    const float limit = flci_type_limit(type);
    return flci_clamp(flci_rotation_is_negative(i) ? -v : v, -limit, limit);
}

/* Sum and difference of one pair of neighbours at distance `half`, pairs counted from the start. */
FLCI_HD void flci_butterfly(float *v, uint32_t pair, uint32_t half)
{
    const uint32_t i = 2 * pair - (pair & (half - 1));
    const float a = v[i], b = v[i + half];
    v[i] = a + b;
    v[i + half] = a - b;
}

/* All pairs at distance 1, 2, 4, .. n / 2: n times its own inverse. */
FLCI_HD void flci_hadamard(float *v, uint32_t n)
{
    for (uint32_t half = 1; half < n; half *= 2) {
        for (uint32_t pair = 0; pair < n / 2; pair++) {
            flci_butterfly(v, pair, half);
        }
    }
}

/* Coefficients v [group] of x [n], zeros behind its end. */
FLCI_HD void flci_rotate(const float *x, uint32_t n, uint32_t group, float *v)
{
    for (uint32_t i = 0; i < group; i++) {
        v[i] = flci_rotation_input(i < n ? x[i] : 0.0f, i, group);
    }
    flci_hadamard(v, group);
}

/* The elements again, in place. */
FLCI_HD void flci_rotate_back(float *v, uint32_t group, flc_type type)
{
    flci_hadamard(v, group);
    for (uint32_t i = 0; i < group; i++) {
        v[i] = flci_rotation_output(v[i], i, type);
    }
}

/* ---- Levels ---- */

/* Level i of the non-negative half, in scales: measured best for gaussian groups of 32 to 128
   whose scale follows the largest coefficient; even above 4 bits. */
FLCI_HD int flci_rotated_level(int bits, int i)
{
    const int16_t levels[5][8] = {
        {0}, {64}, {36, 124}, {13, 41, 73, 121}, {5, 15, 25, 37, 49, 63, 79, 101}};
    return bits > FLCI_NARROW_BITS ? 2 * i + 1 : levels[bits][i];
}

/* Level index of a magnitude in scales: how many of the thresholds, each the middle of two
   levels and an integer, it reaches. */
FLCI_HD int flci_rotated_index(int bits, float magnitude)
{
    const int16_t thresholds[5][7] = {{0}, {0}, {80}, {27, 57, 97}, {10, 20, 31, 43, 56, 71, 90}};
    const int last = (1 << (bits - 1)) - 1;
    int index = 0;
    if (bits > FLCI_NARROW_BITS) {
        const float half = 0.5f * magnitude;
        return half >= (float)last ? last : (int)half;
    }
    for (int i = 0; i < last; i++) {
        index += magnitude >= (float)thresholds[bits][i];
    }
    return index;
}

/* Codes count levels upwards, from the most negative. */
FLCI_HD uint8_t flci_rotated_code(int bits, float v, float inverse)
{
    const int half = 1 << (bits - 1);
    const float z = v * inverse;
    const int index = flci_rotated_index(bits, z < 0.0f ? -z : z);
    return (uint8_t)(z < 0.0f ? half - 1 - index : half + index);
}

/* Exact: at most 8 bits times 8. */
FLCI_HD float flci_rotated_value(int bits, float scale, uint8_t code)
{
    const int half = 1 << (bits - 1);
    const int level = code < half ? -flci_rotated_level(bits, half - 1 - (int)code)
                                  : flci_rotated_level(bits, (int)code - half);
    return (float)level * scale;
}

/* ---- Scale ---- */

/* Largest magnitude. */
FLCI_HD float flci_rotated_largest(const float *v, uint32_t group)
{
    float largest = 0.0f;
    for (uint32_t i = 0; i < group; i++) {
        const float magnitude = v[i] < 0.0f ? -v[i] : v[i];
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

/* The scale that puts it on the top level. */
FLCI_HD float flci_rotated_target(int bits, float largest)
{
    const float inverses[9] = {0.0f,           0x1p-6f,        0x1.08421p-7f,
                               0x1.0ecf56p-7f, 0x1.446f86p-7f, 0x1.08421p-5f,
                               0x1.041042p-6f, 0x1.020408p-7f, 0x1.010102p-8f};
    return largest * inverses[bits];
}

/* Exponent of the largest scale: the sum of a whole group of top levels stays below 2^127. */
FLCI_HD int flci_rotated_largest_exponent(uint32_t group)
{
    int exponent = 118;
    for (; group > 1; group /= 2) {
        exponent--;
    }
    return exponent;
}

/* Without search: how many eighths of an octave the scale lies below the target's. It clips the few
 * largest coefficients for finer levels. */
FLCI_HD int flci_rotated_step(int bits)
{
    const int steps[5] = {0, 12, 5, 1, 0};
    return bits <= FLCI_NARROW_BITS ? steps[bits] : 0;
}

/* With search: the steps that are tried, 0, stride, .. last. */
struct flci_rotated_search {
    int stride, last;
};

FLCI_HD struct flci_rotated_search flci_rotated_search_of(int bits)
{
    const struct flci_rotated_search searches[5] = {{1, 0}, {4, 16}, {2, 8}, {1, 3}, {1, 1}};
    return searches[bits];
}

/* Four times the squared error of a group at a scale, in scales, each coefficient taken as the
   middle of the unit interval that it lies in. Beyond 1024, which only saturating scales reach, it
   counts as 1024: the sum fits. */
FLCI_HD int32_t flci_rotated_error(int bits, const float *v, uint32_t group, float inverse)
{
    int32_t error = 0;
    for (uint32_t i = 0; i < group; i++) {
        const float z = v[i] * inverse;
        const float magnitude = flci_clamp(z < 0.0f ? -z : z, 0.0f, 1024.0f);
        const int level = flci_rotated_level(bits, flci_rotated_index(bits, magnitude));
        const int distance = 2 * (int)magnitude + 1 - 2 * level;
        error += distance * distance;
    }
    return error;
}

/* 2^(-step/4): what a squared error is worth `step` eighths of an octave below. */
FLCI_HD float flci_rotated_worth(int step)
{
    const float worth[17] = {1.0f,    0x1.ae89fap-1f, 0x1.6a09e6p-1f, 0x1.306fep-1f,
                             0x1p-1f, 0x1.ae89fap-2f, 0x1.6a09e6p-2f, 0x1.306fep-2f,
                             0x1p-2f, 0x1.ae89fap-3f, 0x1.6a09e6p-3f, 0x1.306fep-3f,
                             0x1p-3f, 0x1.ae89fap-4f, 0x1.6a09e6p-4f, 0x1.306fep-4f,
                             0x1p-4f};
    return worth[step];
}

/* The step with the least error, the first of equals, for a target that is stored as `most`. */
FLCI_HD int flci_rotated_best_step(flc_format format, const float *v, int most, int base_exponent)
{
    const struct flci_rotated_search search = flci_rotated_search_of(format.bits);
    float least = 0.0f;
    int best = 0;
    for (int step = 0; step <= search.last && step < most; step += search.stride) {
        const float scale =
            flci_from_bf16(flci_scale_from_compact((uint8_t)(most - step), base_exponent));
        const float error = (float)flci_rotated_error(format.bits, v, format.group, 1.0f / scale) *
                            flci_rotated_worth(step);
        if (step == 0 || error < least) {
            least = error;
            best = step;
        }
    }
    return best;
}

/*
 * The stored scale of a group: 0 for one whose coefficients are all zero, or too small beside the
 * block's largest. `base_exponent` is the block's, `largest` the group's largest magnitude.
 */
FLCI_HD uint8_t flci_rotated_scale(flc_format format, const float *v, float largest,
                                   int base_exponent)
{
    const int most = flci_scale_to_compact(flci_rotated_target(format.bits, largest),
                                           flci_rotated_largest_exponent(format.group),
                                           base_exponent, format.bits > FLCI_ROTATED_NEAREST);
    int step;
    if (most == 0) {
        return 0;
    }
    step = format.search ? flci_rotated_best_step(format, v, most, base_exponent)
                         : flci_rotated_step(format.bits);
    return (uint8_t)(step < most ? most - step : 1);
}

#endif
