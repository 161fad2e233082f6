// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The round trip of a group: put spikes aside, turn, quantize the rest, turn back. Without a turn
 * the rest is the group without its spikes; with one, spikes leave a 0 behind and a group cut off
 * by the end is filled up with zeros.
 */
#include "candidate.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define MAX_GROUP  CANDIDATE_MAX_GROUP
#define MAX_SPIKES 2

/* Levels above 0 and best distance of levels for a gaussian of variance 1 (Max 1960), by width. */
static const float gauss_levels[5][8] = {
    {0},
    {0.7979f},
    {0.4528f, 1.5104f},
    {0.2451f, 0.7560f, 1.3439f, 2.1520f},
    {0.1284f, 0.3881f, 0.6568f, 0.9424f, 1.2562f, 1.6181f, 2.0690f, 2.7326f},
};
static const float even_distance[9] = {0.0f,    1.596f,  0.9957f, 0.5860f, 0.3352f,
                                       0.1881f, 0.1041f, 0.0569f, 0.0308f};

struct extent {
    float low, high, largest, rms;
};

static struct extent measure(const float *values, size_t count)
{
    struct extent extent = {values[0], values[0], 0.0f, 0.0f};
    double squares = 0.0;
    for (size_t i = 0; i < count; i++) {
        const float value = values[i];
        squares += (double)value * value;
        extent.low = value < extent.low ? value : extent.low;
        extent.high = value > extent.high ? value : extent.high;
    }
    extent.largest = -extent.low > extent.high ? -extent.low : extent.high;
    extent.rms = (float)sqrt(squares / (double)count);
    return extent;
}

/* A positive scale as its metadata holds it. */
static float stored_scale(const struct candidate *candidate, float scale)
{
    const float steps = (float)candidate->steps;
    if (candidate->steps == 0)
        return scale;
    return exp2f(roundf(log2f(scale) * steps) / steps);
}

/* The nearest integer, for |value| < 2^22; unlike rintf, a loop of it becomes vector code. */
static float nearest(float value)
{
    return (value + 0x1.8p23f) - 0x1.8p23f;
}

static double squared_error(const float *values, const float *decoded, size_t count)
{
    double error = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double difference = (double)decoded[i] - values[i];
        error += difference * difference;
    }
    return error;
}

/* Levels are (code + zero) * scale, codes `first` to `last`. Returns the squared error. */
static double fake_even(const float *values, size_t count, float scale, float zero, float first,
                        float last, float *decoded)
{
    const float inverse = 1.0f / scale;
    for (size_t i = 0; i < count; i++) {
        float code = values[i] * inverse - zero;
        code = code < first ? first : code;
        code = code > last ? last : code;
        decoded[i] = (nearest(code) + zero) * scale;
    }
    return squared_error(values, decoded, count);
}

static double fake_gauss(const float *values, size_t count, int bits, float scale, float *decoded)
{
    const float *levels = gauss_levels[bits];
    for (size_t i = 0; i < count; i++)
        decoded[i] = levels[0] * scale;
    for (int k = 1; k < 1 << (bits - 1); k++) {
        const float above = 0.5f * (levels[k - 1] + levels[k]) * scale;
        const float level = levels[k] * scale;
        for (size_t i = 0; i < count; i++)
            decoded[i] = fabsf(values[i]) > above ? level : decoded[i];
    }
    for (size_t i = 0; i < count; i++)
        decoded[i] = copysignf(decoded[i], values[i]);
    return squared_error(values, decoded, count);
}

static double fake_around_zero(const struct candidate *candidate, const float *values, size_t count,
                               float scale, float *decoded)
{
    const float half = (float)(1 << (candidate->bits - 1));
    if (candidate->levels == CANDIDATE_GAUSS)
        return fake_gauss(values, count, candidate->bits, scale, decoded);
    return fake_even(values, count, scale, 0.5f, -half, half - 1.0f, decoded);
}

static void quantize_around_zero(const struct candidate *candidate, const struct extent *extent,
                                 float *values, size_t count)
{
    const int half = 1 << (candidate->bits - 1);
    const bool is_gauss = candidate->levels == CANDIDATE_GAUSS;
    const float of_rms = extent->rms * (is_gauss ? 1.0f : even_distance[candidate->bits]);
    const float of_max =
        extent->largest / (is_gauss ? gauss_levels[candidate->bits][half - 1] : (float)half - 0.5f);
    float decoded[MAX_GROUP];
    float scale = candidate->rms_factor * of_rms + candidate->max_factor * of_max;
    double least = DBL_MAX;
    for (int eighth = -12; candidate->is_searched && eighth <= 16; eighth++) {
        const float trial = of_rms * exp2f((float)eighth / 8.0f);
        const double error =
            fake_around_zero(candidate, values, count, stored_scale(candidate, trial), decoded);
        scale = error < least ? trial : scale;
        least = error < least ? error : least;
    }
    fake_around_zero(candidate, values, count, stored_scale(candidate, scale), decoded);
    memcpy(values, decoded, count * sizeof *values);
}

static void quantize_signed(const struct candidate *candidate, const struct extent *extent,
                            float *values, size_t count)
{
    const float half = (float)(1 << (candidate->bits - 1));
    const float size = stored_scale(candidate, extent->largest / half);
    float decoded[MAX_GROUP];
    fake_even(values, count, -extent->low > extent->high ? size : -size, 0.0f, -half, half - 1.0f,
              decoded);
    memcpy(values, decoded, count * sizeof *values);
}

