// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Rotated formats seen through encode and decode. The turn is computed here once more, in float64
 * and from its definition, so that each coefficient can be held to what its level allows, which is
 * far less than flc_format_error_bound can promise for an element.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/codec_rotated.h"
#include "test_data.h"

#define ELEMS      (2 * FLC_BLOCK_ELEMS)
#define MAX_WIRE   (2 * ELEMS)
#define LAST_GROUP 256

static const int levels[5][8] = {
    {0}, {64}, {36, 124}, {13, 41, 73, 121}, {5, 15, 25, 37, 49, 63, 79, 101}};
/* Eighths of an octave below the largest scale: without search, and the farthest with it. */
static const int without_search[5] = {0, 12, 5, 1, 0}, farthest[5] = {0, 16, 8, 3, 1};

static int level_at(int bits, int i)
{
    return bits <= 4 ? levels[bits][i] : 2 * i + 1;
}

static flc_format rotated(int bits, int group, int search)
{
    return (flc_format){.bits = (uint8_t)bits,
                        .group = (uint16_t)group,
                        .scheme = FLC_ROTATED,
                        .metadata = FLC_COMPACT,
                        .search = (uint8_t)search};
}

static void round_trip(flc_format format, flc_type type, const void *x, size_t n, void *y)
{
    static uint8_t wire[MAX_WIRE];
    size_t bytes = 0;
    assert_int_equal(flc_format_wire_bytes(format, type, n, &bytes), FLC_OK);
    assert_true(bytes <= sizeof wire);
    assert_int_equal(flc_encode(format, type, x, n, wire, bytes, NULL), FLC_OK);
    assert_int_equal(flc_decode(format, type, wire, bytes, y, n), FLC_OK);
}

static int is_odd(unsigned bits)
{
    return __builtin_popcount(bits) % 2;
}

/* Coefficient k: the sum of sign(i) x (-1)^(bits that i and k share) x x[i], over the group. */
static double coefficient(const float *x, int group, int k)
{
    double sum = 0.0;
    for (int i = 0; i < group; i++) {
        const int pairs = (i & i >> 1) & 0x55;
        sum += is_odd((unsigned)pairs) != is_odd((unsigned)(i & k)) ? -(double)x[i] : (double)x[i];
    }
    return sum / group;
}

/* The same the other way: element k of coefficients v. */
static double element_of(const float *v, int group, int k)
{
    const int pairs = (k & k >> 1) & 0x55;
    double sum = 0.0;
    for (int i = 0; i < group; i++) {
        sum += is_odd((unsigned)(i & k)) ? -(double)v[i] : (double)v[i];
    }
    return is_odd((unsigned)pairs) ? -sum : sum;
}

/* The error that a coefficient may have in a group whose largest is `most`. */
static double allowed(flc_format format, double most)
{
    const int count = 1 << (format.bits - 1), top = level_at(format.bits, count - 1);
    const int is_nearest = format.bits <= 6;
    const int steps = format.bits > 4 ? 0
                      : format.search ? farthest[format.bits]
                                      : without_search[format.bits];
    double gap = 2.0 * level_at(format.bits, 0);
    for (int i = 1; i < count; i++) {
        gap = fmax(gap, level_at(format.bits, i) - level_at(format.bits, i - 1));
    }
    return fmax(0.5 * gap * most / top * (is_nearest ? 1.048 : 1.095),
                most * (1.0 - (is_nearest ? 0.955 : 1.0) * exp2(-steps / 8.0))) +
           most * 1e-6;
}

static void check_group(flc_format format, const float *x, const float *y)
{
    double most = 0.0;
    for (int k = 0; k < format.group; k++) {
        most = fmax(most, fabs(coefficient(x, format.group, k)));
    }
    for (int k = 0; k < format.group; k++) {
        const double error =
            fabs(coefficient(x, format.group, k) - coefficient(y, format.group, k));
        if (!(error <= allowed(format, most))) {
            fail_msg("int%d:g%d search %d: coefficient %d is off by %g, allowed is %g", format.bits,
                     format.group, format.search, k, error, allowed(format, most));
        }
    }
}

static void coefficients_are_near_their_levels(void **state)
{
    static const enum test_data kinds[] = {TEST_GAUSSIAN, TEST_OUTLIERS, TEST_CONSTANT, TEST_RAMP,
                                           TEST_SPIKE};
    static float x[FLC_BLOCK_ELEMS], y[FLC_BLOCK_ELEMS];
    (void)state;
    for (int i = 0; i < 8 * 5 * 2 * 5; i++) {
        const flc_format format = rotated(1 + i % 8, 16 << i / 8 % 5, i / 40 % 2);
        const size_t n = LAST_GROUP * 4;
        if (flc_format_check(format) != FLC_OK) {
            continue;
        }
        test_fill(x, n, kinds[i / 80], (uint64_t)i);
        round_trip(format, FLC_FLOAT32, x, n, y);
        for (size_t at = 0; at < n; at += format.group) {
            check_group(format, x + at, y + at);
        }
    }
}

