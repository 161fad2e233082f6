// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Edges of the collectives other than all_reduce: arguments that are refused, with a sentence that
 * names them, before any peer is involved; which algorithm names hold for which collective; nothing
 * to send; one rank.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect_failure.h"
#include "rank_threads.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define RANKS         3
#define COUNT         10

/* Rank 1 of three, which are never asked: every call below fails on its own. */
static flc_comm *comms[RANKS];
static float space[4 * RANKS * COUNT];
static float *const x = space, *const y = space + (size_t)2 * RANKS * COUNT;

static int set_up(void **state)
{
    (void)state;
    return flc_comm_create_local(RANKS, NULL, comms) == FLC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (int rank = 0; rank < RANKS; rank++) {
        flc_comm_destroy(comms[rank]);
    }
    return 0;
}

#define EXPECT_REFUSED(call, part, also) expect_failure((call), FLC_ERR_INVALID_ARG, part, also)

static void common_arguments_are_checked(void **state)
{
    flc_comm *comm = comms[1];
    const flc_type bad = (flc_type)7;
    const void *odd = (const char *)x + 1;
    void *odd_out = (char *)y + 1;
    (void)state;
    EXPECT_REFUSED(flc_reduce_scatter(NULL, x, y, COUNT, FLC_FLOAT32, FLC_SUM, NULL), "comm", NULL);
    EXPECT_REFUSED(flc_all_gather(NULL, x, y, COUNT, FLC_FLOAT32, NULL), "comm", NULL);
    EXPECT_REFUSED(flc_all_to_all(NULL, x, y, COUNT, FLC_FLOAT32, NULL), "comm", NULL);
    EXPECT_REFUSED(flc_broadcast(NULL, x, y, COUNT, FLC_FLOAT32, 0, NULL), "comm", NULL);
    EXPECT_REFUSED(flc_reduce_scatter(comm, NULL, y, COUNT, FLC_FLOAT32, FLC_SUM, NULL),
                   "send is NULL", NULL);
    EXPECT_REFUSED(flc_all_gather(comm, x, NULL, COUNT, FLC_FLOAT32, NULL), "recv is NULL", NULL);
    EXPECT_REFUSED(flc_all_to_all(comm, odd, y, COUNT, FLC_FLOAT32, NULL), "send is ",
                   "not aligned to an element of fp32");
    EXPECT_REFUSED(flc_all_gather(comm, x, odd_out, COUNT, FLC_BFLOAT16, NULL), "recv is ",
                   "not aligned to an element of bf16");
    EXPECT_REFUSED(flc_all_gather(comm, x, y, COUNT, bad, NULL), "type", "7");
    EXPECT_REFUSED(flc_broadcast(comm, x, y, COUNT, bad, 0, NULL), "type", "7");
    EXPECT_REFUSED(flc_reduce_scatter(comm, x, y, COUNT, FLC_FLOAT32, (flc_op)2, NULL), "op is 2",
                   "FLC_SUM");
}

static void counts_that_overflow_are_refused(void **state)
{
    flc_comm *comm = comms[1];
    const size_t most = SIZE_MAX / 4 / 2 / RANKS;
    (void)state;
    EXPECT_REFUSED(flc_reduce_scatter(comm, x, y, most + 1, FLC_FLOAT32, FLC_SUM, NULL),
                   "recv_count is ", "allowed are up to");
    EXPECT_REFUSED(flc_all_gather(comm, x, y, most + 1, FLC_FLOAT32, NULL), "send_count is ", NULL);
    EXPECT_REFUSED(flc_all_to_all(comm, x, y, SIZE_MAX, FLC_FLOAT32, NULL), "count is ", NULL);
    EXPECT_REFUSED(flc_broadcast(comm, x, y, SIZE_MAX / 4, FLC_FLOAT32, 0, NULL), "count is ",
                   NULL);
}

static void overlaps_are_refused(void **state)
{
    flc_comm *comm = comms[1];
    (void)state;
    EXPECT_REFUSED(flc_reduce_scatter(comm, x, x, COUNT, FLC_FLOAT32, FLC_SUM, NULL),
                   "recv must be send + rank * recv_count", NULL);
    EXPECT_REFUSED(flc_reduce_scatter(comm, x, x + COUNT + 1, COUNT, FLC_FLOAT32, FLC_SUM, NULL),
                   "overlap", NULL);
    EXPECT_REFUSED(flc_all_gather(comm, x, x, COUNT, FLC_FLOAT32, NULL),
                   "send must be recv + rank * send_count", NULL);
    EXPECT_REFUSED(flc_all_gather(comm, x + RANKS * COUNT - 1, x, COUNT, FLC_FLOAT32, NULL),
                   "overlap", NULL);
    EXPECT_REFUSED(flc_all_to_all(comm, x, x + 1, COUNT, FLC_FLOAT32, NULL),
                   "equal (in place) or apart", NULL);
    EXPECT_REFUSED(flc_broadcast(comm, x, x + 1, COUNT, FLC_FLOAT32, 1, NULL),
                   "equal (in place) or apart", NULL);
}

