// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Candidates for wire formats, simulated: what a group of floats would be after a round trip, and
 * the bits it would take. No bytes are packed; arithmetic is float32 and values are finite. A
 * candidate is options separated by ':', each at most once, in any order:
 *
 *   int1 .. int8            width; the only one that must be there
 *   g16 .. g256             group [g128]
 *   turnN                   Hadamard turns of N elements each, N divides the group [turn1: none]
 *   asym                    levels from the minimum to the maximum, zero an integer [the default]
 *   centred                 asym with each level in the middle of its cell
 *   signed                  scale * -2^(b-1) is the value of largest magnitude
 *   even                    2^b levels around 0 at odd multiples of half a scale
 *   gauss                   Lloyd-Max levels of a gaussian, up to int4
 *   rms[F], max[F], mixF+F  scale of even and gauss: F times the best one for a gaussian of the
 *                           group's rms; F times that with the maximum on the top level; the sum
 *                           of the two [max]
 *   search                  the scale of least squared error: of even and gauss, 12 eighths of an
 *                           octave below the rms' to 16 above; of asym and centred, that of 34
 *                           ranges, cut at both ends or at one (quantize_range)
 *   spike1, spike2          the largest magnitudes travel apart as bf16, put aside before the turn;
 *                           spike2 of asym and centred: minimum and maximum
 *   stepN                   steps of the stored scale in an octave: 8, 4, 2; 0: exact [step8]
 *
 * For example int2:g64:turn64:gauss:rms or int3:g128:gauss:search:spike2. A stored scale's range is
 * not limited here.
 */
#ifndef FORMAT_STUDY_CANDIDATE_H
#define FORMAT_STUDY_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>

#define CANDIDATE_MAX_GROUP 256

enum candidate_levels {
    CANDIDATE_ASYM,
    CANDIDATE_CENTRED,
    CANDIDATE_SIGNED,
    CANDIDATE_EVEN,
    CANDIDATE_GAUSS,
};

struct candidate {
    int bits;
    size_t group, turn;
    enum candidate_levels levels;
    bool is_searched;
    float rms_factor, max_factor; /* their sum is the scale where it is not searched */
    size_t spikes;
    int steps;
};

/* Read a candidate's text. Returns NULL, or what is wrong with it, as a sentence's end. */
const char *candidate_parse(const char *text, struct candidate *candidate);

/*
 * Bits an element takes in whole groups: the width and, shared by a group, the scale (8 bits;
 * step4: 6, step2: 5, step0: 16; signed's sign is one of them), the zero of asym and centred (8
 * bits; step0: 16) and 16 + log2(group) bits a spike. Exponents shared by a block are not counted.
 */
double candidate_wire_bits(const struct candidate *candidate);

/* Replace `values` [count] by what they would be after encoding and decoding, group by group. */
void candidate_fake(const struct candidate *candidate, float *values, size_t count);

/* The orthonormal Hadamard turn of `count` values, a power of two; its own inverse. */
void candidate_turn(float *values, size_t count);

#endif
