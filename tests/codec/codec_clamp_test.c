// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Where docs/format.md says that no clamp is ever active, none is: kernels leave it out. Nearest
 * integers are taken here without one. Random groups and the worst that were found: a scale whose
 * rounded reciprocal is furthest too large, a range that fills it to the last bit, an offset.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/codec_core.h"
#include "test_data.h"

#define RANDOM_GROUPS 1000000
#define GROUP_ELEMS   4

static flc_format format_of(int bits, int scheme, int metadata)
{
    return (flc_format){.bits = (uint8_t)bits,
                        .scheme = (uint8_t)scheme,
                        .group = 16,
                        .metadata = (uint8_t)metadata};
}

/* Scale of a group that is alone in its block. */
static struct flci_quantizer quantizer_of(flc_format format, flc_type type,
                                          struct flci_range *range)
{
    const float target = flci_scale_target(format, type, range);
    const int base = flci_base_exponent(target);
    const uint16_t scale =
        format.metadata == FLC_WIDE
            ? flci_scale_to_wide(target, format, type, *range)
            : flci_scale_from_compact(flci_scale_to_compact(target, flci_largest_exponent(type),
                                                            base, format.bits > FLCI_NARROW_BITS),
                                      base);
    return flci_quantizer_of(format, type, scale, *range);
}

static void check_no_clamp(flc_format format, flc_type type, const float *x)
{
    const float most_code = (float)((1 << format.bits) - 1);
    struct flci_range range = flci_range_of(x, GROUP_ELEMS, 0);
    const struct flci_quantizer q = quantizer_of(format, type, &range);
    if (format.scheme == FLC_ASYMMETRIC) {
        const float most_zero = format.bits <= FLCI_NARROW_BITS ? 110.0f : 32000.0f;
        const float at = format.bits == 1 ? 0.5f * range.low + 0.5f * range.high : range.low;
        assert_true((float)q.zero == flci_nearest(at, q.inverse, 0));
        assert_true(fabsf((float)q.zero) <= most_zero);
    }
    for (int i = 0; i < GROUP_ELEMS && format.bits > 1; i++) {
        const float code = flci_nearest(x[i], q.inverse, q.zero);
        if (!(code >= 0.0f && code <= most_code)) {
            fail_msg("int%d%s: x %a in [%a, %a], scale %a, zero %d: code %g", format.bits,
                     format.scheme == FLC_SYMMETRIC ? ":sym" : "", (double)x[i], (double)range.low,
                     (double)range.high, (double)q.scale, q.zero, (double)code);
        }
    }
}

/* A group whose largest magnitude is just below a quarter of the limit, or anywhere below. */
static void random_group(flc_type type, uint64_t *random, float *x)
{
    const int most = type == FLC_FLOAT16 ? 13 : 125; /* 2^14 < 65504 / 4 */
    const int lowest = test_random_below(random, 8) == 0 ? -150 : -30;
    const int exponent = most - (int)test_random_below(random, (size_t)(most - lowest));
    const double end = ldexp(1.0 + test_uniform(random), exponent);
    /* From the whole of [-end, end] to a sliver far from 0. */
    const double width = ldexp(2.0 * test_uniform(random), -(int)test_random_below(random, 20));
    const double other = end - end * width;
    const double sign = (test_random(random) & 1) != 0 ? 1.0 : -1.0;
    x[0] = (float)(sign * end);
    x[1] = (float)(sign * other);
    for (int i = 2; i < GROUP_ELEMS; i++) {
        x[i] = (float)(sign * (other + (end - other) * test_uniform(random)));
    }
}

static void random_groups_need_no_clamp(void **state)
{
    uint64_t random = 11;
    (void)state;
    for (int bits = 1; bits <= 8; bits++) {
        for (int i = 0; i < RANDOM_GROUPS; i++) {
            const flc_type type = i % 4 == 0 ? FLC_FLOAT16 : FLC_BFLOAT16;
            float x[GROUP_ELEMS];
            random_group(type, &random, x);
            check_no_clamp(format_of(bits, i % 8 == 1, FLC_WIDE), type, x);
        }
    }
}

