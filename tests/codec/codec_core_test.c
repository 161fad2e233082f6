// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The rules of codec_core.h one by one: nearest integers, ranges, scales. Whether codes need a
 * clamp is codec_clamp_test.c.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "all_formats.h"
#include "codec/codec_core.h"
#include "test_data.h"

/* ---- Nearest integers ---- */

static void ties_go_to_even(void **state)
{
    (void)state;
    for (int zero = -32000; zero <= 32000; zero += 127) {
        for (int k = -300; k <= 300; k++) {
            const int even = k % 2 == 0 ? k : k + 1; /* of k and k + 1 */
            const float x = (float)(k + zero) + 0.5f;
            assert_true(flci_nearest(x, 1.0f, zero) == (float)even);
            assert_true(flci_nearest(0x1p-100f * x, 0x1p100f, zero) == (float)even);
            assert_true(flci_nearest(nextafterf(x, -INFINITY), 1.0f, zero) == (float)k);
            assert_true(flci_nearest(nextafterf(x, INFINITY), 1.0f, zero) == (float)(k + 1));
        }
    }
}

/* The form that GPUs and vector units use: one fused multiply-add with a magic constant. */
static void one_fused_instruction_gives_the_same(void **state)
{
    uint64_t random = 3;
    (void)state;
    for (int i = 0; i < 500000; i++) {
        const int exponent = (int)test_random_below(&random, 240) - 120;
        const float inverse = (float)ldexp(1.0 + test_uniform(&random), -exponent);
        const float x = (float)ldexp(60000.0 * (test_uniform(&random) - 0.5), exponent);
        const int zero = (int)test_random_below(&random, 64001) - 32000;
        const float magic = 0x1.8p23f;
        const float fused = fmaf(x, inverse, magic - (float)zero) - magic;
        assert_true(flci_nearest(x, inverse, zero) == fused);
    }
}

/* ---- Ranges ---- */

static struct flci_range range_of(const float *x, int n, int spikes)
{
    const struct flci_range range = flci_range_of(x, n, spikes);
    assert_true(range.is_finite);
    return range;
}

static void equal_extremes_take_the_lowest_position(void **state)
{
    const float x[] = {1, 5, -3, 5, -3, 2};
    const float zeros[] = {0.0f, -0.0f, 0.0f};
    const float minus_first[] = {-0.0f, 0.0f, 1.0f, 1.0f};
    struct flci_range range = range_of(x, 6, 1);
    (void)state;
    assert_int_equal(range.min_at, 2);
    assert_int_equal(range.max_at, 1);
    assert_true(range.low == -3.0f && range.high == 5.0f);
    range = range_of(zeros, 3, 1);
    assert_int_equal(range.min_at, 0);
    assert_int_equal(range.max_at, 0);
    assert_int_equal(flci_bits_of(range.min), 0);
    range = range_of(minus_first, 4, 1);
    assert_int_equal(range.min_at, 0);
    assert_int_equal(range.max_at, 2);
    assert_int_equal(flci_bits_of(range.min), 0x80000000u);
    assert_true(range.low == 0.0f && range.high == 1.0f);
}

static void spikes_leave_the_range(void **state)
{
    const float x[] = {-9, 1, 7, 2};
    struct flci_range range = range_of(x, 4, 1);
    (void)state;
    assert_true(range.low == 1.0f && range.high == 2.0f);
    assert_true(range.min == -9.0f && range.max == 7.0f);
    range = range_of(x, 4, 0);
    assert_true(range.low == -9.0f && range.high == 7.0f);
    range = range_of(x, 3, 1);
    assert_true(range.low == 1.0f && range.high == 1.0f);
    for (int n = 1; n <= 2; n++) { /* nothing remains */
        range = range_of(x, n, 1);
        assert_true(range.low == 0.0f && range.high == 0.0f);
        assert_int_equal(range.min_at, 0);
        assert_int_equal(range.max_at, n - 1);
    }
}

static void one_bad_value_is_enough(void **state)
{
    (void)state;
    for (int at = 0; at < 16; at++) {
        const float bad[] = {(float)NAN, (float)INFINITY, -(float)INFINITY,
                             flci_float_of(0xff800001u)};
        for (int k = 0; k < 4; k++) {
            float x[16] = {0};
            x[at] = bad[k];
            assert_false(flci_range_of(x, 16, 0).is_finite);
            assert_false(flci_range_of(x, 16, 1).is_finite);
            x[at] = 0x1.fffffep127f;
            assert_true(flci_range_of(x, 16, k % 2).is_finite);
        }
    }
}

