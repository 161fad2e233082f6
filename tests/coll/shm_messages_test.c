// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The shm transport by itself: messages to one and to all arrive whole and in order, a sender gets
 * two messages ahead of a receiver and no further, and a rank that has done its part of a
 * collective may die where another may not. Algorithms keep in step with each other and would not
 * notice a sender that overruns its slots.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "rank_processes.h"
#include "rank_threads.h"
#include "test_data.h"
#include "transport/shm/shm.h"

#define RANKS_MAX  5
#define MESSAGES   (8000 / TEST_SAMPLE)
#define SLOT_BYTES 192

static void pause_us(long us)
{
    const struct timespec nap = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    (void)nanosleep(&nap, NULL);
}

static struct flci_join join_of(int rank, int ranks, int64_t timeout_ms)
{
    struct flci_join join;
    memset(&join, 0, sizeof join);
    join.rank = rank;
    join.ranks = ranks;
    join.timeout_ms = timeout_ms;
    return join;
}

/* ---- Traffic ---- */

struct traffic {
    int ranks;
    struct flci_transport *transports[RANKS_MAX];
    struct {
        int from, to; /* a rank, or FLCI_TO_ALL */
    } message[MESSAGES];
    int failed_at[RANKS_MAX]; /* message, from 1 */
};

static int is_filled(const uint8_t *slot, size_t message)
{
    int wrong = 0;
    for (size_t i = 0; i < SLOT_BYTES; i++) {
        wrong |= slot[i] != (uint8_t)(message * 31 + i);
    }
    return !wrong;
}

static int send_message(struct flci_transport *t, int to, size_t message)
{
    uint8_t *slot;
    if (t->ops->begin(t, to, &slot) != FLC_OK) {
        return 0;
    }
    for (size_t i = 0; i < SLOT_BYTES; i++) {
        slot[i] = (uint8_t)(message * 31 + i);
    }
    t->ops->post(t, to);
    return 1;
}

static int receive_message(struct flci_transport *t, int from, size_t message, uint64_t *state)
{
    const uint8_t *slot;
    int is_right;
    if (t->ops->receive(t, from, &slot) != FLC_OK) {
        return 0;
    }
    is_right = is_filled(slot, message);
    if (test_random_below(state, 8) == 0) { /* time for the sender to get ahead */
        pause_us((long)test_random_below(state, 100));
    }
    is_right &= is_filled(slot, message);
    t->ops->release(t, from);
    return is_right;
}

/* Every rank does its part of all messages in one order, at its own pace. */
static void take_part(int rank, void *context)
{
    struct traffic *traffic = context;
    struct flci_transport *t = traffic->transports[rank];
    uint64_t state = (uint64_t)rank;
    for (size_t i = 0; i < MESSAGES && traffic->failed_at[rank] == 0; i++) {
        const int from = traffic->message[i].from, to = traffic->message[i].to;
        int is_right = 1;
        if (from == rank) {
            is_right = send_message(t, to, i);
        } else if (to == rank || to == FLCI_TO_ALL) {
            is_right = receive_message(t, from, i, &state);
        }
        traffic->failed_at[rank] = is_right ? 0 : (int)i + 1;
    }
}

static void messages_arrive_whole_and_in_order(void **state)
{
    struct traffic *traffic = calloc(1, sizeof *traffic);
    uint64_t random = 11;
    (void)state;
    assert_non_null(traffic);
    for (traffic->ranks = 2; traffic->ranks <= RANKS_MAX; traffic->ranks++) {
        const size_t ranks = (size_t)traffic->ranks;
        const struct flci_join join = join_of(0, traffic->ranks, 20000);
        for (size_t i = 0; i < MESSAGES; i++) { /* often several in a row from one rank */
            const int same = i > 0 && test_random_below(&random, 3) != 0;
            const int from =
                same ? traffic->message[i - 1].from : (int)test_random_below(&random, ranks);
            const int other = (from + 1 + (int)test_random_below(&random, ranks - 1)) % (int)ranks;
            traffic->message[i].from = from;
            traffic->message[i].to = test_random_below(&random, 2) == 0 ? FLCI_TO_ALL : other;
        }
        assert_int_equal(flci_shm_open_local(&join, SLOT_BYTES, traffic->transports), FLC_OK);
        rank_threads_run(traffic->ranks, take_part, traffic);
        for (int rank = 0; rank < traffic->ranks; rank++) {
            assert_int_equal(traffic->failed_at[rank], 0);
            traffic->transports[rank]->ops->close(traffic->transports[rank]);
        }
    }
    free(traffic);
}

static void a_sender_gets_two_messages_ahead(void **state)
{
    static const int to[] = {1, FLCI_TO_ALL};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const struct flci_join join = join_of(0, 3, 200);
        struct flci_transport *transports[3];
        uint64_t random = 1;
        uint8_t *slot;
        assert_int_equal(flci_shm_open_local(&join, SLOT_BYTES, transports), FLC_OK);
        for (size_t i = 0; i < 3; i++) { /* rank 1 reads the first; rank 2 reads nothing */
            if (i == 2) {
                assert_true(receive_message(transports[1], 0, 0, &random));
            }
            if (i < 2 || k == 0) {
                assert_true(send_message(transports[0], to[k], i));
            }
        }
        assert_int_equal(transports[0]->ops->begin(transports[0], to[k], &slot), FLC_ERR_TIMEOUT);
        assert_int_equal(transports[0]->fault.rank, k == 0 ? 1 : 2);
        for (int rank = 0; rank < 3; rank++) {
            transports[rank]->ops->close(transports[rank]);
        }
    }
}

/* ---- Death ---- */

struct death {
    char name[32];
    int finishes; /* rank 0, before it dies */
    flc_status status;
    int culprit;
};

/* Rank 0 dies at once; rank 1 waits for rank 2, which takes its time. */
static void be_a_rank(int rank, void *context)
{
    struct death *death = context;
    const struct flci_join join = join_of(rank, 3, 20000);
    struct flci_transport *t;
    const uint8_t *slot;
    if (flci_shm_open(death->name, &join, NULL, SLOT_BYTES, &t) != FLC_OK) {
        _exit(1);
    }
    if (rank == 0) {
        if (death->finishes) {
            t->ops->finish(t);
        }
        _exit(0); /* without a close: to the others it is dead, not gone */
    }
    if (rank == 1) {
        death->status = t->ops->receive(t, 2, &slot);
        death->culprit = t->fault.rank;
    } else {
        pause_us(500000);
        (void)send_message(t, 1, 0);
    }
    t->ops->close(t);
}

static void a_rank_that_has_finished_may_die(void **state)
{
    struct death *death = shared_alloc(sizeof *death);
    (void)state;
    for (int finishes = 0; finishes <= 1; finishes++) {
        make_job_name(death->name);
        death->finishes = finishes;
        death->culprit = -1;
        assert_int_equal(rank_processes_run(3, be_a_rank, death), 0);
        assert_int_equal(death->status, finishes ? FLC_OK : FLC_ERR_PEER);
        if (!finishes) {
            assert_int_equal(death->culprit, 0);
        }
    }
    shared_free(death, sizeof *death);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_whole_and_in_order),
        cmocka_unit_test(a_sender_gets_two_messages_ahead),
        cmocka_unit_test(a_rank_that_has_finished_may_die),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
