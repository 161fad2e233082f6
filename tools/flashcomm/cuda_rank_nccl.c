// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * NCCL's side of a rank: see cuda_rank.h. Its communicator is made and destroyed in a thread of its
 * own, since NCCL waits for the other ranks without a limit, and nothing ends that wait.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cuda_rank.h"
#include "timing.h"

/* How long making or destroying a communicator may take, and how long once a rank has failed. */
#define LIMIT_MS        120000
#define FAILED_LIMIT_MS 5000

/* Between looks at the thread. */
#define PAUSE_NS 1000000

struct nccl_work {
    struct cuda_rank *gpu;
    int device;
    int ranks; /* 0: destroy */
    struct cuda_nccl_id id;
    int result;
};

static void *work_main(void *argument)
{
    struct nccl_work *const work = argument;
    struct cuda_rank *const gpu = work->gpu;
    (void)cudaSetDevice(work->device); /* which each thread has of its own */
    work->result = work->ranks == 0 ? gpu->nccl.comm_destroy(gpu->nccl_comm)
                                    : gpu->nccl.comm_init_rank(&gpu->nccl_comm, work->ranks,
                                                               work->id, gpu->rank);
    return NULL;
}

/* Do it in a thread, and end the process where it does not end. */
static int run_bounded(struct nccl_work *work, const char *what)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    struct cuda_rank *const gpu = work->gpu;
    char text[96];
    pthread_t id;
    if (cuda_rank_try(gpu, cudaGetDevice(&work->device), "asking for the GPU") != 0) {
        return -1;
    }
    const int error = pthread_create(&id, NULL, work_main, work);
    if (error != 0) {
        (void)snprintf(text, sizeof text, "a thread for NCCL: %s", strerror(error));
        rank_fail(gpu->meeting, gpu->rank, text);
        return -1;
    }
    int64_t end_ms = timing_now_ms() + LIMIT_MS;
    bool has_failed = false;
    while (pthread_tryjoin_np(id, NULL) != 0) {
        if (!has_failed && atomic_load(&gpu->meeting->failed) != 0) {
            has_failed = true;
            end_ms = timing_now_ms() + FAILED_LIMIT_MS;
        }
        if (timing_now_ms() > end_ms) {
            (void)snprintf(text, sizeof text, "%s does not end", what);
            cuda_rank_give_up(gpu, text);
        }
        (void)nanosleep(&pause, NULL);
    }
    return cuda_rank_try_nccl(gpu, work->result, what);
}

int cuda_rank_join_nccl(struct cuda_rank *r, int ranks, const char *id)
{
    struct nccl_work work = {.gpu = r, .ranks = ranks};
    memcpy(work.id.bytes, id, sizeof work.id.bytes);
    if (run_bounded(&work, "ncclCommInitRank") != 0) {
        r->nccl_comm = NULL;
        return -1;
    }
    return 0;
}

int cuda_rank_leave_nccl(struct cuda_rank *r, bool has_failed)
{
    struct nccl_work work = {.gpu = r};
    int result = 0;
    if (r->nccl_comm != NULL) { /* destroyed, it might wait for a rank that failed */
        result =
            has_failed ? r->nccl.comm_abort(r->nccl_comm) : run_bounded(&work, "ncclCommDestroy");
        r->nccl_comm = NULL;
    }
    return result;
}
