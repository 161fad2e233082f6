// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A rank that never comes to a creation: all others end at about the time-out, name it, and can try
 * again under the same name at once. The ranks are threads that know a job name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "expect_failure.h"
#include "fault_team.h"
#include "rank_processes.h"
#include "rank_threads.h"

#define RANKS      3
#define TIMEOUT_MS 600

struct meeting {
    char job[32];
    int absent; /* a rank, or -1 */
    int delay_ms[RANKS];
    flc_comm *comm[RANKS];
    flc_status status[RANKS];
    char sentence[RANKS][512];
    int64_t took_ms[RANKS];
};

static void join_meeting(int rank, void *context)
{
    struct meeting *m = context;
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    int64_t start_ms;
    config.timeout_ms = TIMEOUT_MS;
    if (rank == m->absent) {
        return;
    }
    pause_ms(m->delay_ms[rank]);
    start_ms = now_ms();
    m->status[rank] = flc_comm_create_job(m->job, rank, RANKS, &config, &m->comm[rank]);
    m->took_ms[rank] = now_ms() - start_ms;
    if (m->status[rank] != FLC_OK) {
        (void)snprintf(m->sentence[rank], sizeof m->sentence[rank], "%s", flc_last_error(NULL));
    }
}

static void expect_absence(const struct meeting *m, int64_t most_ms)
{
    char culprit[32];
    (void)snprintf(culprit, sizeof culprit, "rank %d did not ", m->absent);
    for (int rank = 0; rank < RANKS; rank++) {
        if (rank == m->absent) {
            continue;
        }
        if (m->status[rank] != FLC_ERR_TIMEOUT) {
            fail_msg("rank %d got %d: %s", rank, (int)m->status[rank], m->sentence[rank]);
        }
        expect_sentence(m->sentence[rank], culprit);
        expect_sentence(m->sentence[rank], m->job);
        expect_sentence(m->sentence[rank], "600 ms");
        assert_null(m->comm[rank]);
        assert_in_range(m->took_ms[rank], TIMEOUT_MS - 20, most_ms);
    }
}

static void an_absent_rank_is_named_by_all(void **state)
{
    (void)state;
    for (int absent = 0; absent < RANKS; absent++) {
        struct meeting m = {.absent = absent};
        make_job_name(m.job);
        rank_threads_run(RANKS, join_meeting, &m);
        expect_absence(&m, TIMEOUT_MS + 600);
    }
}

/* Rank 0 comes nearly at the end of the others' time-out: its own is what counts then. */
static void a_late_rank_0_tells_who_is_absent(void **state)
{
    struct meeting m = {.absent = 2, .delay_ms = {TIMEOUT_MS - 30, 0, 0}};
    (void)state;
    make_job_name(m.job);
    rank_threads_run(RANKS, join_meeting, &m);
    expect_absence(&m, 2 * TIMEOUT_MS + 600);
}

/* Every rank tries again as soon as it is told. What ends an attempt is the time-out, and never a
   remnant of the attempt before. */
static void join_until_success(int rank, void *context)
{
    struct meeting *m = context;
    do {
        join_meeting(rank, m);
    } while (m->status[rank] == FLC_ERR_TIMEOUT);
}

static void the_name_of_a_failed_creation_is_free_at_once(void **state)
{
    (void)state;
    for (int late = 0; late < RANKS; late++) {
        struct meeting m = {.absent = -1};
        make_job_name(m.job);
        m.delay_ms[late] = TIMEOUT_MS + 100;
        rank_threads_run(RANKS, join_until_success, &m);
        for (int rank = 0; rank < RANKS; rank++) {
            if (m.status[rank] != FLC_OK) {
                fail_msg("rank %d, late was %d: %s", rank, late, m.sentence[rank]);
            }
            flc_comm_destroy(m.comm[rank]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absent_rank_is_named_by_all),
        cmocka_unit_test(a_late_rank_0_tells_who_is_absent),
        cmocka_unit_test(the_name_of_a_failed_creation_is_free_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