/* The largest `high` for which a range from `low` up still gets `scale`. */
static float highest_of(flc_format format, float low, float scale)
{
    double good = (double)low, bad = (double)low + 2.0 * (double)scale * (1 << format.bits);
    for (int i = 0; i < 80; i++) {
        const double middle = 0.5 * (good + bad);
        struct flci_range range = {.low = low, .high = (float)middle, .is_finite = 1};
        if (quantizer_of(format, FLC_FLOAT32, &range).scale <= scale) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    return (float)good;
}

static void filled_scales_need_no_clamp(void **state)
{
    uint64_t random = 12;
    (void)state;
    for (int bits = 2; bits <= 8; bits++) {
        const flc_format format = format_of(bits, FLC_ASYMMETRIC, FLC_WIDE);
        const double levels = bits <= FLCI_NARROW_BITS ? 110.0 : 1000.0;
        for (int fraction = 128; fraction < 256; fraction++) {
            for (int i = 0; i < 500; i++) {
                const int exponent = (int)test_random_below(&random, 200) - 100;
                const float scale = (float)ldexp(fraction, exponent);
                const double zero = floor((2.0 * test_uniform(&random) - 1.0) * levels);
                /* Just on the far side of a tie of the zero, by the last bit. */
                const double inverse = bits <= FLCI_NARROW_BITS
                                           ? (double)flci_from_bf16(flci_to_bf16(1.0f / scale))
                                           : (double)(1.0f / scale);
                const float low = nextafterf((float)((zero + 0.5) / inverse), -INFINITY);
                const float high = highest_of(format, low, scale);
                const float x[GROUP_ELEMS] = {low, high, nextafterf(high, low), low};
                check_no_clamp(format, FLC_FLOAT32, x);
            }
        }
    }
}

/* Compact scales of 5 bits and more are rounded up: no clamp there either. */
static void wide_codes_of_compact_scales_need_no_clamp(void **state)
{
    uint64_t random = 13;
    (void)state;
    for (int bits = 5; bits <= 8; bits++) {
        for (int i = 0; i < RANDOM_GROUPS / 10; i++) {
            const flc_type type = i % 4 == 0 ? FLC_FLOAT16 : FLC_BFLOAT16;
            float x[GROUP_ELEMS];
            random_group(type, &random, x);
            check_no_clamp(format_of(bits, i % 2, FLC_COMPACT), type, x);
        }
    }
}

/* Every zero in a group is a level, also where a compact scale was rounded down. */
static void zero_is_a_level(void **state)
{
    uint64_t random = 14;
    (void)state;
    for (int i = 0; i < RANDOM_GROUPS; i++) {
        const flc_format format = format_of(2 + i % 7, i / 7 % 4 == 0, i / 28 % 4 != 0);
        const float other = i % 3 == 0 ? 0.0f : (float)test_uniform(&random);
        const float end = (float)ldexp(1.0 + test_uniform(&random), i % 200 - 100);
        const float x[GROUP_ELEMS] = {i % 2 == 0 ? end : -end,
                                      i % 2 == 0 ? -end * other : end * other, 0.0f, -0.0f};
        struct flci_range range = flci_range_of(x, GROUP_ELEMS, 0);
        const struct flci_quantizer q = quantizer_of(format, FLC_FLOAT32, &range);
        const uint8_t code = flci_quantize(q, 0.0f);
        if (code + q.zero != 0) {
            fail_msg("int%d, metadata %u, [%a, %a]: 0 has code %u over zero %d", format.bits,
                     format.metadata, (double)range.low, (double)range.high, code, q.zero);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_groups_need_no_clamp),
        cmocka_unit_test(filled_scales_need_no_clamp),
        cmocka_unit_test(wide_codes_of_compact_scales_need_no_clamp),
        cmocka_unit_test(zero_is_a_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
