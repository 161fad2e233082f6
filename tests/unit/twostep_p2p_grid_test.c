// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The thread blocks of the fused two-step all-reduce: within every limit, even, and none without a
 * block, for chunks of all sizes. Needs no GPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coll/all_reduce/all_reduce_twostep_p2p_grid.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define LARGEST_CHUNK   100000u /* blocks */

static struct flci_twostep_space h100(uint64_t chunk_blocks)
{
    return (struct flci_twostep_space){
        .chunk_blocks = chunk_blocks,
        .stride = 2176,
        .inbox_bytes = UINT64_C(64) << 20,
        .sms = 132,
        .resident = 264,
    };
}

static void check_limits(const struct flci_twostep_space *space, uint64_t blocks)
{
    assert_in_range(blocks, 1, space->chunk_blocks);
    assert_true(blocks <= (uint64_t)space->resident);
    assert_true(blocks <= FLCI_P2P_MAX_BLOCKS);
    assert_true(space->max_blocks == 0 || blocks <= (uint64_t)space->max_blocks);
    assert_true(blocks == 1 || blocks * FLCI_TWOSTEP_SLOTS * space->stride <= space->inbox_bytes);
}

/* With as many steps as the longest takes, one thread block fewer would not do. */
static void check_steps(const struct flci_twostep_space *space, uint64_t blocks)
{
    const uint64_t steps = (space->chunk_blocks + blocks - 1) / blocks;
    assert_true((blocks - 1) * steps < space->chunk_blocks);
    assert_true(steps >= 2 || blocks <= (uint64_t)space->sms);
}

static void check_chunks(struct flci_twostep_space *space)
{
    uint64_t chunk = 1;
    while (chunk <= LARGEST_CHUNK) {
        space->chunk_blocks = chunk;
        const uint64_t blocks = flci_twostep_thread_blocks(space);
        check_limits(space, blocks);
        check_steps(space, blocks);
        chunk += chunk < 1200 ? 1 : 1 + chunk / 61;
    }
}

static void limits_hold(void **state)
{
    static const uint32_t strides[] = {640, 2176, 2304, 4224, 8192, 16384};
    static const uint64_t inboxes[] = {0, 1, 10240, 600000, UINT64_C(4) << 20, UINT64_C(1) << 34};
    static const int multiprocessors[] = {1, 16, 132, 400};
    static const int limits[] = {0, 1, 7, 131, 133, 100000};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(strides) * COUNT_OF(inboxes); i++) {
        for (size_t j = 0; j < COUNT_OF(multiprocessors) * COUNT_OF(limits); j++) {
            for (int an_sm = 1; an_sm <= 5; an_sm += 2) {
                const int sms = multiprocessors[j / COUNT_OF(limits)];
                struct flci_twostep_space space = {
                    .stride = strides[i / COUNT_OF(inboxes)],
                    .inbox_bytes = inboxes[i % COUNT_OF(inboxes)],
                    .sms = sms,
                    .resident = sms * an_sm,
                    .max_blocks = limits[j % COUNT_OF(limits)],
                };
                check_chunks(&space);
            }
        }
    }
}

/* Every chunk up to the largest, where nothing but what can run limits. */
static void room_is_used(void **state)
{
    (void)state;
    for (uint64_t chunk = 1; chunk <= LARGEST_CHUNK; chunk++) {
        const struct flci_twostep_space space = h100(chunk);
        const uint64_t blocks = flci_twostep_thread_blocks(&space);
        const uint64_t steps = (chunk + blocks - 1) / blocks;
        check_limits(&space, blocks);
        check_steps(&space, blocks);
        assert_int_equal(steps, chunk <= 132 ? 1 : chunk <= 528 ? 2 : (chunk + 263) / 264);
    }
}

static void known_grids(void **state)
{
    static const uint32_t known[][2] = {{1, 1},     {132, 132}, {133, 67},  {264, 132},
                                        {266, 133}, {528, 264}, {529, 177}, {100000, 264}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        const struct flci_twostep_space space = h100(known[i][0]);
        assert_int_equal(flci_twostep_thread_blocks(&space), known[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(room_is_used),
        cmocka_unit_test(known_grids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
