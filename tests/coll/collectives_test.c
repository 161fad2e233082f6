// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * reduce_scatter, all_gather, all_to_all, all_to_all_v and broadcast, systematically: every number
 * of ranks with every count and many formats; types, flags, roots, buffers and data take turns.
 * Calls of one team run back to back on one communicator, so that collectives alternate on it.
 *
 * TEST_SAMPLE, from CMake, is how many cases stand for one that runs (more under sanitizers).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coll_team.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static const char *const formats[] = {
    "raw",          "int4",          "int8/int4", "int2:g32:spike:compact", "int3:g32:rot:search",
    "int5:g64:sym", "raw/int8:g256", "int1:g16",
};
static const int all_ranks[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16};

/* A case whose remaining properties come from `state`. */
static struct coll_case make_case(enum coll_kind kind, size_t count, const char *format, int ranks,
                                  uint64_t *state)
{
    const uint64_t random = test_random(state);
    struct coll_case it = {.kind = kind, .count = count, .format = format};
    it.type = (flc_type)(random % 3);
    it.op = (flc_op)(random / 4 % 2);
    it.flags = (random >> 8) % 3 == 0 ? FLC_INVARIANT : 0;
    it.root = (int)((random >> 12) % (uint64_t)ranks);
    it.is_in_place = (int)(random >> 20 & 1);
    it.offset_elems = (size_t)(random >> 24) % 8;
    it.data = (random >> 28) % 2 == 0 ? TEST_GAUSSIAN
                                      : (enum test_data)((random >> 30) % TEST_DATA_KINDS);
    it.seed = test_random(state);
    return it;
}

/* Every collective with every format, on a team of its own. */
static int run_cases(struct coll_team team, size_t count, size_t first, size_t length)
{
    uint64_t state = (uint64_t)team.ranks << 32 | count;
    struct coll_case cases[COLL_KINDS * LENGTH(formats)];
    size_t chosen = 0;
    for (size_t i = 0; i < COLL_KINDS * length; i++) {
        const char *format = formats[(first + i / COLL_KINDS) % LENGTH(formats)];
        const struct coll_case it =
            make_case((enum coll_kind)(i % COLL_KINDS), count, format, team.ranks, &state);
        if (test_random_below(&state, TEST_SAMPLE) == 0) {
            cases[chosen++] = it;
        }
    }
    return coll_team_run(&team, cases, chosen);
}

static void small_counts_match_the_reference(void **state)
{
    static const size_t counts[] = {0, 1, 7, 1009};
    int failed = 0;
    (void)state;
    for (size_t r = 0; r < LENGTH(all_ranks); r++) {
        for (size_t c = 0; c < LENGTH(counts); c++) {
            failed +=
                run_cases((struct coll_team){.ranks = all_ranks[r]}, counts[c], 0, LENGTH(formats));
        }
    }
    assert_int_equal(failed, 0);
}

/* With the least workspace a message is one block. */
static void counts_around_blocks_match_the_reference(void **state)
{
    static const size_t counts[] = {4095, 4096, 4097, 12289};
    int failed = 0;
    (void)state;
    for (size_t r = 0; r < LENGTH(all_ranks); r++) {
        const int ranks = all_ranks[r];
        failed += run_cases((struct coll_team){.ranks = ranks, .workspace_bytes = 1},
                            counts[r % LENGTH(counts)], r, ranks > 9 ? 1 : 2);
        failed += run_cases((struct coll_team){.ranks = ranks, .workspace_bytes = r % 2},
                            counts[(r + 1) % LENGTH(counts)], r + 2, ranks > 9 ? 1 : 2);
    }
    assert_int_equal(failed, 0);
}

static void processes_match_the_reference(void **state)
{
    static const size_t counts[] = {1, 4097, 20011};
    static const int ranks[] = {1, 2, 3, 5};
    int failed = 0;
    (void)state;
    for (size_t r = 0; r < LENGTH(ranks); r++) {
        for (size_t c = 0; c < LENGTH(counts); c++) {
            const struct coll_team team = {
                .ranks = ranks[r], .workspace_bytes = (r + c) % 2, .is_processes = 1};
            failed += run_cases(team, counts[c], r + c, 2);
        }
    }
    assert_int_equal(failed, 0);
}

static void a_large_prime_count_matches_the_reference(void **state)
{
    uint64_t random = 17;
    int failed = 0;
    (void)state;
    for (size_t i = 0; i < COLL_KINDS * 2; i += TEST_SAMPLE) {
        const int ranks = i % 2 == 0 ? 2 : 3;
        struct coll_case it =
            make_case((enum coll_kind)(i / 2), 700001, formats[i % 4], ranks, &random);
        it.data = TEST_OUTLIERS;
        it.is_in_place = i % 2 == 0;
        failed += coll_team_run(&(struct coll_team){.ranks = ranks}, &it, 1);
    }
    assert_int_equal(failed, 0);
}

/* Results above 8 MiB are written past the cache. */
static void a_result_larger_than_the_cache_matches_the_reference(void **state)
{
    static const struct coll_case cases[] = {
        {.kind = COLL_REDUCE_SCATTER, .count = 2200003, .format = "raw", .offset_elems = 1},
        {.kind = COLL_BROADCAST, .count = 4300007, .type = FLC_BFLOAT16, .format = "raw"},
    };
    int failed = 0;
    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        failed += coll_team_run(&(struct coll_team){.ranks = 2}, &cases[i], 1);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_counts_match_the_reference),
        cmocka_unit_test(counts_around_blocks_match_the_reference),
        cmocka_unit_test(processes_match_the_reference),
        cmocka_unit_test(a_large_prime_count_matches_the_reference),
        cmocka_unit_test(a_result_larger_than_the_cache_matches_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