/* ---- Scales ---- */

static uint16_t to_wide(float target, flc_type type)
{
    const flc_format symmetric = {.bits = 4, .group = 16, .scheme = FLC_SYMMETRIC};
    return flci_scale_to_wide(target, symmetric, type, (struct flci_range){.is_finite = 1});
}

static void wide_scales_are_rounded_up(void **state)
{
    (void)state;
    for (unsigned pattern = 0x0080; pattern <= 0x7f7f; pattern++) {
        const float exact = flci_from_bf16((uint16_t)pattern);
        const float above = nextafterf(exact, INFINITY);
        assert_int_equal(to_wide(exact, FLC_FLOAT32), pattern);
        assert_int_equal(to_wide(exact, FLC_FLOAT16), pattern < 0x477f ? pattern : 0x477f);
        assert_int_equal(to_wide(above, FLC_BFLOAT16), pattern < 0x7f7f ? pattern + 1 : 0x7f7f);
        if (pattern > 0x0080) {
            assert_int_equal(to_wide(nextafterf(exact, 0.0f), FLC_FLOAT32), pattern);
        }
    }
}

/* Up to 4 bits the next scale is taken where, and only where, the range would pass the top code. */
static void wide_scales_leave_room_for_the_top_code(void **state)
{
    uint64_t random = 6;
    unsigned raised = 0;
    (void)state;
    for (int i = 0; i < 300000; i++) {
        const flc_format format = {.bits = (uint8_t)(2 + i % 3), .group = 16};
        const double top = (1 << format.bits) - 1;
        const int exponent = (int)test_random_below(&random, 240) - 120;
        struct flci_range range = {.is_finite = 1};
        range.high = (float)ldexp(1.0 + test_uniform(&random), exponent);
        range.low = -range.high * (float)test_uniform(&random);
        const float target = flci_scale_target(format, FLC_FLOAT32, &range);
        const double width = (double)range.high - (double)range.low;
        const uint16_t least = to_wide(target, FLC_FLOAT32);
        const uint16_t scale = flci_scale_to_wide(target, format, FLC_FLOAT32, range);
        const double filled = width * (double)flci_reciprocal(least, format.bits) / top;
        assert_true(scale == least || scale == least + 1);
        assert_true(width * (double)flci_reciprocal(scale, format.bits) < top);
        assert_true(scale == least ? filled < 1.0 : filled > 1.0 - 0x1p-19);
        raised += scale != least;
    }
    assert_true(raised > 1000);
}

/* The exact position of a scale among the codes, in eighths of an octave from 2^base. */
static double eighths_of(float target, int base)
{
    return 8.0 * (log2((double)target) - base);
}

static void check_compact_nearest(float target, flc_type type, int base, int bits, uint8_t code)
{
    const int top = 8 * ((type == FLC_FLOAT16 ? 15 : 127) - base) + 7;
    double exact = eighths_of(target, base);
    exact = exact < 0.0 ? 0.0 : exact > top ? top : exact;
    /* A border is where a float32 constant lies: within its rounding either side is right. */
    if (fabs(exact - code) > 0.5 + 1e-5) {
        fail_msg("int%d: scale %a over 2^%d has code %u, exactly %.7f", bits, (double)target, base,
                 code, exact);
    }
}

static void check_compact_upwards(float target, int base, uint8_t code)
{
    const float scale = flci_from_bf16(flci_scale_from_compact(code, base));
    assert_true(scale >= target);
    if (code > 0) {
        assert_true(flci_from_bf16(flci_scale_from_compact((uint8_t)(code - 1), base)) < target);
    }
}

static void compact_scales_are_near_or_above(void **state)
{
    uint64_t random = 5;
    (void)state;
    for (int i = 0; i < 400000; i++) {
        const flc_type type = i % 4 == 0 ? FLC_FLOAT16 : FLC_FLOAT32;
        const int most = type == FLC_FLOAT16 ? 15 : 127;
        const int exponent = (int)test_random_below(&random, (size_t)(most + 126)) - 126;
        const int bits = 1 + i % 8;
        const float largest = (float)ldexp(1.0 + test_uniform(&random), exponent);
        const int base = flci_base_exponent(largest);
        const double octaves = (exponent - base + 1) * test_uniform(&random) * 1.05;
        float target = (float)((double)largest * exp2(-octaves));
        uint8_t code;
        target = target < FLCI_SCALE_MIN ? FLCI_SCALE_MIN : target;
        code = flci_scale_to_compact(target, most, base, bits > FLCI_NARROW_BITS);
        assert_true(base >= -126 && base <= 97);
        assert_true(code <= FLCI_SCALE_CODE_MAX);
        assert_true(flci_scale_from_compact(code, base) != 0);
        if (bits <= 4) {
            check_compact_nearest(target, type, base, bits, code);
        } else if (code < 8 * (most - base) + 7) {
            check_compact_upwards(target, base, code);
        }
    }
}

