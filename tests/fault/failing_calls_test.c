// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Every call that creating a communicator, using it and destroying it makes to the system fails
 * once: that ends in an error on all ranks or does no harm, it ends soon, outputs stay untouched,
 * no file descriptor is lost, and no memory (the address sanitizer looks on).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "expect_failure.h"
#include "failing_calls.h"
#include "fault_team.h"
#include "rank_processes.h"
#include "rank_threads.h"

#define RANKS      3
#define COUNT      5000 /* more than a block */
#define TIMEOUT_MS 300
/* Time-outs one after the other, the half second in which rank 0 tells why, and a busy machine. */
#define LONGEST_MS 4000
/* More calls than a rank makes: retries of rank 0's name are the only ones without a number. */
#define MANY_CALLS 1000

enum way { BY_JOB = 0, BY_ALLGATHER, WAYS };

/* What one attempt of all ranks came to. */
struct attempt {
    enum way way;
    int victim;
    const char *name; /* of the call that is to fail; NULL: any */
    long nth;
    const char *failed; /* out: the call that failed, NULL: the victim made fewer */
    char job[32];
    pthread_barrier_t barrier;
    uint8_t introductions[RANKS][256];
    flc_comm *comm[RANKS];
    flc_status created[RANKS], called[RANKS];
    char sentence[RANKS][512];
    float sent[RANKS][COUNT], received[RANKS][COUNT];
};

/* ---- Ranks ---- */

struct visitor {
    struct attempt *attempt;
    int rank;
};

static int gather(void *context, const void *send, void *recv, size_t bytes)
{
    const struct visitor *visitor = context;
    struct attempt *a = visitor->attempt;
    memcpy(a->introductions[visitor->rank], send, bytes);
    (void)pthread_barrier_wait(&a->barrier);
    for (int rank = 0; rank < RANKS; rank++) {
        memcpy((uint8_t *)recv + (size_t)rank * bytes, a->introductions[rank], bytes);
    }
    return 0;
}

static flc_status create(struct attempt *a, int rank)
{
    struct visitor visitor = {.attempt = a, .rank = rank};
    const flc_bootstrap bootstrap = {.allgather = gather, .context = &visitor};
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = TIMEOUT_MS;
    return a->way == BY_JOB ? flc_comm_create_job(a->job, rank, RANKS, &config, &a->comm[rank])
                            : flc_comm_create(&bootstrap, rank, RANKS, &config, &a->comm[rank]);
}

static void call_twice(struct attempt *a, int rank)
{
    for (int call = 0; call < 2 && a->called[rank] == FLC_OK; call++) {
        a->called[rank] = flc_all_reduce(a->comm[rank], a->sent[rank], a->received[rank], COUNT,
                                         FLC_FLOAT32, FLC_SUM, NULL);
    }
    if (a->called[rank] != FLC_OK) {
        (void)snprintf(a->sentence[rank], sizeof a->sentence[rank], "%s",
                       flc_last_error(a->comm[rank]));
    }
}

static void live(int rank, void *context)
{
    struct attempt *a = context;
    if (rank == a->victim) {
        failing_calls_arm(a->name, a->nth);
    }
    a->created[rank] = create(a, rank);
    if (a->created[rank] == FLC_OK) {
        call_twice(a, rank);
        flc_comm_destroy(a->comm[rank]);
    } else {
        (void)snprintf(a->sentence[rank], sizeof a->sentence[rank], "%s", flc_last_error(NULL));
    }
    if (rank == a->victim) {
        a->failed = failing_calls_disarm();
    }
}

static void run_attempt(struct attempt *a)
{
    const int fds = count_open_fds();
    const int64_t start_ms = now_ms();
    make_job_name(a->job);
    (void)pthread_barrier_init(&a->barrier, NULL, RANKS);
    for (int rank = 0; rank < RANKS; rank++) {
        for (int i = 0; i < COUNT; i++) {
            a->sent[rank][i] = (float)(rank + i);
        }
    }
    rank_threads_run(RANKS, live, a);
    (void)pthread_barrier_destroy(&a->barrier);
    if (now_ms() - start_ms > LONGEST_MS) {
        fail_msg("rank %d's call %ld (%s) failed: all ended after %d ms", a->victim, a->nth,
                 a->failed, (int)(now_ms() - start_ms));
    }
    if (count_open_fds() != fds) {
        fail_msg("rank %d's call %ld (%s) failed: %d file descriptors were lost", a->victim, a->nth,
                 a->failed, count_open_fds() - fds);
    }
}

/* ---- What must hold ---- */

static void fail_attempt(const struct attempt *a, int rank, const char *what)
{
    fail_msg("rank %d's call %ld (%s) failed: rank %d %s: created %d, called %d, '%s'", a->victim,
             a->nth, a->failed, rank, what, (int)a->created[rank], (int)a->called[rank],
             a->sentence[rank]);
}