static void roots_are_checked(void **state)
{
    flc_comm *comm = comms[1];
    (void)state;
    EXPECT_REFUSED(flc_broadcast(comm, x, y, COUNT, FLC_FLOAT32, -1, NULL), "root is -1",
                   "allowed are 0 to 2");
    EXPECT_REFUSED(flc_broadcast(comm, x, y, COUNT, FLC_FLOAT32, RANKS, NULL), "root is 3", NULL);
    EXPECT_REFUSED(flc_broadcast(comm, NULL, y, COUNT, FLC_FLOAT32, 1, NULL), "send is NULL", NULL);
    EXPECT_REFUSED(flc_broadcast(comm, NULL, NULL, COUNT, FLC_FLOAT32, 0, NULL), "recv is NULL",
                   NULL);
}

static void chunks_with_counts_are_checked(void **state)
{
    static const size_t counts[RANKS] = {2, 0, 3}, offsets[RANKS] = {0, 0, 2};
    static const size_t close[RANKS] = {0, 9, 1}, none[RANKS] = {0, 0, 0};
    static const size_t huge[RANKS] = {2, SIZE_MAX, 3};
    flc_comm *comm = comms[1];
    const flc_type type = FLC_FLOAT32;
    (void)state;
    EXPECT_REFUSED(flc_all_to_all_v(NULL, x, counts, offsets, y, counts, offsets, type, NULL),
                   "comm", NULL);
    EXPECT_REFUSED(flc_all_to_all_v(comm, x, NULL, offsets, y, counts, offsets, type, NULL),
                   "send_counts is NULL", NULL);
    EXPECT_REFUSED(flc_all_to_all_v(comm, x, counts, NULL, y, counts, offsets, type, NULL),
                   "send_offsets is NULL", NULL);
    EXPECT_REFUSED(flc_all_to_all_v(comm, x, counts, offsets, y, NULL, offsets, type, NULL),
                   "recv_counts is NULL", NULL);
    EXPECT_REFUSED(flc_all_to_all_v(comm, x, counts, offsets, y, counts, NULL, type, NULL),
                   "recv_offsets is NULL", NULL);
    EXPECT_REFUSED(flc_all_to_all_v(comm, NULL, counts, offsets, y, counts, offsets, type, NULL),
                   "send is NULL", NULL);
    EXPECT_REFUSED(flc_all_to_all_v(comm, NULL, none, offsets, NULL, counts, offsets, type, NULL),
                   "recv is NULL", NULL);
    EXPECT_REFUSED(flc_all_to_all_v(comm, x, huge, offsets, y, counts, offsets, type, NULL),
                   "send_counts[1] is ", "allowed are up to");
    EXPECT_REFUSED(flc_all_to_all_v(comm, x, counts, offsets, y, counts, huge, type, NULL),
                   "recv_offsets[1] is ", NULL);
    EXPECT_REFUSED(flc_all_to_all_v(comm, x, counts, offsets, y, counts, close, type, NULL),
                   "chunks 0 and 2 of recv overlap", "recv_offsets are 0 and 1");
    EXPECT_REFUSED(flc_all_to_all_v(comm, x, counts, offsets, x, counts, offsets, type, NULL),
                   "in place", NULL);
    EXPECT_REFUSED(flc_all_to_all_v(comm, x, counts, offsets, x + 4, counts, offsets, type, NULL),
                   "chunk 2 of send and chunk 0 of recv overlap", NULL);
}

static void a_bad_config_is_refused(void **state)
{
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    (void)state;
    config.gather.bits = 9;
    EXPECT_REFUSED(flc_all_gather(comms[1], x, y, COUNT, FLC_FLOAT32, &config), "9", NULL);
    config.gather.bits = 0;
    config.flags = 2;
    EXPECT_REFUSED(flc_broadcast(comms[1], x, y, COUNT, FLC_FLOAT32, 0, &config), "flags", "0x2");
}

/* ---- Names of algorithms ---- */

static void a_name_that_a_collective_lacks_is_refused(void **state)
{
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    (void)state;
    config.algorithm = "twostep";
    EXPECT_REFUSED(flc_all_gather(comms[1], x, y, COUNT, FLC_FLOAT32, &config),
                   "algorithm is 'twostep'", "allowed for all_gather are auto, direct");
    EXPECT_REFUSED(flc_broadcast(comms[1], x, y, COUNT, FLC_FLOAT32, 0, &config),
                   "allowed for broadcast are auto, direct", NULL);
    config.algorithm = "direct";
    EXPECT_REFUSED(flc_all_reduce(comms[1], x, y, COUNT, FLC_FLOAT32, FLC_SUM, &config),
                   "algorithm is 'direct'", "allowed for all_reduce are auto, oneshot, twostep");
    config.algorithm = "ring";
    EXPECT_REFUSED(flc_all_to_all(comms[1], x, y, COUNT, FLC_FLOAT32, &config),
                   "algorithm is 'ring'", NULL);
}

