// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What picks the algorithm: by size, by name, and a reason for either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coll/algorithm.h"
#include "flashcomm/flashcomm.h"

static void rows_are_complete(void **state)
{
    const struct flci_algorithm *row;
    size_t rows = 0;
    (void)state;
    for (; (row = flci_algorithm_at(rows)) != NULL; rows++) {
        assert_true(strlen(row->name) > 0);
        assert_true(strlen(row->name) < sizeof((flc_item *)0)->name);
        assert_true(strlen(row->summary) > 0);
        assert_true(strlen(row->summary) < sizeof((flc_item *)0)->summary);
        assert_string_not_equal(row->name, "auto");
        assert_true(row->run != NULL);
        for (size_t other = 0; other < rows; other++) {
            assert_true(flci_algorithm_at(other)->collective != row->collective ||
                        strcmp(flci_algorithm_at(other)->name, row->name) != 0);
        }
    }
    assert_true(rows > 0);
    assert_string_equal(flci_collective_name(FLCI_ALL_TO_ALL_V), "all_to_all_v");
    assert_string_equal(flci_collective_name((enum flci_collective)0), "unknown");
    assert_string_equal(flci_collective_name((enum flci_collective)99), "unknown");
    assert_null(flci_algorithm_at(rows));
    assert_null(flci_algorithm_at(SIZE_MAX));
}

static void size_decides(void **state)
{
    static const struct {
        size_t count;
        const struct flci_algorithm *algorithm;
    } cases[] = {
        {0, &flci_all_reduce_oneshot},    {1, &flci_all_reduce_oneshot},
        {4095, &flci_all_reduce_oneshot}, {4096, &flci_all_reduce_oneshot},
        {4097, &flci_all_reduce_twostep}, {SIZE_MAX, &flci_all_reduce_twostep},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct flci_algorithm *algorithm = NULL;
        const char *reason = NULL;
        assert_int_equal(
            flci_policy_choose(FLCI_ALL_REDUCE, "auto", cases[i].count, &algorithm, &reason),
            FLC_OK);
        assert_ptr_equal(algorithm, cases[i].algorithm);
        assert_true(strlen(reason) > 0);
    }
}

static void the_only_algorithm_is_chosen(void **state)
{
    static const struct {
        enum flci_collective collective;
        const struct flci_algorithm *algorithm;
    } cases[] = {
        {FLCI_REDUCE_SCATTER, &flci_reduce_scatter_direct},
        {FLCI_ALL_GATHER, &flci_all_gather_direct},
        {FLCI_ALL_TO_ALL, &flci_all_to_all_direct},
        {FLCI_ALL_TO_ALL_V, &flci_all_to_all_v_direct},
        {FLCI_BROADCAST, &flci_broadcast_direct},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct flci_algorithm *algorithm = NULL;
        const char *reason = NULL;
        assert_int_equal(flci_policy_choose(cases[i].collective, "auto", i, &algorithm, &reason),
                         FLC_OK);
        assert_ptr_equal(algorithm, cases[i].algorithm);
        assert_true(strlen(reason) > 0);
        assert_int_equal(flci_policy_choose(cases[i].collective, "twostep", i, &algorithm, &reason),
                         FLC_ERR_INVALID_ARG);
    }
}

static void a_name_decides_whatever_the_size(void **state)
{
    const struct flci_algorithm *row;
    (void)state;
    for (size_t i = 0; (row = flci_algorithm_at(i)) != NULL; i++) {
        static const size_t counts[] = {0, 1, 4096, 4097, SIZE_MAX};
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
            const struct flci_algorithm *algorithm = NULL;
            const char *reason = NULL;
            assert_int_equal(
                flci_policy_choose(row->collective, row->name, counts[k], &algorithm, &reason),
                FLC_OK);
            assert_ptr_equal(algorithm, row);
            assert_string_equal(reason, "asked for by name");
        }
    }
}

static void unknown_names_are_refused(void **state)
{
    static const char *const bad[] = {"", "Auto", "twostep ", "twoste", "ring"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct flci_algorithm *algorithm = &flci_all_reduce_oneshot;
        const char *reason = "untouched";
        assert_int_equal(flci_policy_choose(FLCI_ALL_REDUCE, bad[i], 1, &algorithm, &reason),
                         FLC_ERR_INVALID_ARG);
        assert_ptr_equal(algorithm, &flci_all_reduce_oneshot);
        assert_string_equal(reason, "untouched");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(size_decides),
        cmocka_unit_test(the_only_algorithm_is_chosen),
        cmocka_unit_test(a_name_decides_whatever_the_size),
        cmocka_unit_test(unknown_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
