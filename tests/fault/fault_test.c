// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks that are silent, leave, abort or send rubbish: every wait ends, in time, with the right
 * status and a sentence that names the culprit; a rank that is done may go; and what failed stays
 * failed and can be destroyed.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/comm.h"
#include "coll/call.h"
#include "expect_failure.h"
#include "fault_team.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define RANKS         3
#define LONG_MS       30000
#define QUICK_MS      2000

static void expect_refusal(struct fault_team *team, int rank, flc_status status)
{
    float x = 1.0f;
    assert_int_equal(flc_all_reduce(team->comms[rank], &x, &x, 1, FLC_FLOAT32, FLC_SUM, NULL),
                     status);
    expect_sentence(flc_last_error(team->comms[rank]), "failed earlier");
    expect_sentence(flc_last_error(team->comms[rank]), flc_strerror(status));
    expect_sentence(flc_last_error(team->comms[rank]), "destroy it");
    assert_true(x == 1.0f);
}

/* ---- Silence ---- */

static void a_silent_rank_is_waited_for_and_named(void **state)
{
    static const size_t counts[] = {10, 30000};
    (void)state;
    for (int silent = 0; silent < RANKS; silent++) {
        struct fault_team team;
        char culprit[80];
        fault_team_init(&team, RANKS, 300);
        (void)fault_team_add(&team, counts[silent % 2]);
        (void)fault_team_add(&team, counts[silent % 2]);
        team.script[silent].call[1].delay_ms = 1500;
        fault_team_run(&team);
        for (int rank = 0; rank < RANKS; rank++) {
            const int is_late = rank == silent;
            (void)snprintf(culprit, sizeof culprit, "rank %d (process %d) did not answer in time",
                           silent, (int)getpid());
            fault_team_expect(&team, rank, FLC_ERR_TIMEOUT, culprit, is_late ? 0 : 290,
                              is_late ? 100 : 1300);
            expect_sentence(team.sentence[rank], "all_reduce call 2, ");
            expect_sentence(team.sentence[rank], " stage");
            expect_refusal(&team, rank, FLC_ERR_TIMEOUT);
        }
        fault_team_fini(&team);
    }
}

static void a_late_rank_is_waited_for(void **state)
{
    struct fault_team team;
    (void)state;
    fault_team_init(&team, RANKS, 3000);
    (void)fault_team_add(&team, 5000);
    team.script[1].call[0].delay_ms = 500;
    fault_team_run(&team);
    fault_team_expect(&team, 0, FLC_OK, NULL, 450, 1500);
    fault_team_expect(&team, 1, FLC_OK, NULL, 0, 1000);
    fault_team_expect(&team, 2, FLC_OK, NULL, 450, 1500);
    fault_team_fini(&team);
}

/* ---- Abort ---- */

static void *abort_soon(void *comm)
{
    pause_ms(200);
    flc_comm_abort(comm);
    return NULL;
}

static void an_abort_ends_waits_and_later_calls(void **state)
{
    (void)state;
    for (int aborting = 0; aborting < RANKS; aborting++) {
        struct fault_team team;
        pthread_t thread;
        char culprit[80];
        fault_team_init(&team, RANKS, LONG_MS);
        (void)fault_team_add(&team, 10000);
        team.script[2].call[0].delay_ms = 600; /* ranks 0 and 1 wait for it; it comes to a ruin */
        assert_int_equal(pthread_create(&thread, NULL, abort_soon, team.comms[aborting]), 0);
        fault_team_run(&team);
        assert_int_equal(pthread_join(thread, NULL), 0);
        (void)snprintf(culprit, sizeof culprit, "rank %d (process %d) aborted the communicator",
                       aborting, (int)getpid());
        for (int rank = 0; rank < RANKS; rank++) {
            fault_team_expect(&team, rank, FLC_ERR_ABORTED, culprit, rank == 2 ? 0 : 100,
                              rank == 2 ? 100 : 1000);
            expect_sentence(team.sentence[rank], "all_reduce call 1, ");
            expect_refusal(&team, rank, FLC_ERR_ABORTED);
        }
        fault_team_fini(&team);
    }
}

static void an_abort_before_a_call_ends_it(void **state)
{
    struct fault_team team;
    (void)state;
    fault_team_init(&team, RANKS, LONG_MS);
    (void)fault_team_add(&team, 10);
    flc_comm_abort(team.comms[1]);
    flc_comm_abort(team.comms[2]); /* the first one counts */
    fault_team_run(&team);
    for (int rank = 0; rank < RANKS; rank++) {
        fault_team_expect(&team, rank, FLC_ERR_ABORTED, "rank 1 (process", 0, 500);
    }
    fault_team_fini(&team);
}

/* ---- Leaving ---- */

