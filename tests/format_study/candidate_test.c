// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Candidates for wire formats: their text, their bits, and what their round trips must keep.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "candidate.h"
#include "test_data.h"

#define ELEMS ((size_t)1 << 16)

static float values[ELEMS], decoded[ELEMS];

static struct candidate parse(const char *text)
{
    struct candidate candidate;
    const char *fault = candidate_parse(text, &candidate);
    if (fault != NULL)
        fail_msg("'%s' %s", text, fault);
    return candidate;
}

/* Of the first `count` values after a round trip. */
static double squared_error(const char *text, size_t count)
{
    const struct candidate candidate = parse(text);
    double error = 0.0;
    memcpy(decoded, values, count * sizeof *values);
    candidate_fake(&candidate, decoded, count);
    for (size_t i = 0; i < count; i++)
        error += ((double)decoded[i] - values[i]) * ((double)decoded[i] - values[i]);
    return error;
}

static double decibels(const char *text)
{
    double signal = 0.0;
    for (size_t i = 0; i < ELEMS; i++)
        signal += (double)values[i] * values[i];
    return 10.0 * log10(signal / squared_error(text, ELEMS));
}

static void test_text(void **state)
{
    (void)state;
    static const char *const nonsense[] = {
        "",
        "g64",
        "int0",
        "int9",
        "int",
        "int4:",
        "int4::g64",
        "int4x",
        "int4:g48",
        "int4:g512",
        "int4:g-64",
        "int4:turn0",
        "int4:g64:turn128",
        "int4:turn48",
        "int5:gauss",
        "int4:step3",
        "int4:spike0",
        "int4:spike3",
        "int4:even:max0",
        "int4:even:maxnan",
        "int4:even:max5",
        "int4:even:mix0.5",
        "int4:even:mix0.5/0.5",
        "int4:even:rms1x",
        "int4:rms",
        "int4:max0.9",
        "int4:signed:search",
        "int4:int4",
        "int4:even:gauss",
        "int4:even:rms:search",
        "int4:what",
        "int4:g99999999999999999999",
        "int4:gggggggggggggggggggggggggggggggggggggggg",
    };
    struct candidate candidate;
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        if (candidate_parse(nonsense[i], &candidate) == NULL)
            fail_msg("'%s' was taken", nonsense[i]);
    }
    candidate = parse("int3:g64:turn32:gauss:mix0.5+0.45:spike1:step4");
    assert_int_equal(candidate.bits, 3);
    assert_int_equal(candidate.group, 64);
    assert_int_equal(candidate.turn, 32);
    assert_int_equal(candidate.levels, CANDIDATE_GAUSS);
    assert_true(candidate.rms_factor == 0.5f && candidate.max_factor == 0.45f);
    assert_int_equal(candidate.spikes, 1);
    assert_int_equal(candidate.steps, 4);
}

static void test_wire_bits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double bits;
    } cases[] = {
        {"int2:g64:turn64:gauss:rms", 2.125},
        {"int2:g32:spike2", 3.8125},
        {"int2:g32:even:step4", 2.1875},
        {"int2:g32:even:step2", 2.15625},
        {"int4:step0", 4.25},
        {"int4:even:step0", 4.125},
        {"int4:g32:signed", 4.25},
        {"int3:gauss:spike1", 3.2421875},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct candidate candidate = parse(cases[i].text);
        assert_true(candidate_wire_bits(&candidate) == cases[i].bits);
    }
}

static void test_turn_is_its_own_inverse(void **state)
{
    (void)state;
    test_fill(values, ELEMS, TEST_GAUSSIAN, 1);
    memcpy(decoded, values, sizeof values);
    for (size_t count = 1; count <= CANDIDATE_MAX_GROUP; count *= 2) {
        candidate_turn(decoded, count);
        candidate_turn(decoded, count);
        for (size_t i = 0; i < count; i++)
            assert_true(fabsf(decoded[i] - values[i]) < 1e-5f);
    }
}

static void test_ratios(void **state)
{
    (void)state;
    test_fill(values, ELEMS, TEST_GAUSSIAN, 2);
    assert_true(decibels("int8:g128:asym:step0") > 43.0);
    /* 9.30 and 14.62 dB are what Lloyd-Max levels leave of a gaussian with a known deviation. */
    assert_true(fabs(decibels("int2:g128:gauss:rms:step0") - 9.30) < 0.1);
    assert_true(fabs(decibels("int3:g128:gauss:rms:step0") - 14.62) < 0.1);
}

static void test_search_is_never_worse(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"int2:g64:turn64:gauss:search", "int2:g64:turn64:gauss:rms"},
        {"int3:g32:gauss:search:spike2", "int3:g32:gauss:rms:spike2"},
        {"int4:g64:even:search:step2", "int4:g64:even:rms:step2"},
        {"int2:g32:asym:search:spike2", "int2:g32:asym:max:spike2"},
        {"int5:g32:centred:search", "int5:g32:centred:max"},
    };
    /* One group at a time; a turn back and forth costs some of the last bits. */
    for (int kind = TEST_GAUSSIAN; kind <= TEST_ZEROS; kind++) {
        for (uint64_t seed = 0; seed < 50; seed++) {
            test_fill(values, 64, (enum test_data)kind, seed);
            for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
                const size_t group = parse(pairs[i][0]).group;
                assert_true(squared_error(pairs[i][0], group) <=
                            squared_error(pairs[i][1], group) * 1.00001 + 1e-6);
            }
        }
    }
}

/* Spikes come back as they went, where bf16 holds them, and tails and zeros do no harm. */
static void test_spikes_and_tails(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "int2:g32:asym:search:spike2",      "int2:g32:centred:spike2",
        "int2:g32:turn32:gauss:rms:spike2", "int3:g32:even:search:spike2",
        "int3:g32:signed:spike2",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct candidate candidate = parse(texts[i]);
        for (size_t count = 1; count <= 70; count++) {
            test_fill(decoded, count, TEST_GAUSSIAN, count);
            decoded[0] = 1000.0f;
            decoded[count / 2] = -512.0f;
            candidate_fake(&candidate, decoded, count);
            assert_true(count == 1 || decoded[0] == 1000.0f);
            assert_true(count / 2 >= 32 || decoded[count / 2] == -512.0f);
            for (size_t j = 0; j < count; j++)
                assert_true(fabsf(decoded[j]) <= 1000.0f);
            memset(decoded, 0, count * sizeof *decoded);
            candidate_fake(&candidate, decoded, count);
            for (size_t j = 0; j < count; j++)
                assert_true(decoded[j] == 0.0f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_wire_bits),
        cmocka_unit_test(test_turn_is_its_own_inverse),
        cmocka_unit_test(test_ratios),
        cmocka_unit_test(test_search_is_never_worse),
        cmocka_unit_test(test_spikes_and_tails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