/* Constant groups and lone values turn into coefficients of one magnitude, or of it and zero. */
static void flat_groups_are_kept_well(void **state)
{
    static float x[LAST_GROUP], y[LAST_GROUP];
    (void)state;
    for (int i = 0; i < 5 * 2; i++) {
        const flc_format format = rotated(4, 16 << i / 2, i % 2);
        double worst = 0.0;
        for (int at = 0; at < format.group; at++) {
            x[at] = i % 2 == 0 || at == 7 ? -3.0f : 0.0f;
        }
        round_trip(format, FLC_FLOAT32, x, format.group, y);
        for (int at = 0; at < format.group; at++) {
            worst = fmax(worst, fabs((double)y[at] - (double)x[at]));
        }
        assert_true(worst < (i % 2 == 0 && (i / 2) % 2 == 1 ? 1.5 : 0.15));
    }
}

static void empty_and_tiny_groups_are_zero(void **state)
{
    static float x[FLC_BLOCK_ELEMS], y[FLC_BLOCK_ELEMS];
    (void)state;
    for (int bits = 1; bits <= 8; bits++) {
        memset(x, 0, sizeof x);
        for (int i = 0; i < 64; i++) {
            x[64 + i] = 0x1p20f; /* beside it 2^-60 is nothing */
            x[128 + i] = i % 2 == 0 ? -0.0f : 0x1p-60f;
        }
        round_trip(rotated(bits, 64, 0), FLC_FLOAT32, x, FLC_BLOCK_ELEMS, y);
        for (int i = 0; i < FLC_BLOCK_ELEMS; i++) {
            const float zero = 0.0f;
            assert_true((i >= 64 && i < 128) || memcmp(&y[i], &zero, sizeof zero) == 0);
        }
    }
}

/* The way back is exact, so that no order of its additions gives other bits: float64 agrees. */
static void turning_back_is_exact(void **state)
{
    uint64_t random = 11;
    (void)state;
    for (int i = 0; i < 8 * 5 * 20; i++) {
        const flc_format format = rotated(1 + i % 8, 16 << i / 8 % 5, 0);
        const float scale = flci_from_bf16(flci_scale_from_compact((uint8_t)(1 + i % 248), -20));
        float v[LAST_GROUP], y[LAST_GROUP];
        for (int at = 0; at < format.group; at++) {
            const uint64_t code = test_random(&random) >> (64 - format.bits);
            v[at] = flci_rotated_value(format.bits, scale, (uint8_t)code);
        }
        memcpy(y, v, sizeof y);
        flci_rotate_back(y, format.group, FLC_FLOAT32);
        for (int at = 0; at < format.group; at++) {
            assert_true((double)y[at] == element_of(v, format.group, at));
        }
    }
}

/* fp16 saturates, whatever a sum of levels comes to; larger types stay finite at their ends. */
static void large_values_stay_finite(void **state)
{
    static float x[ELEMS], y[ELEMS];
    static uint16_t half[ELEMS], decoded[ELEMS];
    (void)state;
    for (int i = 0; i < 8 * 5; i++) {
        const flc_format format = rotated(1 + i % 8, 16 << i / 8, i % 8 < 4 && i % 3 == 0);
        test_fill_elems(FLC_FLOAT16, half, 1000, TEST_HUGE, (uint64_t)i);
        round_trip(format, FLC_FLOAT16, half, 1000, decoded);
        test_fill_elems(FLC_FLOAT32, x, 1000, TEST_HUGE, (uint64_t)i);
        round_trip(format, FLC_FLOAT32, x, 1000, y);
        for (int at = 0; at < 1000; at++) {
            assert_true((decoded[at] & 0x7c00) != 0x7c00);
            assert_true(isfinite(y[at]));
        }
    }
}

static double noise(flc_format format, const float *x)
{
    static float y[ELEMS];
    double sum = 0.0;
    round_trip(format, FLC_FLOAT32, x, ELEMS, y);
    for (int i = 0; i < ELEMS; i++) {
        sum += ((double)y[i] - (double)x[i]) * ((double)y[i] - (double)x[i]);
    }
    return sum;
}

static void search_lessens_the_error(void **state)
{
    static const enum test_data kinds[] = {TEST_GAUSSIAN, TEST_OUTLIERS};
    static float x[ELEMS];
    (void)state;
    for (int i = 0; i < 4 * 5 * 2; i++) {
        const int bits = 1 + i % 4, group = 16 << i / 4 % 5;
        test_fill(x, ELEMS, kinds[i / 20], (uint64_t)i);
        assert_true(noise(rotated(bits, group, 1), x) < noise(rotated(bits, group, 0), x));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coefficients_are_near_their_levels),
        cmocka_unit_test(flat_groups_are_kept_well),
        cmocka_unit_test(empty_and_tiny_groups_are_zero),
        cmocka_unit_test(turning_back_is_exact),
        cmocka_unit_test(large_values_stay_finite),
        cmocka_unit_test(search_lessens_the_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
