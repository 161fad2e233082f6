// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as threads: rank_threads.h.
 */
#include "rank_threads.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "flashcomm/flashcomm.h"

struct rank_thread {
    pthread_t thread;
    int rank;
    void (*body)(int rank, void *context);
    void *context;
};

static void *run_rank(void *argument)
{
    struct rank_thread *t = argument;
    t->body(t->rank, t->context);
    return NULL;
}

void rank_threads_run(int ranks, void (*body)(int rank, void *context), void *context)
{
    struct rank_thread threads[FLC_MAX_RANKS];
    for (int rank = 0; rank < ranks; rank++) {
        threads[rank] = (struct rank_thread){.rank = rank, .body = body, .context = context};
        if (pthread_create(&threads[rank].thread, NULL, run_rank, &threads[rank]) != 0) {
            fprintf(stderr, "no thread for rank %d of %d\n", rank, ranks);
            abort();
        }
    }
    for (int rank = 0; rank < ranks; rank++) {
        (void)pthread_join(threads[rank].thread, NULL);
    }
}
