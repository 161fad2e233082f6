// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the tests use of cmocka, for cross-builds, where no package has it: cmake/FlcTest.cmake.
 *
 * Names, arguments and exit status are cmocka's. A failed assertion ends its test, the next one
 * starts; as in cmocka, only the thread that runs the tests may fail one.
 */
#ifndef FLC_TEST_CMOCKA_H
#define FLC_TEST_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    CMFixtureFunction setup, teardown;
};

#define cmocka_unit_test_setup_teardown(function, before, after)                                   \
    {                                                                                              \
        .name = #function, .test = function, .setup = before, .teardown = after                    \
    }
#define cmocka_unit_test_setup(function, before)                                                   \
    cmocka_unit_test_setup_teardown(function, before, NULL)
#define cmocka_unit_test(function) cmocka_unit_test_setup_teardown(function, NULL, NULL)

static jmp_buf cmocka_failed;

#define print_message(...) (void)printf(__VA_ARGS__)
#define print_error(...)   (void)fprintf(stderr, __VA_ARGS__)

#define fail_msg(...)                                                                              \
    do {                                                                                           \
        print_error("%s:%d: ", __FILE__, __LINE__);                                                \
        print_error(__VA_ARGS__);                                                                  \
        print_error("\n");                                                                         \
        longjmp(cmocka_failed, 1);                                                                 \
    } while (0)

#define CMOCKA_EXPECT(condition, text)                                                             \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("%s", text);                                                                  \
        }                                                                                          \
    } while (0)

static inline int cmocka_differ(const char *file, int line, uintmax_t a, uintmax_t b)
{
    if (a != b) {
        print_error("%s:%d: %jd and %jd (%#jx and %#jx): ", file, line, (intmax_t)a, (intmax_t)b, a,
                    b);
    }
    return a != b;
}

static inline int cmocka_is_within(uintmax_t x, uintmax_t low, uintmax_t high)
{
    return x >= low && x <= high;
}

#define assert_true(c)  CMOCKA_EXPECT(c, #c " is false")
#define assert_false(c) CMOCKA_EXPECT(!(c), #c " is true")
#define assert_int_equal(a, b)                                                                     \
    CMOCKA_EXPECT(!cmocka_differ(__FILE__, __LINE__, (uintmax_t)(a), (uintmax_t)(b)),              \
                  #a " differs from " #b)
#define assert_null(p)         CMOCKA_EXPECT((p) == NULL, #p " is not NULL")
#define assert_non_null(p)     CMOCKA_EXPECT((p) != NULL, #p " is NULL")
#define assert_ptr_equal(a, b) CMOCKA_EXPECT((a) == (b), #a " is not " #b)
#define assert_in_range(x, low, high)                                                              \
    CMOCKA_EXPECT(cmocka_is_within((uintmax_t)(x), (uintmax_t)(low), (uintmax_t)(high)),           \
                  #x " is out of range")
#define assert_memory_equal(a, b, size)                                                            \
    CMOCKA_EXPECT(memcmp(a, b, size) == 0, #a " holds something else than " #b)
#define assert_memory_not_equal(a, b, size)                                                        \
    CMOCKA_EXPECT(memcmp(a, b, size) != 0, #a " holds the same as " #b)
#define assert_string_equal(a, b)                                                                  \
    do {                                                                                           \
        const char *const cmocka_a = (a), *const cmocka_b = (b);                                   \
        if (strcmp(cmocka_a, cmocka_b) != 0) {                                                     \
            fail_msg("\"%s\" is not \"%s\"", cmocka_a, cmocka_b);                                  \
        }                                                                                          \
    } while (0)
#define assert_string_not_equal(a, b) CMOCKA_EXPECT(strcmp(a, b) != 0, #a " is the same as " #b)

/* 1 if it failed; what a failed test leaves behind is torn down too. */
static inline int cmocka_run_one(const struct CMUnitTest *test, void *state)
{
    volatile int failed = 1;
    if (setjmp(cmocka_failed) == 0) {
        if (test->setup != NULL && test->setup(&state) != 0) {
            fail_msg("the set-up failed");
        }
        test->test(&state);
        failed = 0;
    }
    if (test->teardown != NULL && test->teardown(&state) != 0) {
        failed = 1;
    }
    print_message("[%s] %s\n", failed ? "  FAILED  " : "       OK ", test->name);
    return failed;
}

static inline int cmocka_run_tests(const struct CMUnitTest *tests, size_t count,
                                   CMFixtureFunction setup, CMFixtureFunction teardown)
{
    void *state = NULL;
    int failed = setup != NULL && setup(&state) != 0;
    for (size_t i = 0; i < count && !(i == 0 && failed); i++) {
        failed += cmocka_run_one(&tests[i], state);
        (void)fflush(stdout);
    }
    failed += teardown != NULL && teardown(&state) != 0;
    print_message("%zu tests, %d failed\n", count, failed);
    return failed;
}

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cmocka_run_tests(tests, sizeof(tests) / sizeof(tests)[0], setup, teardown)

#endif