/* One try of asym or centred: the levels span `low` to `high`. */
static double fake_range(const struct candidate *candidate, float largest, float low, float high,
                         const float *values, size_t count, float *decoded)
{
    const bool is_centred = candidate->levels == CANDIDATE_CENTRED;
    const float last = (float)((1 << candidate->bits) - 1);
    /* The library's rules that let a zero fit its metadata; docs/format.md. */
    const float floor = largest / (candidate->bits <= 4 ? 110.0f : 32000.0f);
    if (candidate->steps != 0 && candidate->bits > 4) {
        low = low > 0.0f ? 0.0f : low;
        high = high < 0.0f ? 0.0f : high;
    }
    float scale = (high - low) / (is_centred ? last + 1.0f : last);
    scale = stored_scale(candidate, scale < floor ? floor : scale);
    const float zero = rintf(low / scale) + (is_centred ? 0.5f : 0.0f);
    return fake_even(values, count, scale, zero, 0.0f, last, decoded);
}

static void quantize_range(const struct candidate *candidate, const struct extent *extent,
                           float *values, size_t count)
{
    const float step = (extent->high - extent->low) * (candidate->bits <= 2 ? 0.05f : 0.025f);
    float decoded[MAX_GROUP];
    float low = extent->low, high = extent->high;
    double least = DBL_MAX;
    for (int shrink = 0; candidate->is_searched && shrink < 12; shrink++) {
        /* Off both ends alike, off the lower one, off the upper one. */
        for (int end = 0; end < (shrink == 0 ? 1 : 3); end++) {
            const float off = (float)shrink * step;
            const float trial_low = extent->low + (end == 0 ? off / 2 : end == 1 ? off : 0.0f);
            const float trial_high = extent->high - (end == 0 ? off / 2 : end == 2 ? off : 0.0f);
            const double error = fake_range(candidate, extent->largest, trial_low, trial_high,
                                            values, count, decoded);
            low = error < least ? trial_low : low;
            high = error < least ? trial_high : high;
            least = error < least ? error : least;
        }
    }
    fake_range(candidate, extent->largest, low, high, values, count, decoded);
    memcpy(values, decoded, count * sizeof *values);
}

static void quantize(const struct candidate *candidate, float *values, size_t count)
{
    if (count == 0)
        return;
    const struct extent extent = measure(values, count);
    if (extent.largest < FLT_MIN) {
        memset(values, 0, count * sizeof *values);
        return;
    }
    switch (candidate->levels) {
    case CANDIDATE_ASYM:
    case CANDIDATE_CENTRED:
        quantize_range(candidate, &extent, values, count);
        return;
    case CANDIDATE_SIGNED:
        quantize_signed(candidate, &extent, values, count);
        return;
    case CANDIDATE_EVEN:
    case CANDIDATE_GAUSS:
        quantize_around_zero(candidate, &extent, values, count);
        return;
    }
}

/* The nearest bf16, ties to even. */
static float to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + 0x7fffu + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Mark the spikes, the first of equal ones. */
static void find_spikes(const struct candidate *candidate, const float *values, size_t count,
                        bool *is_spike)
{
    const bool has_ends = candidate->spikes == 2 && (candidate->levels == CANDIDATE_ASYM ||
                                                     candidate->levels == CANDIDATE_CENTRED);
    for (size_t spike = 0; spike < candidate->spikes && spike < count; spike++) {
        size_t found = count;
        float most = -FLT_MAX;
        for (size_t i = 0; i < count; i++) {
            const float key = !has_ends ? fabsf(values[i]) : spike == 0 ? -values[i] : values[i];
            if (!is_spike[i] && (found == count || key > most)) {
                found = i;
                most = key;
            }
        }
        is_spike[found] = true;
    }
}

void candidate_turn(float *values, size_t count)
{
    for (size_t half = 1; half < count; half *= 2) {
        for (size_t first = 0; first < count; first += 2 * half) {
            for (size_t i = first; i < first + half; i++) {
                const float a = values[i], b = values[i + half];
                values[i] = a + b;
                values[i + half] = a - b;
            }
        }
    }
    const float norm = 1.0f / sqrtf((float)count);
    for (size_t i = 0; i < count; i++)
        values[i] *= norm;
}

static void turn_group(const struct candidate *candidate, float *group)
{
    for (size_t i = 0; i < candidate->group; i += candidate->turn)
        candidate_turn(group + i, candidate->turn);
}

static void fake_group(const struct candidate *candidate, float *values, size_t count)
{
    float rest[MAX_GROUP] = {0};
    bool is_spike[MAX_GROUP] = {false};
    find_spikes(candidate, values, count, is_spike);
    if (candidate->turn > 1) {
        for (size_t i = 0; i < count; i++)
            rest[i] = is_spike[i] ? 0.0f : values[i];
        turn_group(candidate, rest);
        quantize(candidate, rest, candidate->group);
        turn_group(candidate, rest);
        for (size_t i = 0; i < count; i++)
            values[i] = is_spike[i] ? to_bf16(values[i]) : rest[i];
        return;
    }
    size_t rest_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_spike[i])
            rest[rest_count++] = values[i];
    }
    quantize(candidate, rest, rest_count);
    for (size_t i = 0, next = 0; i < count; i++)
        values[i] = is_spike[i] ? to_bf16(values[i]) : rest[next++];
}

void candidate_fake(const struct candidate *candidate, float *values, size_t count)
{
    for (size_t at = 0; at < count; at += candidate->group) {
        const size_t left = count - at;
        fake_group(candidate, values + at, left < candidate->group ? left : candidate->group);
    }
}
