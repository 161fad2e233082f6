// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Error bounds, in float64: docs/numerics.md derives each term. They are upper bounds over all
 * groups with the given range, not estimates.
 */
#include <math.h>

#include "codec/codec_rotated.h"

/* Relative and absolute error of rounding to the element type, or to a spike's 16 bits. */
static double rounding(flc_type type, double magnitude)
{
    switch (type) {
    case FLC_FLOAT16:
        return magnitude * 0x1p-11 + 0x1p-25;
    case FLC_BFLOAT16:
        return magnitude * 0x1p-8 + 0x1p-134;
    default:
        return 0.0;
    }
}

double flc_format_spike_bound(flc_type type, double x)
{
    const double limit = flci_type_limit(type);
    const double magnitude = fabs(x);
    if (flc_type_bytes(type) == 0) {
        return (double)NAN;
    }
    if (magnitude > limit) {
        return magnitude - limit;
    }
    return rounding(type == FLC_FLOAT16 ? FLC_FLOAT16 : FLC_BFLOAT16, magnitude);
}

/* Range of a group as the encoder sees it, and the scales it may store. */
struct group_bound {
    double range, magnitude;
    double target;            /* the scale before it is rounded to its stored form */
    double smallest, largest; /* stored */
};

static double target_of(flc_format format, double range, double magnitude)
{
    const int bits = format.bits;
    double target;
    if (format.scheme == FLC_SYMMETRIC) {
        target = bits == 1 ? 0.5 * magnitude : magnitude / ((1 << (bits - 1)) - 1);
    } else {
        const double floor = magnitude / (double)flci_zero_limit(bits);
        target = fmax(0.5 * range * (double)flci_range_factor(bits), floor);
    }
    return fmax(target, (double)FLCI_SCALE_MIN);
}

static struct group_bound stored_scales(flc_format format, double low, double high, double limit,
                                        double block_max)
{
    struct group_bound b = {0};
    const double block = fmin(block_max, limit);
    if (format.metadata == FLC_COMPACT && format.bits > FLCI_NARROW_BITS) {
        low = fmin(low, 0.0);
        high = fmax(high, 0.0);
    }
    b.range = high - low;
    b.magnitude = fmax(fabs(low), fabs(high));
    b.target = target_of(format, b.range, b.magnitude);
    if (format.metadata == FLC_WIDE) {
        b.smallest = b.target;
        /* Up to the next bf16, and where the encoder takes one more, that was within 2^-8. */
        const int may_step =
            format.scheme == FLC_ASYMMETRIC && format.bits > 1 && format.bits <= FLCI_NARROW_BITS;
        b.largest = b.target * (1.0 + (may_step ? 0x1.9p-7 : 0x1p-7));
        return b;
    }
    /* An eighth of an octave up, or half of one either way; the table's entries are bf16. */
    if (format.bits <= FLCI_NARROW_BITS) {
        b.smallest = b.target * (b.magnitude > 0.25 * limit ? 0.91 : 0.955);
        b.largest = b.target * 1.048;
    } else {
        b.smallest = b.target;
        b.largest = b.target * 1.095;
    }
    /* The block's base exponent is a floor. */
    b.largest =
        fmax(b.largest, target_of(format, 2.0 * block, block) * ldexp(1.0, -FLCI_SCALE_OCTAVES));
    return b;
}

/*
 * |s r - 1|, how far the product of a stored scale and its rounded reciprocal is from 1: the code
 * is nearest to x r, not to x / s, so that x may be off by |x| times this, beyond half a step.
 */
static double reciprocal_error(flc_format format, double magnitude)
{
    if (format.bits > FLCI_NARROW_BITS) {
        return 0x1p-24;
    }
    if (magnitude > 0x1p124) { /* the reciprocal of a scale above 2^126 is a subnormal bf16 */
        return 0x1p-6;
    }
    /* The largest over the 128 fractions of a bf16 (255/128), over the 8 of a compact scale. */
    return format.metadata == FLC_WIDE ? 0x1.fcp-9 : 0x1.9cp-9;
}