/* All ranks have the sums, or all ranks have an error. */
static void judge(const struct attempt *a)
{
    int succeeded = 0;
    for (int rank = 0; rank < RANKS; rank++) {
        const int is_success = a->created[rank] == FLC_OK && a->called[rank] == FLC_OK;
        succeeded += is_success;
        if (!is_success && a->sentence[rank][0] == '\0') {
            fail_attempt(a, rank, "says nothing");
        }
        if (a->created[rank] != FLC_OK && a->comm[rank] != NULL) {
            fail_attempt(a, rank, "wrote its output");
        }
        for (int i = 0; is_success && i < COUNT; i++) {
            if (a->received[rank][i] < (float)(3 * i + 3) ||
                a->received[rank][i] > (float)(3 * i + 3)) {
                fail_attempt(a, rank, "has a wrong sum");
            }
        }
    }
    /* Where no call was left to fail, all is well. */
    const int is_split =
        a->failed == NULL ? succeeded != RANKS : succeeded != 0 && succeeded != RANKS;
    for (int rank = 0; rank < RANKS && is_split; rank++) {
        if (a->created[rank] != FLC_OK || a->called[rank] != FLC_OK) {
            fail_attempt(a, rank, "failed, and others did not notice");
        }
    }
}

static void every_call_of_a_rank_may_fail(enum way way, int victim)
{
    static struct attempt a;
    long nth = 0;
    do {
        a = (struct attempt){.way = way, .victim = victim, .nth = nth++};
        run_attempt(&a);
        judge(&a);
        assert_true(nth < MANY_CALLS);
    } while (a.failed != NULL);
    assert_true(nth > 5); /* the calls are wrapped */
    print_message("rank %d of %s: %ld calls failed\n", victim,
                  way == BY_JOB ? "a job" : "an allgather", nth - 1);
}

static void every_call_of_a_host_may_fail(void **state)
{
    (void)state;
    every_call_of_a_rank_may_fail(BY_JOB, 0);
    every_call_of_a_rank_may_fail(BY_ALLGATHER, 0);
}

static void every_call_of_a_guest_may_fail(void **state)
{
    (void)state;
    every_call_of_a_rank_may_fail(BY_JOB, 1);
    every_call_of_a_rank_may_fail(BY_ALLGATHER, RANKS - 1);
}

static void every_call_of_a_local_creation_may_fail(void **state)
{
    flc_comm *comms[RANKS];
    const char *failed;
    long nth = 0;
    (void)state;
    do {
        flc_status status;
        memset(comms, 0, sizeof comms);
        failing_calls_arm(NULL, nth++);
        status = flc_comm_create_local(RANKS, NULL, comms);
        failed = failing_calls_disarm();
        if (failed != NULL) {
            expect_failure(status, FLC_ERR_NO_MEMORY, "memory", NULL);
        } else {
            assert_int_equal(status, FLC_OK);
        }
        for (int rank = 0; rank < RANKS; rank++) {
            assert_true((status == FLC_OK) == (comms[rank] != NULL));
            flc_comm_destroy(comms[rank]);
        }
    } while (failed != NULL);
    assert_true(nth > 2 * RANKS); /* the calls are wrapped */
}

static void a_rank_that_lacks_something_is_named(void **state)
{
    static const struct {
        const char *name;
        enum way way;
        int victims; /* ranks 0 to this - 1 */
        flc_status status;
        const char *word;
    } calls[] = {{"calloc", BY_JOB, RANKS, FLC_ERR_NO_MEMORY, "memory"},
                 {"mmap", BY_JOB, RANKS, FLC_ERR_NO_MEMORY, "memory"},
                 {"ftruncate", BY_JOB, 1, FLC_ERR_SYSTEM, "memory"},
                 {"fopen", BY_ALLGATHER, RANKS, FLC_ERR_SYSTEM, "Too many open files"}};
    static struct attempt a;
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (int victim = 0; victim < calls[i].victims; victim++) {
            char culprit[32];
            a = (struct attempt){.way = calls[i].way, .victim = victim, .name = calls[i].name};
            run_attempt(&a);
            assert_string_equal(a.failed, calls[i].name);
            (void)snprintf(culprit, sizeof culprit, "rank %d ", victim);
            for (int rank = 0; rank < RANKS; rank++) {
                expect_sentence(a.sentence[rank], rank == victim ? calls[i].word : culprit);
                assert_int_not_equal(a.created[rank], FLC_OK);
            }
            assert_int_equal(a.created[victim], calls[i].status);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_of_a_local_creation_may_fail),
        cmocka_unit_test(a_rank_that_lacks_something_is_named),
        cmocka_unit_test(every_call_of_a_host_may_fail),
        cmocka_unit_test(every_call_of_a_guest_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
