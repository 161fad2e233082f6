// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Element conversion: every fp16 and bf16 pattern there and back, and known roundings of fp32.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "elem_convert.h"

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* From the definition of the format, with exact double arithmetic. */
static double fp16_value(uint16_t bits)
{
    const int exponent = (bits >> 10) & 31;
    const int mantissa = bits & 0x3ff;
    const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == 0) {
        return sign * ldexp(mantissa, -24);
    }
    return sign * ldexp(1024 + mantissa, exponent - 25);
}

static void fp16_widens_exactly(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
        const uint32_t wide = elem_fp16_to_fp32((uint16_t)bits);
        const float value = float_of(wide);
        if ((bits & 0x7fff) > 0x7c00) {
            assert_true(isnan(value));
        } else if ((bits & 0x7fff) == 0x7c00) {
            assert_true(isinf(value));
        } else {
            assert_true((double)value == fp16_value((uint16_t)bits));
        }
        assert_int_equal(wide >> 31, bits >> 15);
    }
}

static void narrow_types_survive_the_round_trip(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
        const uint16_t half = (uint16_t)bits;
        if ((bits & 0x7fff) > 0x7c00) {
            assert_true((elem_fp32_to_fp16(elem_fp16_to_fp32(half)) & 0x7fff) > 0x7c00);
        } else {
            assert_int_equal(elem_fp32_to_fp16(elem_fp16_to_fp32(half)), half);
        }
        if ((bits & 0x7fff) > 0x7f80) {
            assert_true((elem_fp32_to_bf16(elem_bf16_to_fp32(half)) & 0x7fff) > 0x7f80);
        } else {
            assert_int_equal(elem_fp32_to_bf16(elem_bf16_to_fp32(half)), half);
        }
    }
}

/* Between neighbours: below the middle down, above it up, on it to the even pattern. */
static void fp16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x7bff; bits++) {
        const double low = fp16_value((uint16_t)bits);
        const double high = fp16_value((uint16_t)(bits + 1));
        const float middle = (float)((low + high) / 2); /* exact: one more bit of mantissa */
        const uint32_t even = (bits & 1) == 0 ? bits : bits + 1;
        assert_int_equal(elem_fp32_to_fp16(bits_of(middle)), even);
        assert_int_equal(elem_fp32_to_fp16(bits_of(middle) - 1), bits);
        assert_int_equal(elem_fp32_to_fp16(bits_of(middle) + 1), bits + 1);
        assert_int_equal(elem_fp32_to_fp16(bits_of(-middle)), even | 0x8000);
    }
}

static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x7f80; bits++) {
        const uint32_t middle = bits << 16 | 0x8000;
        const uint32_t even = (bits & 1) == 0 ? bits : bits + 1;
        assert_int_equal(elem_fp32_to_bf16(middle), even);
        assert_int_equal(elem_fp32_to_bf16(middle - 1), bits);
        assert_int_equal(elem_fp32_to_bf16(middle + 1), bits + 1);
        assert_int_equal(elem_fp32_to_bf16(middle | 0x80000000u), even | 0x8000);
    }
}

static void extremes_are_defined(void **state)
{
    (void)state;
    static const struct {
        uint32_t fp32;
        uint16_t fp16;
        uint16_t bf16;
    } cases[] =
        {
            {0x00000000, 0x0000, 0x0000}, {0x80000000, 0x8000, 0x8000},
            {0x7f800000, 0x7c00, 0x7f80}, {0xff800000, 0xfc00, 0xff80},
            {0x7f7fffff, 0x7c00, 0x7f80}, /* the largest fp32 overflows both */
            {0x477fefff, 0x7bff, 0x4780}, /* below 65520 */
            {0x477ff000, 0x7c00, 0x4780}, /* 65520 */
            {0x33000000, 0x0000, 0x3300}, /* 2^-25, half the smallest fp16: to even */
            {0x33000001, 0x0001, 0x3300}, {0x32ffffff, 0x0000, 0x3300},
            {0x00000001, 0x0000, 0x0000}, {0x807fffff, 0x8000, 0x8080},
            {0x7f800001, 0x7e00, 0x7fc0}, /* NaNs whose mantissa would be cut off */
            {0xffc12345, 0xfe09, 0xffc1},
        };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(elem_fp32_to_fp16(cases[i].fp32), cases[i].fp16);
        assert_int_equal(elem_fp32_to_bf16(cases[i].fp32), cases[i].bf16);
    }
}

static void arrays_convert_between_all_types(void **state)
{
    (void)state;
    const float values[] = {1.0f, -2.5f, 0.0f, 240.0f};
    uint16_t fp16[4];
    uint16_t bf16[4];
    float back[4];
    elems_convert(FLC_FLOAT32, values, FLC_FLOAT16, fp16, 4);
    elems_convert(FLC_FLOAT16, fp16, FLC_BFLOAT16, bf16, 4);
    elems_convert(FLC_BFLOAT16, bf16, FLC_FLOAT32, back, 4);
    assert_memory_equal(values, back, sizeof values);
    for (size_t i = 0; i < 4; i++) {
        assert_true(elem_value(FLC_FLOAT32, values, i) == (double)values[i]);
        assert_true(elem_value(FLC_FLOAT16, fp16, i) == (double)values[i]);
        assert_true(elem_value(FLC_BFLOAT16, bf16, i) == (double)values[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp16_widens_exactly),
        cmocka_unit_test(narrow_types_survive_the_round_trip),
        cmocka_unit_test(fp16_rounds_to_nearest_even),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(extremes_are_defined),
        cmocka_unit_test(arrays_convert_between_all_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
