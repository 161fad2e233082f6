// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * fp16 and bf16 of codec_core.h, every pattern and every border between two: against the values
 * that the formats' fields define, computed in float64.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/codec_core.h"
#include "test_data.h"

struct form {
    int mantissa_bits, bias;
    uint16_t infinity, nan;
    uint16_t (*narrow)(float);
    float (*widen)(uint16_t);
};

static const struct form fp16 = {10, 15, 0x7c00, 0x7e00, flci_to_fp16, flci_from_fp16};
static const struct form bf16 = {7, 127, 0x7f80, 0x7fc0, flci_to_bf16, flci_from_bf16};

/* Value of a positive finite pattern; of the infinity's, what would come next. */
static double value_of(const struct form *form, unsigned pattern)
{
    const int field = (int)(pattern >> form->mantissa_bits);
    const int mantissa = (int)pattern & ((1 << form->mantissa_bits) - 1);
    const int hidden = field > 0 ? 1 << form->mantissa_bits : 0;
    return ldexp(mantissa + hidden, (field > 0 ? field : 1) - form->bias - form->mantissa_bits);
}

static void check_narrow(const struct form *form, float x, uint16_t expected)
{
    if (form->narrow(x) != expected || form->narrow(-x) != (expected | 0x8000u)) {
        fail_msg("%a becomes 0x%04x and 0x%04x: 0x%04x expected", (double)x, form->narrow(x),
                 form->narrow(-x), expected);
    }
}

static void check_every_pattern(const struct form *form)
{
    for (unsigned pattern = 0; pattern < 0x8000u; pattern++) {
        const float plus = form->widen((uint16_t)pattern);
        const float minus = form->widen((uint16_t)(pattern | 0x8000u));
        if (pattern > form->infinity) {
            assert_true(isnan(plus) && isnan(minus));
            assert_int_equal(form->narrow(plus), form->nan);
            assert_int_equal(form->narrow(minus), form->nan);
            continue;
        }
        assert_true(pattern == form->infinity ? isinf(plus)
                                              : (double)plus == value_of(form, pattern));
        assert_int_equal(flci_bits_of(minus), flci_bits_of(plus) | 0x80000000u);
        check_narrow(form, plus, (uint16_t)pattern);
    }
}

/* Halfway between neighbours: the even one; a float32 to either side: the near one. */
static void check_every_border(const struct form *form)
{
    for (unsigned pattern = 0; pattern < form->infinity; pattern++) {
        const double middle = 0.5 * (value_of(form, pattern) + value_of(form, pattern + 1));
        const float x = (float)middle;
        assert_true((double)x == middle);
        check_narrow(form, x, (uint16_t)(pattern + (pattern & 1)));
        check_narrow(form, nextafterf(x, 0.0f), (uint16_t)pattern);
        check_narrow(form, nextafterf(x, INFINITY), (uint16_t)(pattern + 1));
    }
    check_narrow(form, 0x1.fffffep127f, form->infinity);
    check_narrow(form, (float)INFINITY, form->infinity);
}

/* Any float32 lands on the nearer of its two neighbours. */
static void check_random_floats(const struct form *form)
{
    uint64_t state = 1;
    for (int i = 0; i < 300000; i++) {
        const uint32_t bits = (uint32_t)test_random(&state) & 0x7fffffffu;
        const float x = flci_float_of(bits);
        const uint16_t near = form->narrow(x);
        if (!isfinite(x)) {
            continue;
        }
        const double off = fabs((double)x - value_of(form, near));
        assert_true(near <= form->infinity);
        assert_true(near == 0 || off <= fabs((double)x - value_of(form, near - 1u)));
        assert_true(near == form->infinity || off <= fabs((double)x - value_of(form, near + 1u)));
    }
}

static void check_nans(const struct form *form)
{
    for (uint32_t payload = 1; payload < 0x800000u; payload += payload < 70000 ? 1 : 9973) {
        assert_int_equal(form->narrow(flci_float_of(0x7f800000u | payload)), form->nan);
        assert_int_equal(form->narrow(flci_float_of(0xff800000u | payload)), form->nan);
    }
}

static void check_form(const struct form *form)
{
    check_every_pattern(form);
    check_every_border(form);
    check_random_floats(form);
    check_nans(form);
}

static void fp16_is_nearest_even(void **state)
{
    (void)state;
    check_form(&fp16);
}

static void bf16_is_nearest_even(void **state)
{
    (void)state;
    check_form(&bf16);
}

static void spikes_saturate(void **state)
{
    (void)state;
    assert_int_equal(flci_spike_of(FLC_FLOAT16, 65503.0f), 0x7bff);
    assert_int_equal(flci_spike_of(FLC_FLOAT16, 1e30f), 0x7bff);
    assert_int_equal(flci_spike_of(FLC_FLOAT16, -65520.0f), 0xfbff);
    assert_int_equal(flci_spike_of(FLC_FLOAT16, -0.0f), 0x8000);
    assert_int_equal(flci_spike_of(FLC_FLOAT32, 0x1.fffffep127f), 0x7f7f);
    assert_int_equal(flci_spike_of(FLC_FLOAT32, -0x1.fffffep127f), 0xff7f);
    assert_int_equal(flci_spike_of(FLC_BFLOAT16, 0x1.fep127f), 0x7f7f);
    assert_int_equal(flci_spike_of(FLC_FLOAT32, 0x1.01p0f), 0x3f80); /* a tie, to even */
    assert_int_equal(flci_spike_of(FLC_FLOAT32, 0x1.03p0f), 0x3f82);
    assert_int_equal(flci_spike_of(FLC_FLOAT32, 0x1p-149f), 0x0000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp16_is_nearest_even),
        cmocka_unit_test(bf16_is_nearest_even),
        cmocka_unit_test(spikes_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
