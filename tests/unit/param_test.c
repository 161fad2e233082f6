// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The table of environment variables: defaults, texts, integers and their limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/param.h"
#include "flashcomm/flashcomm.h"

static const enum flci_param_id integers[] = {FLCI_PARAM_TIMEOUT_MS, FLCI_PARAM_WORKSPACE_BYTES,
                                              FLCI_PARAM_CUDA_STAGING_BYTES};

#define INTEGERS (sizeof integers / sizeof integers[0])

static int clear_environment(void **state)
{
    (void)state;
    for (int id = 0; id < FLCI_PARAM_COUNT; id++) {
        (void)unsetenv(flci_param_at((enum flci_param_id)id)->name);
    }
    return 0;
}

static void rows_are_complete(void **state)
{
    (void)state;
    for (int id = 0; id < FLCI_PARAM_COUNT; id++) {
        const struct flci_param *param = flci_param_at((enum flci_param_id)id);
        assert_int_equal(strncmp(param->name, "FLC_", 4), 0);
        assert_non_null(param->initial);
        assert_true(strlen(param->summary) > 0);
        assert_true(strlen(param->name) < sizeof((flc_item *)0)->name);
        assert_true(strlen(param->summary) < sizeof((flc_item *)0)->summary);
        assert_true(param->min <= param->max);
        for (int other = 0; other < id; other++) {
            assert_string_not_equal(param->name, flci_param_at((enum flci_param_id)other)->name);
        }
    }
}

static void texts_come_from_the_environment(void **state)
{
    (void)state;
    for (int i = 0; i < FLCI_PARAM_COUNT; i++) {
        const enum flci_param_id id = (enum flci_param_id)i;
        const struct flci_param *param = flci_param_at(id);
        assert_false(flci_param_is_set(id));
        assert_string_equal(flci_param_text(id), param->initial);
        assert_int_equal(setenv(param->name, "", 1), 0); /* empty is as good as unset */
        assert_false(flci_param_is_set(id));
        assert_string_equal(flci_param_text(id), param->initial);
        assert_int_equal(setenv(param->name, "some text", 1), 0);
        assert_true(flci_param_is_set(id));
        assert_string_equal(flci_param_text(id), "some text");
    }
}

static void defaults_are_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < INTEGERS; i++) {
        int64_t value = -1;
        assert_int_equal(flci_param_int(integers[i], &value), FLC_OK);
        assert_int_equal(value, strtoll(flci_param_at(integers[i])->initial, NULL, 10));
    }
}

static flc_status read_as(enum flci_param_id id, const char *text, int64_t *value)
{
    assert_int_equal(setenv(flci_param_at(id)->name, text, 1), 0);
    return flci_param_int(id, value);
}

static void limits_are_allowed_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < INTEGERS; i++) {
        const struct flci_param *param = flci_param_at(integers[i]);
        const int64_t good[] = {param->min, param->min + 1, param->max - 1, param->max};
        const int64_t bad[] = {param->min - 1, param->max + 1, INT64_MIN, INT64_MAX};
        for (int k = 0; k < 4; k++) {
            char text[32];
            int64_t value = -7;
            (void)snprintf(text, sizeof text, "%lld", (long long)good[k]);
            assert_int_equal(read_as(integers[i], text, &value), FLC_OK);
            assert_int_equal(value, good[k]);
            (void)snprintf(text, sizeof text, "%lld", (long long)bad[k]);
            value = -7;
            assert_int_equal(read_as(integers[i], text, &value), FLC_ERR_INVALID_ARG);
            assert_int_equal(value, -7);
        }
    }
}

static void bad_integers_are_named(void **state)
{
    static const char *const bad[] = {"x",    "1x",
                                      "x1",   "1.5",
                                      "0x10", "1 ",
                                      "-",    "+",
                                      " ",    "99999999999999999999",
                                      "1e3",  "1,0",
                                      "--1",  "-99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < INTEGERS; i++) {
        const struct flci_param *param = flci_param_at(integers[i]);
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            char sentence[256];
            int64_t value = -7;
            assert_int_equal(read_as(integers[i], bad[k], &value), FLC_ERR_INVALID_ARG);
            assert_int_equal(value, -7);
            (void)snprintf(sentence, sizeof sentence, "%s is '%s': allowed are %lld to %lld",
                           param->name, bad[k], (long long)param->min, (long long)param->max);
            assert_string_equal(flc_last_error(NULL), sentence);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_are_complete, clear_environment),
        cmocka_unit_test_setup(texts_come_from_the_environment, clear_environment),
        cmocka_unit_test_setup(defaults_are_allowed, clear_environment),
        cmocka_unit_test_setup(limits_are_allowed_and_no_more, clear_environment),
        cmocka_unit_test_setup(bad_integers_are_named, clear_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
