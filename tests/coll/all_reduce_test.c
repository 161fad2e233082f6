// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * all_reduce over threads, systematically: every number of ranks with every count and every
 * format; types, operations, algorithms, flags, buffers and data take turns. Calls of one team run
 * back to back on one communicator, so that sizes and algorithms alternate on it.
 *
 * TEST_SAMPLE, from CMake, is how many cases stand for one that runs (more under sanitizers).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reduce_team.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* With what a sum of gaussians, quantized twice, must reach: single quantization less 3 dB, and a
   little for small samples. 0: not judged. */
static const struct {
    const char *text;
    double least_sqnr_db;
} formats[] = {
    {"raw", 45.0},
    {"int1", 0.0},
    {"int2", 2.0},
    {"int3", 10.0},
    {"int4", 16.5},
    {"int5", 22.5},
    {"int6", 28.5},
    {"int7", 34.5},
    {"int8", 40.0},
    {"int4:g16", 18.0},
    {"int4:g32", 17.0},
    {"int5:g64:sym", 21.0},
    {"int8:g256", 39.0},
    {"int3:g16:sym", 6.0},
    {"int4:spike", 17.5},
    {"int2:g32:spike", 6.0},
    {"int2:g32:spike:compact", 6.0},
    {"int1:g16:spike:sym", 0.0},
    {"int3:g64:compact", 8.0},
    {"int6:compact:sym", 26.0},
    {"int8:g32:compact:spike:sym", 38.0},
    {"int4/int8", 19.0},
    {"int8/int4", 19.0},
    {"raw/int4", 19.0},
    {"int4/raw", 19.0},
    {"int2:g32:spike:compact/int8:sym", 8.0},
};

static const int all_ranks[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16};
static const char *const algorithms[] = {"oneshot", "twostep", NULL};

/* A case whose remaining properties come from `state`. */
static struct reduce_case make_case(size_t count, size_t format, uint64_t *state)
{
    const uint64_t random = test_random(state);
    struct reduce_case it = {.count = count, .format = formats[format].text};
    it.type = (flc_type)(random % 3);
    it.op = (flc_op)(random / 4 % 2);
    it.algorithm = algorithms[random / 8 % LENGTH(algorithms)];
    it.flags = (random >> 20) % 3 == 0 ? FLC_INVARIANT : 0;
    it.is_in_place = (int)(random >> 22 & 1);
    it.offset_elems = (size_t)(random >> 24) % 8;
    it.data = (random >> 28) % 2 == 0 ? TEST_GAUSSIAN
                                      : (enum test_data)((random >> 30) % TEST_DATA_KINDS);
    it.seed = test_random(state);
    if (it.data == TEST_GAUSSIAN && count >= 4096) {
        it.least_sqnr_db = formats[format].least_sqnr_db;
    }
    return it;
}

/* Cases of a count with `length` formats from `first` on, on a team of its own. */
static int run_cases(int ranks, size_t workspace_bytes, size_t count, size_t first, size_t length)
{
    uint64_t state = (uint64_t)ranks << 32 | count;
    struct reduce_case cases[LENGTH(formats)];
    struct reduce_team team;
    size_t chosen = 0;
    int failed;
    for (size_t i = 0; i < length; i++) {
        const struct reduce_case it = make_case(count, (first + i) % LENGTH(formats), &state);
        if (test_random_below(&state, TEST_SAMPLE) == 0) {
            cases[chosen++] = it;
        }
    }
    reduce_team_create(&team, ranks, workspace_bytes);
    failed = reduce_team_run(&team, cases, chosen);
    reduce_team_destroy(&team);
    return failed;
}

static void small_counts_match_the_reference(void **state)
{
    static const size_t counts[] = {0, 1, 7, 33, 1009};
    int failed = 0;
    (void)state;
    for (size_t r = 0; r < LENGTH(all_ranks); r++) {
        for (size_t c = 0; c < LENGTH(counts); c++) {
            failed += run_cases(all_ranks[r], 0, counts[c], 0, LENGTH(formats));
        }
    }
    assert_int_equal(failed, 0);
}

static void counts_around_a_block_match_the_reference(void **state)
{
    static const size_t counts[] = {4095, 4096, 4097};
    int failed = 0;
    (void)state;
    for (size_t r = 0; r < LENGTH(all_ranks); r++) {
        for (size_t c = 0; c < LENGTH(counts); c++) {
            failed += run_cases(all_ranks[r], 1, counts[c], 3 * r + c, LENGTH(formats) / 2);
        }
    }
    assert_int_equal(failed, 0);
}

static void many_blocks_match_the_reference(void **state)
{
    int failed = 0;
    (void)state;
    for (size_t r = 0; r < LENGTH(all_ranks); r++) {
        failed += run_cases(all_ranks[r], r % 2, 50000, 7 * r, 7);
    }
    assert_int_equal(failed, 0);
}

static void a_large_prime_count_matches_the_reference(void **state)
{
    static const struct {
        int ranks;
        const char *format, *algorithm;
        flc_type type;
        size_t more; /* elements than a million: results above 8 MiB have a path of their own */
    } large[] = {
        {2, "raw", NULL, FLC_FLOAT32, 1200000},
        {1, "int4", NULL, FLC_BFLOAT16, 0},
        {2, "int4", NULL, FLC_FLOAT32, 0},
        {3, "int4/int8", "twostep", FLC_FLOAT16, 0},
        {5, "raw", NULL, FLC_FLOAT32, 0},
        {7, "int2:g32:spike:compact", NULL, FLC_BFLOAT16, 0},
        {16, "raw", "twostep", FLC_BFLOAT16, 0},
    };
    int failed = 0;
    (void)state;
    for (size_t i = 0; i < LENGTH(large); i += TEST_SAMPLE) {
        const struct reduce_case it = {.count = 1000003 + large[i].more,
                                       .type = large[i].type,
                                       .op = (flc_op)(i % 2),
                                       .format = large[i].format,
                                       .algorithm = large[i].algorithm,
                                       .is_in_place = i % 3 == 0,
                                       .offset_elems = i,
                                       .data = large[i].ranks > 3 ? TEST_RAMP : TEST_OUTLIERS,
                                       .seed = i};
        struct reduce_team team;
        reduce_team_create(&team, large[i].ranks, 0);
        failed += reduce_team_run(&team, &it, 1);
        reduce_team_destroy(&team);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_counts_match_the_reference),
        cmocka_unit_test(counts_around_a_block_match_the_reference),
        cmocka_unit_test(many_blocks_match_the_reference),
        cmocka_unit_test(a_large_prime_count_matches_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