/* Error of the code alone, before the result is rounded to its type. */
static double code_error(flc_format format, const struct group_bound *b)
{
    const double codes = (1 << format.bits) - 1;
    const double drift = b->magnitude * reciprocal_error(format, b->magnitude);
    double error = 0.5 * b->largest + drift, clipped;
    if (format.bits == 1) {
        const double reach = format.scheme == FLC_SYMMETRIC
                                 ? b->magnitude - b->smallest
                                 : 0.5 * b->range + 0.5 * b->largest + drift - b->smallest;
        return fmax(b->largest, reach);
    }
    if (format.metadata == FLC_COMPACT) { /* a scale rounded down clips the extremes */
        if (format.scheme == FLC_SYMMETRIC) {
            clipped = b->magnitude - (0.5 * (codes + 1.0) - 1.0) * b->smallest;
        } else {
            clipped = b->range - (codes - 0.5) * b->smallest;
        }
        error = fmax(error, clipped + drift);
    }
    return error;
}

/* Largest distance from a level of a coefficient that the levels reach, in scales. */
static double rotated_half_gap(int bits)
{
    double largest = flci_rotated_level(bits, 0);
    for (int i = 1; i < 1 << (bits - 1); i++) {
        const int gap = flci_rotated_level(bits, i) - flci_rotated_level(bits, i - 1);
        largest = fmax(largest, 0.5 * gap);
    }
    return largest;
}

/*
 * Each coefficient may be off by as much as the worst, and all of them may add up in one element:
 * it takes a group made for it, but it bounds any. `magnitude` is the group's, `block` the block's
 * largest; no coefficient is larger.
 */
static double rotated_error(flc_format format, double magnitude, double block)
{
    const int bits = format.bits;
    const int top = flci_rotated_level(bits, (1 << (bits - 1)) - 1);
    const int step = format.search ? flci_rotated_search_of(bits).last : flci_rotated_step(bits);
    const double most = bits <= FLCI_ROTATED_NEAREST ? 1.048 : 1.095;
    const double least = bits <= FLCI_ROTATED_NEAREST ? 0.955 : 1.0;
    const double clipped = magnitude * (1.0 - least * exp2(-step / 8.0));
    const double floor = fmin(
        magnitude, 1.05 * fmax(ldexp(block, -FLCI_SCALE_OCTAVES), top * (double)FLCI_SCALE_MIN));
    double error = rotated_half_gap(bits) * most * magnitude / top;
    error = fmax(fmax(error, clipped), floor);
    if (magnitude > 0x1p117) { /* the scale may be at its largest */
        error = magnitude;
    }
    /* Beside it the roundings of two turns. */
    return format.group * (error + magnitude * 0x1p-19 + 0x1p-140);
}

double flc_format_error_bound(flc_format format, flc_type type, double low, double high,
                              double block_max)
{
    const double limit = flci_type_limit(type);
    const double excess = fmax(fmax(fabs(low), fabs(high)) - limit, 0.0);
    struct group_bound b;
    double error;
    if (flc_type_bytes(type) == 0 || flc_format_check(format) != FLC_OK) {
        return (double)NAN;
    }
    if (format.bits == 0) {
        return rounding(type, fmax(fabs(low), fabs(high)));
    }
    if (format.scheme == FLC_ROTATED) {
        const double magnitude = fmax(fabs(low), fabs(high));
        error = rotated_error(format, magnitude, block_max) + excess;
        return (error + rounding(type, fmin(magnitude + error, limit))) * (1.0 + 1e-6);
    }
    low = fmax(fmin(low, limit), -limit);
    high = fmax(fmin(high, limit), -limit);
    b = stored_scales(format, low, high, limit, block_max);
    error = code_error(format, &b);
    if (b.magnitude > 0.25 * limit) { /* levels beyond the type's limit are not used */
        error += b.largest;
    }
    return (error + excess + rounding(type, b.magnitude + error)) * (1.0 + 1e-6);
}
