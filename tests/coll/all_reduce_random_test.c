// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * all_reduce with everything drawn at random, for TEST_SECONDS (default 5) from TEST_SEED (default:
 * the clock). A failure prints the seed of its batch: TEST_SEED set to it replays that batch first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "reduce_team.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define BATCH_CASES   8
/* Elements of all ranks in one case: keeps a batch, and so the overrun of the budget, short. */
#define CASE_ELEMS_MAX    400000
#define FORMAT_PAIR_BYTES (2 * FLC_FORMAT_TEXT_BYTES)

static uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL || text[0] == '\0' ? otherwise : strtoull(text, NULL, 10);
}

static flc_format draw_format(uint64_t *state)
{
    flc_format format = {0};
    if (test_random_below(state, 6) == 0) {
        return format; /* raw */
    }
    format.bits = (uint8_t)(1 + test_random_below(state, 8));
    format.group = (uint16_t)(16u << test_random_below(state, 5));
    format.scheme = (uint8_t)test_random_below(state, 2);
    format.spikes = (uint8_t)test_random_below(state, 2);
    format.metadata = (uint8_t)test_random_below(state, 2);
    return format;
}

static void draw_format_pair(uint64_t *state, char text[FORMAT_PAIR_BYTES])
{
    char reduce[FLC_FORMAT_TEXT_BYTES], gather[FLC_FORMAT_TEXT_BYTES];
    assert_int_equal(flc_format_print(draw_format(state), reduce, sizeof reduce), FLC_OK);
    assert_int_equal(flc_format_print(draw_format(state), gather, sizeof gather), FLC_OK);
    (void)snprintf(text, FORMAT_PAIR_BYTES, "%s/%s", reduce, gather);
}

/* Mostly small, sometimes large, often near a multiple of a block. */
static size_t draw_count(uint64_t *state, int ranks)
{
    const size_t largest = CASE_ELEMS_MAX / (size_t)ranks;
    const size_t magnitude = (size_t)1 << test_random_below(state, 18);
    size_t count = test_random_below(state, magnitude + 1);
    if (test_random_below(state, 3) == 0) {
        count = count / FLC_BLOCK_ELEMS * FLC_BLOCK_ELEMS + test_random_below(state, 3);
    }
    return count < largest ? count : largest;
}

static struct reduce_case draw_case(uint64_t *state, int ranks, char *format)
{
    static const char *const algorithms[] = {"oneshot", "twostep", NULL};
    struct reduce_case it = {.format = format};
    draw_format_pair(state, format);
    it.count = draw_count(state, ranks);
    it.type = (flc_type)test_random_below(state, 3);
    it.op = (flc_op)test_random_below(state, 2);
    it.algorithm = algorithms[test_random_below(state, LENGTH(algorithms))];
    it.flags = test_random_below(state, 2) == 0 ? FLC_INVARIANT : 0;
    it.is_in_place = (int)test_random_below(state, 2);
    it.offset_elems = test_random_below(state, 16);
    it.data = (enum test_data)test_random_below(state, TEST_DATA_KINDS);
    it.seed = test_random(state);
    return it;
}

static int run_batch(uint64_t seed)
{
    static const int many[] = {2, 2, 3, 4, 5, 7, 8, 16};
    uint64_t state = seed;
    const int ranks = test_random_below(&state, 4) == 0
                          ? (int)(1 + test_random_below(&state, 20))
                          : many[test_random_below(&state, LENGTH(many))];
    const size_t room = test_random_below(&state, 3) * test_random_below(&state, 100000);
    const size_t workspace_bytes = room == 0 ? 1 : (size_t)ranks * 40000 + room;
    struct reduce_case cases[BATCH_CASES];
    char formats[BATCH_CASES][FORMAT_PAIR_BYTES];
    struct reduce_team team;
    int failed;
    for (size_t i = 0; i < BATCH_CASES; i++) {
        cases[i] = draw_case(&state, ranks, formats[i]);
    }
    reduce_team_create(&team, ranks, workspace_bytes);
    failed = reduce_team_run(&team, cases, BATCH_CASES);
    reduce_team_destroy(&team);
    return failed;
}

static void random_calls_match_the_reference(void **state)
{
    const uint64_t first = number_from_environment("TEST_SEED", (uint64_t)time(NULL) << 20);
    const time_t end = time(NULL) + (time_t)number_from_environment("TEST_SECONDS", 5);
    uint64_t seed = first;
    (void)state;
    do {
        if (run_batch(seed) != 0) {
            fail_msg("replay this batch with TEST_SEED=%llu", (unsigned long long)seed);
        }
        seed++;
    } while (time(NULL) < end);
    print_message("%llu batches of %d calls from TEST_SEED=%llu on\n",
                  (unsigned long long)(seed - first), BATCH_CASES, (unsigned long long)first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_calls_match_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
