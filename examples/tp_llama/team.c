// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Creates the communicators, starts a thread a rank, and sees to it that one rank's failure is
 * everyone's end: the first that fails leaves its sentence and aborts the communicator.
 */
#include "team.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct team {
    const struct model *model;
    int ranks;
    team_work *work;
    void *context;
    pthread_mutex_t lock; /* guards the two below */
    bool has_failed;
    struct failure first_failure;
};

struct thread {
    pthread_t id;
    int rank;
    struct team *team;
    struct member member;
};

/* Keep the first failure; later ones are mostly its echo in other ranks. */
static void fail_team(struct team *team, const struct failure *failure, flc_comm *comm)
{
    pthread_mutex_lock(&team->lock);
    if (!team->has_failed)
        team->first_failure = *failure;
    team->has_failed = true;
    pthread_mutex_unlock(&team->lock);
    flc_comm_abort(comm);
}

static void *run_member(void *argument)
{
    struct thread *thread = argument;
    struct team *team = thread->team;
    struct member *member = &thread->member;
    int status =
        forward_init(&member->forward, team->model, thread->rank, team->ranks, &member->failure);
    if (status == 0) {
        status = team->work(member, team->context);
        forward_fini(&member->forward);
    }
    if (status != 0)
        fail_team(team, &member->failure, member->comm);
    return NULL;
}

static void run_threads(struct team *team, struct thread *threads, flc_comm **comms)
{
    int started = 0;
    for (; started < team->ranks; started++) {
        struct thread *thread = &threads[started];
        thread->rank = started;
        thread->team = team;
        thread->member.comm = comms[started];
        const int error = pthread_create(&thread->id, NULL, run_member, thread);
        if (error != 0) {
            struct failure failure;
            failure_set(&failure, "cannot start the thread of rank %d: %s", started,
                        strerror(error));
            fail_team(team, &failure, comms[started]);
            break;
        }
    }
    for (int rank = 0; rank < started; rank++)
        pthread_join(threads[rank].id, NULL);
}

int team_run(const struct model *model, int ranks, team_work *work, void *context,
             struct failure *failure)
{
    flc_comm *comms[FLC_MAX_RANKS] = {NULL};
    if (flc_comm_create_local(ranks, NULL, comms) != FLC_OK)
        return failure_set(failure, "cannot join %d ranks: %s", ranks, flc_last_error(NULL));

    struct team team = {.model = model, .ranks = ranks, .work = work, .context = context};
    struct thread *threads = calloc((size_t)ranks, sizeof *threads);
    int status = 0;
    if (threads == NULL) {
        status = failure_set(failure, "out of memory for %d ranks", ranks);
    } else {
        pthread_mutex_init(&team.lock, NULL);
        run_threads(&team, threads, comms);
        pthread_mutex_destroy(&team.lock);
    }
    if (team.has_failed) {
        *failure = team.first_failure;
        status = -1;
    }
    free(threads);
    for (int rank = 0; rank < ranks; rank++)
        flc_comm_destroy(comms[rank]);
    return status;
}

int team_sum(struct member *member, const flc_coll_config *config, float *values, size_t count,
             struct failure *failure)
{
    const flc_status status =
        flc_all_reduce(member->comm, values, values, count, FLC_FLOAT32, FLC_SUM, config);
    if (status == FLC_OK)
        return 0;
    return failure_set(failure, "rank %d: %s", flc_comm_rank(member->comm),
                       flc_last_error(member->comm));
}