enum { NAMED_COUNT = 9000 };

struct named {
    flc_comm *comms[RANKS];
    const flc_coll_config *config;
    const char *reduced_by[RANKS], *gathered_by[RANKS];
    flc_status status[RANKS];
};

static void reduce_and_gather(int rank, void *context)
{
    struct named *named = context;
    flc_comm *comm = named->comms[rank];
    float *send = calloc(NAMED_COUNT, sizeof *send);
    float *recv = calloc((size_t)RANKS * NAMED_COUNT, sizeof *recv);
    flc_call_info info = {.algorithm = NULL};
    named->status[rank] =
        flc_all_reduce(comm, send, recv, NAMED_COUNT, FLC_FLOAT32, FLC_SUM, named->config) |
        flc_comm_last_call(comm, &info);
    named->reduced_by[rank] = info.algorithm;
    named->status[rank] |= flc_all_gather(comm, send, recv, NAMED_COUNT, FLC_FLOAT32, NULL) |
                           flc_comm_last_call(comm, &info);
    named->gathered_by[rank] = info.algorithm;
    free(send);
    free(recv);
}

static void a_default_name_speaks_for_those_that_have_it(void **state)
{
    static const struct {
        const char *environment, *communicator, *reduced_by;
    } cases[] = {
        {"oneshot", NULL, "oneshot"},   {"direct", NULL, "twostep"}, /* automatic */
        {"auto", "oneshot", "oneshot"}, {"oneshot", "direct", "twostep"},
        {"oneshot", "auto", "twostep"},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        flc_comm_config config = FLC_COMM_CONFIG_INIT;
        flc_coll_config coll = FLC_COLL_CONFIG_INIT;
        struct named named = {.config = NULL};
        coll.algorithm = cases[i].communicator;
        config.coll = &coll;
        assert_int_equal(setenv("FLC_ALGO", cases[i].environment, 1), 0);
        assert_int_equal(flc_comm_create_local(RANKS, &config, named.comms), FLC_OK);
        rank_threads_run(RANKS, reduce_and_gather, &named);
        for (int rank = 0; rank < RANKS; rank++) {
            assert_int_equal(named.status[rank], FLC_OK);
            assert_string_equal(named.reduced_by[rank], cases[i].reduced_by);
            assert_string_equal(named.gathered_by[rank], "direct");
            flc_comm_destroy(named.comms[rank]);
        }
    }
    assert_int_equal(unsetenv("FLC_ALGO"), 0);
}

/* ---- Nothing, and nobody else ---- */

static void call_with_nothing(int rank, void *context)
{
    static const size_t none[RANKS] = {0, 0, 0}, anywhere[RANKS] = {5, 0, 5};
    flc_comm *comm = comms[rank];
    flc_status *status = context;
    status[rank] =
        flc_reduce_scatter(comm, NULL, NULL, 0, FLC_FLOAT32, FLC_SUM, NULL) |
        flc_all_gather(comm, NULL, NULL, 0, FLC_FLOAT16, NULL) |
        flc_all_to_all(comm, NULL, NULL, 0, FLC_FLOAT32, NULL) |
        flc_all_to_all_v(comm, NULL, none, anywhere, NULL, none, none, FLC_FLOAT32, NULL) |
        flc_broadcast(comm, NULL, NULL, 0, FLC_BFLOAT16, 2, NULL);
}

static void nothing_needs_no_buffers(void **state)
{
    flc_status status[RANKS];
    (void)state;
    rank_threads_run(RANKS, call_with_nothing, status);
    for (int rank = 0; rank < RANKS; rank++) {
        assert_int_equal(status[rank], FLC_OK);
    }
}

static void one_rank_must_agree_with_itself(void **state)
{
    static const size_t two[1] = {2}, three[1] = {3}, start[1] = {0}, later[1] = {4};
    static const float from[] = {1.0f, 2.0f, 3.0f};
    float to[8] = {0.0f};
    flc_comm *comm;
    (void)state;
    assert_int_equal(flc_comm_create_local(1, NULL, &comm), FLC_OK);
    assert_int_equal(
        flc_all_to_all_v(comm, from, three, start, to, three, later, FLC_FLOAT32, NULL), FLC_OK);
    assert_memory_equal(to + 4, from, sizeof from);
    assert_true(to[3] == 0.0f && to[7] == 0.0f);
    expect_failure(flc_all_to_all_v(comm, from, two, start, to, three, start, FLC_FLOAT32, NULL),
                   FLC_ERR_MISMATCH, "send_counts[0] is 2", "recv_counts[0] is 3");
    flc_comm_destroy(comm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(common_arguments_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_that_overflow_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(overlaps_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(roots_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chunks_with_counts_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_config_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_a_collective_lacks_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test(a_default_name_speaks_for_those_that_have_it),
        cmocka_unit_test_setup_teardown(nothing_needs_no_buffers, set_up, tear_down),
        cmocka_unit_test(one_rank_must_agree_with_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
