// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Device memory of ranks, as arithmetic: where things lie in a window, and what ranks conclude from
 * each other's facts. Needs no GPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flashcomm/flashcomm.h"
#include "transport/cuda_p2p/p2p_facts.h"
#include "transport/cuda_p2p/p2p_window.h"

#define MEBI (UINT64_C(1) << 20)

static void regions_follow_each_other(void **state)
{
    (void)state;
    const uint64_t flags_end =
        flci_p2p_flag_at(1, FLCI_P2P_MAX_RANKS - 1, FLCI_P2P_MAX_BLOCKS - 1) + FLCI_P2P_FLAG_STRIDE;
    assert_int_equal(flci_p2p_flag_at(0, 0, 0), 0);
    assert_int_equal(flags_end, FLCI_P2P_EPOCHS_AT);
    assert_true(FLCI_P2P_EPOCHS_AT + FLCI_P2P_MAX_BLOCKS * sizeof(uint32_t) <= FLCI_P2P_STATE_AT);
    assert_true(FLCI_P2P_STATE_AT + sizeof(struct flci_p2p_state) <= FLCI_P2P_SCRATCH_AT);
    assert_true(FLCI_P2P_SCRATCH_AT + FLCI_P2P_SCRATCH_BYTES <= FLCI_P2P_INBOXES_AT);
    assert_int_equal(FLCI_P2P_STATE_AT % 128, 0);
    assert_int_equal(FLCI_P2P_SCRATCH_AT % 128, 0);
    assert_int_equal(FLCI_P2P_INBOXES_AT % 128, 0);
}

/* In the order of stages and sources, without gap or overlap, to the end of the window. */
static void inboxes_tile_the_window(void **state)
{
    (void)state;
    for (int ranks = 2; ranks <= FLCI_P2P_MAX_RANKS; ranks++) {
        const uint64_t bytes = flci_p2p_inbox_bytes(MEBI, ranks);
        for (int to = 0; to < ranks; to++) {
            uint64_t next = FLCI_P2P_INBOXES_AT;
            for (int stage = 0; stage < 2; stage++) {
                for (int from = 0; from < ranks; from++) {
                    if (from != to) {
                        assert_int_equal(flci_p2p_inbox_at(ranks, bytes, stage, to, from), next);
                        next += bytes;
                    }
                }
            }
            assert_int_equal(next, flci_p2p_window_bytes(ranks, bytes));
        }
    }
}

static void inboxes_take_no_more_than_they_may(void **state)
{
    (void)state;
    for (int ranks = 2; ranks <= FLCI_P2P_MAX_RANKS; ranks++) {
        const uint64_t staging[] = {MEBI, MEBI + 1, 128 * MEBI - 1, UINT64_C(1) << 34};
        for (int i = 0; i < 4; i++) {
            const uint64_t inboxes = 2 * ((uint64_t)ranks - 1);
            const uint64_t bytes = flci_p2p_inbox_bytes(staging[i], ranks);
            assert_int_equal(bytes % 128, 0);
            assert_true(bytes * inboxes <= staging[i]);
            assert_true((bytes + 128) * inboxes > staging[i]);
        }
    }
}

/* Two ranks on device 0, one on device 1, all in one process. */
static void fill(struct flci_p2p_facts facts[3])
{
    memset(facts, 0, 3 * sizeof *facts);
    for (int rank = 0; rank < 3; rank++) {
        facts[rank].pid = 100;
        facts[rank].pid_namespace = 7;
        facts[rank].uuid[15] = (uint8_t)(rank / 2);
        facts[rank].multiprocessors = 133;
        facts[rank].capability = 90;
        facts[rank].staging_bytes = MEBI;
    }
}

static void ranks_share_devices(void **state)
{
    struct flci_p2p_facts facts[3];
    (void)state;
    fill(facts);
    assert_true(flci_p2p_is_same_device(&facts[0], &facts[1]));
    assert_false(flci_p2p_is_same_device(&facts[0], &facts[2]));
    assert_int_equal(flci_p2p_share(facts, 3), 66);
    assert_int_equal(flci_p2p_share(facts + 1, 2), 133);
    facts[2].multiprocessors = 50; /* another kind of device */
    assert_int_equal(flci_p2p_share(facts, 3), 50);
    facts[0].multiprocessors = facts[1].multiprocessors = 1;
    assert_int_equal(flci_p2p_share(facts, 3), 1);
}

static void ranks_share_processes(void **state)
{
    struct flci_p2p_facts facts[3];
    (void)state;
    fill(facts);
    assert_true(flci_p2p_is_same_process(&facts[0], &facts[2]));
    facts[2].pid_namespace = 8;
    assert_false(flci_p2p_is_same_process(&facts[0], &facts[2]));
    facts[1].pid = 101;
    assert_false(flci_p2p_is_same_process(&facts[0], &facts[1]));
}

static void expect(const struct flci_p2p_facts *facts, flc_status status, const char *sentence)
{
    assert_int_equal(flci_p2p_facts_check(facts, 3), status);
    assert_string_equal(flc_last_error(NULL), sentence);
}

static void differences_are_named(void **state)
{
    struct flci_p2p_facts facts[3];
    (void)state;
    fill(facts);
    assert_int_equal(flci_p2p_facts_check(facts, 3), FLC_OK);
    facts[2].staging_bytes = 2 * MEBI;
    expect(facts, FLC_ERR_MISMATCH,
           "attaching GPUs: staging_bytes is 1048576 on rank 0 and 2097152 on rank 2");
    fill(facts);
    facts[1].max_blocks = 4;
    expect(facts, FLC_ERR_MISMATCH, "attaching GPUs: max_blocks is 0 on rank 0 and 4 on rank 1");
    fill(facts);
    facts[0].layout_bytes = 5;
    expect(facts, FLC_ERR_MISMATCH,
           "attaching GPUs: the library's window layout is 5 on rank 0 and 0 on rank 1");
    fill(facts);
    facts[2].capability = 103;
    expect(facts, FLC_ERR_UNSUPPORTED,
           "attaching GPUs: rank 0 has one of compute capability 9.0 and rank 2 one of 10.3: all "
           "must be of one kind");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_follow_each_other),
        cmocka_unit_test(inboxes_tile_the_window),
        cmocka_unit_test(inboxes_take_no_more_than_they_may),
        cmocka_unit_test(ranks_share_devices),
        cmocka_unit_test(ranks_share_processes),
        cmocka_unit_test(differences_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
