// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as threads of this process. Every wait inside the library is bounded, so joining all of
 * them is too.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "rank_launch.h"

struct rank_thread {
    pthread_t id;
    const struct rank_launch *launch;
    flc_comm *comm;
};

static void *thread_main(void *argument)
{
    const struct rank_thread *const thread = argument;
    thread->launch->run(thread->launch->context, thread->comm);
    return NULL;
}

/* Start threads until one cannot be; returns how many run. */
static int start_threads(struct rank_thread *threads, int ranks)
{
    for (int r = 0; r < ranks; r++) {
        const int error = pthread_create(&threads[r].id, NULL, thread_main, &threads[r]);
        if (error != 0) {
            rank_fail(threads[r].launch->meeting, r, strerror(error));
            flc_comm_abort(threads[r].comm);
            return r;
        }
    }
    return ranks;
}

int run_threads(const struct rank_launch *launch)
{
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = launch->timeout_ms;
    flc_comm *comms[FLC_MAX_RANKS];
    if (flc_comm_create_local(launch->ranks, &config, comms) != FLC_OK) {
        (void)fprintf(stderr, "%s: %s\n", launch->command, flc_last_error(NULL));
        return -1;
    }
    struct rank_thread threads[FLC_MAX_RANKS];
    for (int r = 0; r < launch->ranks; r++) {
        threads[r] = (struct rank_thread){.launch = launch, .comm = comms[r]};
    }
    const int started = start_threads(threads, launch->ranks);
    for (int r = 0; r < started; r++) {
        (void)pthread_join(threads[r].id, NULL);
    }
    int result = 0;
    for (int r = 0; r < launch->ranks; r++) {
        const struct rank_end *const end = &launch->meeting->ends[r];
        flc_comm_destroy(comms[r]);
        if (end->done) {
            continue;
        }
        result = -1;
        if (r <= started) {
            rank_print_error(launch, r, end->error);
        }
    }
    return result;
}