static void a_rank_that_leaves_is_missed_by_those_who_wait(void **state)
{
    (void)state;
    for (int leaving = 0; leaving < RANKS; leaving++) {
        struct fault_team team;
        char culprit[32];
        fault_team_init(&team, RANKS, LONG_MS);
        (void)fault_team_add(&team, 10000);
        team.script[leaving].calls = 0;
        team.script[leaving].end_delay_ms = 300;
        team.script[leaving].end = FAULT_DESTROY;
        fault_team_run(&team);
        (void)snprintf(culprit, sizeof culprit, "rank %d (", leaving);
        for (int rank = 0; rank < RANKS; rank++) {
            if (rank != leaving) {
                fault_team_expect(&team, rank, FLC_ERR_PEER, culprit, 200, 800);
                expect_refusal(&team, rank, FLC_ERR_PEER);
            }
        }
        fault_team_fini(&team);
    }
}

/* Who is done may go, while others still read what it sent. */
static void a_rank_that_is_done_may_leave(void **state)
{
    (void)state;
    for (int run = 0; run < 60; run++) {
        struct fault_team team;
        fault_team_init(&team, FAULT_RANKS, LONG_MS);
        (void)fault_team_add(&team, run % 3 == 0 ? 3 : FAULT_COUNT_MAX);
        for (int rank = 0; rank < FAULT_RANKS; rank++) {
            team.script[rank].end = FAULT_DESTROY;
            team.script[rank].call[0].config.algorithm = run % 2 == 0 ? "oneshot" : "twostep";
        }
        team.script[run % FAULT_RANKS].call[0].delay_ms = run % 5;
        fault_team_run(&team);
        for (int rank = 0; rank < FAULT_RANKS; rank++) {
            fault_team_expect(&team, rank, FLC_OK, NULL, 0, LONG_MS);
        }
        fault_team_fini(&team);
    }
}

static void an_unused_communicator_can_be_destroyed(void **state)
{
    (void)state;
    for (int run = 0; run < 200; run++) {
        struct fault_team team;
        fault_team_init(&team, 1 + run % FAULT_RANKS, LONG_MS);
        for (int rank = 0; rank < team.ranks; rank++) { /* all at once, from threads */
            team.script[rank].end = run % 7 == 0 && rank == 0 ? FAULT_ABORT : FAULT_DESTROY;
        }
        fault_team_run(&team);
        fault_team_fini(&team);
    }
}

/* ---- Rubbish ---- */

static const struct flci_transport_ops *sound_ops;

/* A transport that fills the payload with 0xff, which no encoder makes metadata of. */
static void post_rubbish(struct flci_transport *transport, int to)
{
    uint8_t *slot = NULL;
    /* No message has gone since begin(): it gives the same slot again. */
    if (sound_ops->begin(transport, to, &slot) == FLC_OK) {
        memset(slot + FLCI_MESSAGE_HEADER_BYTES, 0xff, 64);
    }
    sound_ops->post(transport, to);
}

static void rubbish_is_an_error_on_all_ranks(void **state)
{
    static const size_t counts[] = {100, 30000};
    (void)state;
    for (size_t i = 0; i < LENGTH(counts); i++) {
        struct flci_transport_ops rubbish;
        struct fault_team team;
        fault_team_init(&team, RANKS, LONG_MS);
        (void)fault_team_add(&team, counts[i]);
        for (int rank = 0; rank < RANKS; rank++) {
            flc_format *reduce = &team.script[rank].call[0].config.reduce;
            assert_int_equal(flc_format_parse("int4:compact", reduce), FLC_OK);
            team.script[rank].call[0].config.gather = *reduce;
        }
        sound_ops = team.comms[1]->transport->ops;
        rubbish = *sound_ops;
        rubbish.post = post_rubbish;
        team.comms[1]->transport->ops = &rubbish;
        fault_team_run(&team);
        for (int rank = 0; rank < RANKS; rank++) {
            fault_team_expect(&team, rank, FLC_ERR_CORRUPT, "rank 1", 0, QUICK_MS);
            expect_sentence(team.sentence[rank], "all_reduce call 1, ");
            expect_refusal(&team, rank, FLC_ERR_CORRUPT);
        }
        fault_team_fini(&team);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_rank_is_waited_for_and_named),
        cmocka_unit_test(a_late_rank_is_waited_for),
        cmocka_unit_test(an_abort_ends_waits_and_later_calls),
        cmocka_unit_test(an_abort_before_a_call_ends_it),
        cmocka_unit_test(a_rank_that_leaves_is_missed_by_those_who_wait),
        cmocka_unit_test(a_rank_that_is_done_may_leave),
        cmocka_unit_test(an_unused_communicator_can_be_destroyed),
        cmocka_unit_test(rubbish_is_an_error_on_all_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