/* At a scale of the table, and a float32 above and below it. */
static void compact_scales_of_the_table_are_exact(void **state)
{
    (void)state;
    for (int base = -126; base <= 97; base += 7) {
        for (int code = 0; code <= 240; code++) {
            const float scale = flci_from_bf16(flci_scale_from_compact((uint8_t)code, base));
            for (int bits = 1; bits <= 8; bits++) {
                const int above = bits <= 4 ? code : code + 1;
                assert_int_equal(flci_scale_to_compact(scale, 127, base, bits > FLCI_NARROW_BITS),
                                 code);
                assert_int_equal(flci_scale_to_compact(nextafterf(scale, INFINITY), 127, base,
                                                       bits > FLCI_NARROW_BITS),
                                 above);
                assert_int_equal(flci_scale_to_compact(nextafterf(scale, 0.0f), 127, base,
                                                       bits > FLCI_NARROW_BITS),
                                 code);
            }
        }
    }
}

static void small_scales_have_a_floor(void **state)
{
    (void)state;
    for (int exponent = -126; exponent <= 127; exponent++) {
        const float largest = (float)ldexp(1.75, exponent);
        const int base = flci_base_exponent(largest);
        assert_int_equal(base, exponent - 30 < -126 ? -126 : exponent - 30);
        for (int bits = 1; bits <= 8; bits++) {
            assert_int_equal(
                flci_scale_to_compact(FLCI_SCALE_MIN, 127, base, bits > FLCI_NARROW_BITS), 0);
        }
    }
}

static void compact_codes_are_all_defined(void **state)
{
    static const int fractions[8] = {0x00, 0x0c, 0x18, 0x26, 0x35, 0x45, 0x57, 0x6b};
    (void)state;
    for (int base = -126; base <= 97; base++) {
        for (int code = 0; code < 256; code++) {
            const int exponent = base + code / 8;
            const unsigned expected = code == 255 ? 0x7fc0u
                                      : code > 248 || exponent > 127
                                          ? 0u
                                          : (unsigned)((exponent + 127) << 7 | fractions[code % 8]);
            assert_int_equal(flci_scale_from_compact((uint8_t)code, base), expected);
        }
    }
}

static void targets_are_finite_and_not_small(void **state)
{
    static const float ends[] = {0.0f,      -0.0f,    0x1p-149f,       -0x1p-149f,       0x1p-126f,
                                 1.0f,      -1.0f,    0x1.fffffep127f, -0x1.fffffep127f, 65504.0f,
                                 -65504.0f, 0x1p100f, -0x1p-100f};
    const size_t count = sizeof ends / sizeof ends[0];
    (void)state;
    for (int i = 0; i < EVEN_FORMATS * ALL_TYPES; i++) {
        const flc_format format = all_formats_at(i / ALL_TYPES);
        const flc_type type = (flc_type)(i % ALL_TYPES);
        for (size_t k = 0; k < count * count; k++) {
            const float x[4] = {ends[k / count], ends[k % count], ends[k / count], ends[k % count]};
            struct flci_range range = flci_range_of(x, 4, format.spikes);
            const float target = flci_scale_target(format, type, &range);
            assert_true(flci_is_finite(target) && target >= FLCI_SCALE_MIN);
            assert_true(range.low <= range.high);
            assert_true(range.high <= flci_type_limit(type));
            assert_true(-range.low <= flci_type_limit(type));
            assert_true(target <= flci_type_limit(type));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_go_to_even),
        cmocka_unit_test(one_fused_instruction_gives_the_same),
        cmocka_unit_test(equal_extremes_take_the_lowest_position),
        cmocka_unit_test(spikes_leave_the_range),
        cmocka_unit_test(one_bad_value_is_enough),
        cmocka_unit_test(wide_scales_are_rounded_up),
        cmocka_unit_test(wide_scales_leave_room_for_the_top_code),
        cmocka_unit_test(compact_scales_are_near_or_above),
        cmocka_unit_test(compact_scales_of_the_table_are_exact),
        cmocka_unit_test(small_scales_have_a_floor),
        cmocka_unit_test(compact_codes_are_all_defined),
        cmocka_unit_test(targets_are_finite_and_not_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
