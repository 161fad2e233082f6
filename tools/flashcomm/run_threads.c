// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as threads of this process. Every wait inside the library is bounded, so joining all of
 * them is too.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "run_ranks.h"

struct rank_thread {
    pthread_t id;
    const struct rank_job *job;
    struct rank_area *area;
    flc_comm *comm;
};

static void *thread_main(void *argument)
{
    const struct rank_thread *const thread = argument;
    rank_run(thread->job, thread->comm, thread->area);
    return NULL;
}

/* Start threads until one cannot be; returns how many run. */
static int start_threads(struct rank_thread *threads, int ranks)
{
    for (int r = 0; r < ranks; r++) {
        const int error = pthread_create(&threads[r].id, NULL, thread_main, &threads[r]);
        if (error != 0) {
            rank_report_error(&threads[r].area->reports[r], strerror(error));
            flc_comm_abort(threads[r].comm);
            return r;
        }
    }
    return ranks;
}

int run_threads(const struct rank_job *job, struct rank_area *area)
{
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = job->timeout_ms;
    flc_comm *comms[FLC_MAX_RANKS];
    if (flc_comm_create_local(job->ranks, &config, comms) != FLC_OK) {
        (void)fprintf(stderr, "flashcomm run: %s\n", flc_last_error(NULL));
        return -1;
    }
    struct rank_thread threads[FLC_MAX_RANKS];
    for (int r = 0; r < job->ranks; r++) {
        threads[r] = (struct rank_thread){.job = job, .area = area, .comm = comms[r]};
    }
    const int started = start_threads(threads, job->ranks);
    for (int r = 0; r < started; r++) {
        (void)pthread_join(threads[r].id, NULL);
    }
    int result = 0;
    for (int r = 0; r < job->ranks; r++) {
        flc_comm_destroy(comms[r]);
        if (area->reports[r].done) {
            continue;
        }
        result = -1;
        if (r <= started) {
            rank_print_error(r, area->reports[r].error);
        }
    }
    return result;
}
