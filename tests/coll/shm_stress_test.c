// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The shm transport's counters and doorbells under many small calls: their wrap at 2^32, which is
 * set up by hand, and thousands of calls with ranks that pause at random, so that every rank is
 * now first and now last. A lost wake-up would show as a call that takes a whole sleeping slice.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "api/comm.h"
#include "rank_threads.h"
#include "test_data.h"
#include "transport/shm/shm_segment.h"

#define RANKS 4
#define COUNT 5
/* Two messages in flight of each kind: any start that is close enough to the wrap. */
#define BEFORE_WRAP 37u

struct stress {
    flc_comm *comms[RANKS];
    int calls;
    int pauses; /* random ones */
    int failed_call[RANKS];
};

/* As if `alone` messages had gone from each rank to each other, and `to_all` to all. */
static void start_counters_at(flc_comm *const *comms, uint32_t alone, uint32_t to_all)
{
    for (int me = 0; me < RANKS; me++) {
        struct flci_shm *shm = (struct flci_shm *)(void *)comms[me]->transport;
        for (int peer = 0; peer < RANKS; peer++) {
            struct flci_shm_pair *pair = flci_shm_pair_of(shm, me, peer);
            atomic_store(&pair->posted, alone + to_all);
            atomic_store(&pair->consumed, alone);
            atomic_store(&pair->consumed_to_all, to_all);
            shm->sent[peer] = peer == me ? to_all : alone;
            shm->posted[peer] = alone + to_all;
            shm->received[peer] = alone + to_all;
            shm->received_to_all[peer] = to_all;
        }
    }
}

static void pause_at_random(uint64_t *state)
{
    const struct timespec nap = {.tv_nsec = (long)test_random_below(state, 60000)};
    if (test_random_below(state, 4) == 0) {
        (void)nanosleep(&nap, NULL);
    }
}

/* Raw sums of small integers are exact, and each call's differ from the last's. */
static void call_many(int rank, void *context)
{
    struct stress *stress = context;
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    uint64_t state = (uint64_t)rank;
    for (int call = 0; call < stress->calls && stress->failed_call[rank] == 0; call++) {
        float x[COUNT];
        int wrong = 0;
        for (int i = 0; i < COUNT; i++) {
            x[i] = (float)(call % 1000 + rank * (i + 1));
        }
        config.algorithm = call / 3 % 2 != 0 ? "oneshot" : "twostep";
        wrong = flc_all_reduce(stress->comms[rank], x, x, COUNT, FLC_FLOAT32, FLC_SUM, &config) !=
                FLC_OK;
        for (int i = 0; i < COUNT; i++) {
            wrong |= x[i] != (float)(call % 1000 * RANKS + RANKS * (RANKS - 1) / 2 * (i + 1));
        }
        stress->failed_call[rank] = wrong ? call + 1 : 0;
        if (stress->pauses) {
            pause_at_random(&state);
        }
    }
}

static void run_stress(struct stress *stress)
{
    rank_threads_run(RANKS, call_many, stress);
    for (int rank = 0; rank < RANKS; rank++) {
        if (stress->failed_call[rank] != 0) {
            print_error("rank %d, call %d: %s\n", rank, stress->failed_call[rank],
                        flc_last_error(stress->comms[rank]));
        }
        assert_int_equal(stress->failed_call[rank], 0);
    }
}

static void create_comms(struct stress *stress)
{
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = 20000;
    assert_int_equal(flc_comm_create_local(RANKS, &config, stress->comms), FLC_OK);
}

static void destroy_comms(struct stress *stress)
{
    for (int rank = 0; rank < RANKS; rank++) {
        flc_comm_destroy(stress->comms[rank]);
    }
}

static void counters_wrap(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 8; k++) {
        struct stress stress = {.calls = 200};
        create_comms(&stress);
        start_counters_at(stress.comms, 0u - BEFORE_WRAP - k, 0u - BEFORE_WRAP - k / 2);
        run_stress(&stress);
        destroy_comms(&stress);
    }
}

static void no_wakeup_is_lost(void **state)
{
    struct stress stress = {.calls = 3000 / TEST_SAMPLE, .pauses = 1};
    const time_t start = time(NULL);
    (void)state;
    create_comms(&stress);
    run_stress(&stress);
    destroy_comms(&stress);
    /* One slice a call would be 300 s. */
    assert_in_range(time(NULL) - start, 0, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_wrap),
        cmocka_unit_test(no_wakeup_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
