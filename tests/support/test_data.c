// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The inputs of test_data.h. The conversion to 16 bits goes through exact double arithmetic: slow,
 * and unlike the library's integer tricks.
 */
#include "test_data.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From fp32's exponents of the smallest and largest numbers to fp16's: 2^-126 to 2^-14. */
#define FP16_SHIFT 0x1p112f

const char *test_data_name(enum test_data kind)
{
    static const char *const names[TEST_DATA_KINDS] = {
        "gaussian", "outliers", "constant", "ramp",  "zeros", "denormal",
        "tiny",     "huge",     "mixed",    "spike", "nan",   "inf",
    };
    return names[kind];
}

uint64_t test_random(uint64_t *state)
{
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

size_t test_random_below(uint64_t *state, size_t limit)
{
    return (size_t)(test_random(state) % limit);
}

double test_uniform(uint64_t *state)
{
    return (double)(test_random(state) >> 11) * 0x1p-53;
}

double test_gaussian(uint64_t *state)
{
    const double radius = sqrt(-2.0 * log(1.0 - test_uniform(state)));
    return radius * cos(2.0 * 3.14159265358979323846 * test_uniform(state));
}

/* A float of random sign with the given exponent of 2 and a random mantissa. */
static float random_magnitude(uint64_t *state, int exponent)
{
    const double mantissa = 1.0 + (double)(test_random(state) >> 41) * 0x1p-23;
    const double x = ldexp(mantissa, exponent);
    return (float)((test_random(state) & 1) != 0 ? -x : x);
}

static float random_nan(uint64_t *state)
{
    const uint64_t random = test_random(state);
    /* Any sign and payload, but not all of it zero: that would be an infinity. */
    const uint32_t bits = 0x7f800000u | ((uint32_t)random & 0x807fffffu) | 0x00010000u;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float make_value(enum test_data kind, size_t i, size_t n, float salt, uint64_t *state)
{
    switch (kind) {
    case TEST_CONSTANT:
        return salt;
    case TEST_RAMP:
        return salt * ((float)i / (float)n - 0.3f);
    case TEST_ZEROS:
        return (test_random(state) & 1) != 0 ? -0.0f : 0.0f;
    case TEST_DENORMAL:
        return random_magnitude(state, -149 + (int)test_random_below(state, 23));
    case TEST_TINY:
        return random_magnitude(state, -128 + (int)test_random_below(state, 6));
    case TEST_HUGE:
        return test_random_below(state, 64) == 0 ? copysignf(FLT_MAX, salt)
                                                 : random_magnitude(state, 124 + (int)(i % 4));
    case TEST_MIXED:
        return random_magnitude(state, (int)test_random_below(state, 121) - 60);
    case TEST_OUTLIERS:
        return (float)(test_gaussian(state) * (test_uniform(state) < 0.003 ? 30.0 : 1.0));
    default:
        return (float)test_gaussian(state);
    }
}

void test_fill(float *x, size_t n, enum test_data kind, uint64_t seed)
{
    uint64_t state = seed;
    const float salt = (float)test_gaussian(&state);
    for (size_t i = 0; i < n; i++) {
        x[i] = make_value(kind, i, n, salt, &state);
    }
    if (n == 0) {
        return;
    }
    if (kind == TEST_SPIKE) {
        x[test_random_below(&state, n)] = 1e4f * salt;
    }
    /* A few, so that most groups stay finite. */
    for (size_t k = 0; k <= n / 2000; k++) {
        if (kind == TEST_NAN) {
            x[test_random_below(&state, n)] = random_nan(&state);
        }
        if (kind == TEST_INF) {
            x[test_random_below(&state, n)] = (k & 1) != 0 ? -INFINITY : INFINITY;
        }
    }
}

/* The nearest even multiple of 2^step_exponent; |x| is far below 2^(52 + step_exponent). */
static double round_to_step(double x, int step_exponent)
{
    return ldexp(nearbyint(ldexp(x, -step_exponent)), step_exponent);
}

/*
 * The pattern of a finite x in a 16-bit format with `mantissa_bits` and largest exponent `emax`,
 * saturated.
 */
static uint16_t narrow_finite(double x, int mantissa_bits, int emax)
{
    const double largest = ldexp(2.0 - ldexp(1.0, -mantissa_bits), emax);
    const uint16_t sign = signbit(x) ? 0x8000u : 0;
    double magnitude = fmin(fabs(x), largest);
    int exponent = 1 - emax; /* of the smallest normal number: subnormals use its step */
    if (magnitude >= ldexp(1.0, exponent)) {
        exponent = ilogb(magnitude);
    }
    magnitude = round_to_step(magnitude, exponent - mantissa_bits);
    if (magnitude >= ldexp(1.0, exponent + 1)) {
        exponent++;
    }
    /* The leading one carries into the exponent field, which a subnormal's lack leaves at 0. */
    const double steps = ldexp(magnitude, mantissa_bits - exponent);
    const int field = exponent - (1 - emax);
    return (uint16_t)(sign | (unsigned)(((long)field << mantissa_bits) + (long)steps));
}

static uint16_t narrow(flc_type type, float x)
{
    const int mantissa_bits = type == FLC_FLOAT16 ? 10 : 7;
    const int emax = type == FLC_FLOAT16 ? 15 : 127;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isfinite(x)) {
        return narrow_finite(x, mantissa_bits, emax);
    }
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t exponent = (0x7fffu >> mantissa_bits) << mantissa_bits;
    const uint32_t payload = (bits & 0x7fffffu) >> (23 - mantissa_bits);
    return (uint16_t)(sign | exponent | (isnan(x) && payload == 0 ? 1u : payload));
}

static float widen(flc_type type, uint16_t bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x8000u) << 16;
    uint32_t wide = (uint32_t)bits << 16;
    if (type == FLC_FLOAT16 && (bits & 0x7c00u) == 0x7c00u) {
        wide = sign | 0x7f800000u | (uint32_t)(bits & 0x3ffu) << 13;
    } else if (type == FLC_FLOAT16) {
        const int field = (bits >> 10) & 31;
        const int mantissa = (bits & 0x3ff) + (field != 0 ? 1024 : 0);
        const float x = (float)ldexp(mantissa, (field != 0 ? field : 1) - 25);
        memcpy(&wide, &x, sizeof wide);
        wide |= sign;
    }
    float x;
    memcpy(&x, &wide, sizeof x);
    return x;
}

void test_store(flc_type type, const float *x, size_t n, void *elems)
{
    if (type == FLC_FLOAT32) {
        if (n != 0) {
            memcpy(elems, x, n * sizeof *x);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ((uint16_t *)elems)[i] = narrow(type, x[i]);
    }
}

void test_load(flc_type type, const void *elems, size_t n, float *x)
{
    if (type == FLC_FLOAT32) {
        if (n != 0) {
            memcpy(x, elems, n * sizeof *x);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = widen(type, ((const uint16_t *)elems)[i]);
    }
}

void test_fill_elems(flc_type type, void *elems, size_t n, enum test_data kind, uint64_t seed)
{
    float *x = malloc((n + 1) * sizeof *x);
    if (x == NULL) {
        fprintf(stderr, "out of memory for %zu test values\n", n);
        abort();
    }
    test_fill(x, n, kind, seed);
    for (size_t i = 0; type == FLC_FLOAT16 && i < n; i++) {
        if (kind == TEST_DENORMAL || kind == TEST_TINY) {
            x[i] *= FP16_SHIFT;
        } else if (kind == TEST_HUGE) {
            x[i] /= FP16_SHIFT;
        }
    }
    test_store(type, x, n, elems);
    free(x);
}
