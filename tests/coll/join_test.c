// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks that meet and do not agree: every one of them learns what differs, whatever the order of
 * arrival; a rank or a job that is taken is refused without harm to those who hold it; signals do
 * not disturb. The ranks are threads that know a job name.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "expect_failure.h"
#include "rank_processes.h"
#include "rank_threads.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define RANKS         3
#define CALLERS       4

/* Creations at the same time; caller c says that it is rank[c]. */
struct meeting {
    char job[32];
    int rank[CALLERS], ranks[CALLERS], delay_ms[CALLERS];
    flc_comm_config config[CALLERS];
    flc_coll_config coll[CALLERS];
    flc_comm *comm[CALLERS];
    flc_status status[CALLERS];
    char sentence[CALLERS][512];
    _Atomic int refused; /* callers with INVALID_ARG so far */
};

static void pause_ms(int ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    while (nanosleep(&left, &left) != 0) {
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void meeting_init(struct meeting *m)
{
    memset(m, 0, sizeof *m);
    make_job_name(m->job);
    for (int c = 0; c < CALLERS; c++) {
        m->rank[c] = c;
        m->ranks[c] = RANKS;
        m->config[c] = (flc_comm_config)FLC_COMM_CONFIG_INIT;
        m->coll[c] = (flc_coll_config)FLC_COLL_CONFIG_INIT;
        m->config[c].timeout_ms = 20000;
        m->config[c].coll = &m->coll[c];
    }
}

static void join_meeting(int caller, void *context)
{
    struct meeting *m = context;
    pause_ms(m->delay_ms[caller]);
    m->status[caller] = flc_comm_create_job(m->job, m->rank[caller], m->ranks[caller],
                                            &m->config[caller], &m->comm[caller]);
    if (m->status[caller] != FLC_OK) {
        (void)snprintf(m->sentence[caller], sizeof m->sentence[caller], "%s", flc_last_error(NULL));
        m->refused += m->status[caller] == FLC_ERR_INVALID_ARG;
    }
}

static void destroy_meeting(struct meeting *m)
{
    for (int c = 0; c < CALLERS; c++) {
        flc_comm_destroy(m->comm[c]);
    }
}

/* ---- Disagreement ---- */

static const char *const fields[] = {"timeout_ms",    "workspace_bytes", "flags", "algorithm",
                                     "reduce format", "gather format",   "ranks"};

static void make_differ(struct meeting *m, size_t field, int caller)
{
    m->config[caller].timeout_ms += field == 0;
    m->config[caller].workspace_bytes = field == 1 ? 1u << 20 : 0;
    m->coll[caller].flags = field == 2 ? FLC_INVARIANT : 0;
    m->coll[caller].algorithm = field == 3 ? "oneshot" : NULL;
    if (field == 4) {
        m->coll[caller].reduce = (flc_format){.bits = 3, .group = 64};
    }
    if (field == 5) {
        m->coll[caller].gather = (flc_format){.bits = 3, .group = 64};
    }
    m->ranks[caller] += field == 6;
}

static void disagreement_is_an_error_on_all_ranks(void **state)
{
    (void)state;
    for (size_t k = 0; k < LENGTH(fields) + 2; k++) {
        const size_t field = k % LENGTH(fields);
        const int odd = (int)(k % RANKS);
        const int64_t start_ms = now_ms();
        char value[48];
        struct meeting m;
        meeting_init(&m);
        make_differ(&m, field, odd);
        m.delay_ms[(k / 2) % RANKS] = 100; /* someone is late */
        rank_threads_run(RANKS, join_meeting, &m);
        (void)snprintf(value, sizeof value, "on rank %d", odd == 0 ? 1 : odd);
        for (int c = 0; c < RANKS; c++) {
            if (m.status[c] != FLC_ERR_MISMATCH) {
                fail_msg("%s differs on rank %d: rank %d got %d: %s", fields[field], odd, c,
                         (int)m.status[c], m.sentence[c]);
            }
            expect_sentence(m.sentence[c], fields[field]);
            expect_sentence(m.sentence[c], "on rank 0");
            if (odd != 0) {
                expect_sentence(m.sentence[c], value);
            }
            assert_null(m.comm[c]);
        }
        assert_in_range(now_ms() - start_ms, 0, 5000);
    }
}

/* ---- Taken ---- */

static void wait_until_one_is_refused(struct meeting *m)
{
    const int64_t deadline_ms = now_ms() + 10000;
    while (m->refused == 0 && now_ms() < deadline_ms) {
        pause_ms(1);
    }
}

/* The last rank comes once a caller has been refused, so that the meeting is still going on. */
static void join_meeting_with_one_too_many(int caller, void *context)
{
    struct meeting *m = context;
    if (m->rank[caller] == RANKS - 1) {
        wait_until_one_is_refused(m);
    }
    join_meeting(caller, m);
}

static void run_with_twin_of(int rank, const char *part)
{
    struct meeting m;
    int refused = 0;
    meeting_init(&m);
    m.rank[CALLERS - 1] = rank;
    rank_threads_run(CALLERS, join_meeting_with_one_too_many, &m);
    for (int c = 0; c < CALLERS; c++) {
        if (m.status[c] == FLC_ERR_INVALID_ARG) {
            assert_int_equal(m.rank[c], rank);
            expect_sentence(m.sentence[c], part);
            expect_sentence(m.sentence[c], m.job);
            refused++;
        } else {
            assert_string_equal(m.sentence[c], "");
            assert_int_equal(flc_comm_rank(m.comm[c]), m.rank[c]);
        }
    }
    assert_int_equal(refused, 1);
    destroy_meeting(&m);
}

static void a_rank_that_is_taken_is_refused(void **state)
{
    (void)state;
    run_with_twin_of(1, "rank is 1: taken already");
}

static void a_job_that_is_in_use_is_refused(void **state)
{
    (void)state;
    run_with_twin_of(0, "in use");
}

/* ---- Signals ---- */

static void ignore_signal(int number)
{
    (void)number;
}

/* A meeting whose ranks are interrupted all the time. */
struct alarmed {
    struct meeting meeting; /* first: join_meeting gets it */
    pthread_t threads[RANKS];
    _Atomic int started, ended, is_over;
};

static void interrupt_ranks(struct alarmed *a)
{
    while (a->started < RANKS) {
        pause_ms(1);
    }
    while (a->ended < RANKS) {
        for (int c = 0; c < RANKS; c++) {
            (void)pthread_kill(a->threads[c], SIGALRM);
        }
        pause_ms(1);
    }
    a->is_over = 1;
}

static void join_meeting_interrupted(int caller, void *context)
{
    struct alarmed *a = context;
    if (caller == RANKS) {
        interrupt_ranks(a);
        return;
    }
    a->threads[caller] = pthread_self();
    a->started++;
    join_meeting(caller, &a->meeting);
    a->ended++;
    while (!a->is_over) { /* a thread that has ended cannot be signalled */
        pause_ms(1);
    }
}

/* As a profiler's timer does; ranks take turns at coming late, so that all of them wait. */
static void signals_do_not_disturb(void **state)
{
    struct sigaction ignore = {.sa_handler = ignore_signal}, before;
    (void)state;
    assert_int_equal(sigaction(SIGALRM, &ignore, &before), 0);
    for (int late = 0; late < RANKS; late++) {
        struct alarmed a = {.started = 0};
        meeting_init(&a.meeting);
        a.meeting.delay_ms[late] = 200;
        rank_threads_run(RANKS + 1, join_meeting_interrupted, &a);
        for (int c = 0; c < RANKS; c++) {
            assert_string_equal(a.meeting.sentence[c], "");
            assert_int_equal(a.meeting.status[c], FLC_OK);
        }
        destroy_meeting(&a.meeting);
    }
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disagreement_is_an_error_on_all_ranks),
        cmocka_unit_test(a_rank_that_is_taken_is_refused),
        cmocka_unit_test(a_job_that_is_in_use_is_refused),
        cmocka_unit_test(signals_do_not_disturb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
