// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Teams of ranks that attach GPUs: attach_team.h.
 */
#define _GNU_SOURCE
#include "attach_team.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rank_processes.h"
#include "rank_threads.h"
#include "transport/cuda_p2p/p2p.h"

/* ---- Calls that fail ---- */

/* Which rank a thread works for; attaching by one thread has no faults but the proof's. */
static _Thread_local int this_rank = -1;
static struct attach_faults faults = {-1, -1, -1, -1};

cudaError_t __real_cudaIpcGetMemHandle(cudaIpcMemHandle_t *handle, void *memory);
cudaError_t __wrap_cudaIpcGetMemHandle(cudaIpcMemHandle_t *handle, void *memory);
cudaError_t __real_cudaIpcOpenMemHandle(void **memory, cudaIpcMemHandle_t handle, unsigned flags);
cudaError_t __wrap_cudaIpcOpenMemHandle(void **memory, cudaIpcMemHandle_t handle, unsigned flags);
cudaError_t __real_cudaMalloc(void **memory, size_t bytes);
cudaError_t __wrap_cudaMalloc(void **memory, size_t bytes);
int __real_flci_p2p_prove_launch(const struct flci_p2p_window *window, struct CUstream_st *stream);
int __wrap_flci_p2p_prove_launch(const struct flci_p2p_window *window, struct CUstream_st *stream);

static int is_faulty(int rank)
{
    return rank >= 0 && rank == this_rank;
}

cudaError_t __wrap_cudaIpcGetMemHandle(cudaIpcMemHandle_t *handle, void *memory)
{
    return is_faulty(faults.ipc_get) ? cudaErrorNotSupported
                                     : __real_cudaIpcGetMemHandle(handle, memory);
}

cudaError_t __wrap_cudaIpcOpenMemHandle(void **memory, cudaIpcMemHandle_t handle, unsigned flags)
{
    return is_faulty(faults.ipc_open) ? cudaErrorNotSupported
                                      : __real_cudaIpcOpenMemHandle(memory, handle, flags);
}

cudaError_t __wrap_cudaMalloc(void **memory, size_t bytes)
{
    return is_faulty(faults.memory) ? cudaErrorMemoryAllocation : __real_cudaMalloc(memory, bytes);
}

/* A rank whose stores get lost. */
int __wrap_flci_p2p_prove_launch(const struct flci_p2p_window *window, struct CUstream_st *stream)
{
    return window->rank == faults.proof ? (int)cudaSuccess
                                        : __real_flci_p2p_prove_launch(window, stream);
}

/* ---- One case ---- */

struct outcome {
    flc_status attached, again, reduced, error;
    int is_device_kept, is_sum_right;
    char sentence[512];
};

struct shared {
    const struct attach_case *c;
    char job[32];
    flc_comm *comms[FLC_CUDA_MAX_RANKS]; /* of threads */
    struct outcome *outcome;             /* [ranks] */
};

static flc_cuda_config config_of(const struct attach_case *c, int rank)
{
    flc_cuda_config config = FLC_CUDA_CONFIG_INIT;
    const size_t bytes = c->staging_bytes[rank];
    config.staging_bytes = bytes == 0 ? (size_t)1 << 20 : bytes;
    return config;
}

/* Host memory still works, and attaching too where it failed. */
static void go_on(const struct attach_case *c, int rank, flc_comm *comm, struct outcome *o)
{
    const float mine = (float)(rank + 1);
    float sum = 0.0f;
    o->reduced = flc_all_reduce(comm, &mine, &sum, 1, FLC_FLOAT32, FLC_SUM, NULL);
    o->is_sum_right = sum == (float)(c->ranks * (c->ranks + 1) / 2);
    if (o->attached != FLC_OK) {
        this_rank = -1;
        o->again = flc_comm_attach_cuda(comm, 0, NULL);
    }
    o->error = flc_comm_cuda_error(comm);
}

static void attach_rank(const struct shared *s, int rank, flc_comm *comm)
{
    const struct attach_case *c = s->c;
    const flc_cuda_config config = config_of(c, rank);
    struct outcome *o = &s->outcome[rank];
    int before = -1, after = -2;
    (void)cudaGetDevice(&before);
    this_rank = rank;
    if (c->way != ATTACH_LOCAL) {
        o->attached = flc_comm_attach_cuda(comm, c->devices[rank], &config);
        (void)snprintf(o->sentence, sizeof o->sentence, "%s", flc_last_error(comm));
    }
    (void)cudaGetDevice(&after);
    o->is_device_kept = before == after;
    if (c->faults.proof < 0) { /* a fault in a shared variable lasts for the case */
        go_on(c, rank, comm, o);
    }
    this_rank = -1;
}

static void thread_body(int rank, void *context)
{
    struct shared *s = context;
    attach_rank(s, rank, s->comms[rank]);
}

static void process_body(int rank, void *context)
{
    struct shared *s = context;
    flc_comm *comm = NULL;
    if (flc_comm_create_job(s->job, rank, s->c->ranks, NULL, &comm) != FLC_OK) {
        (void)snprintf(s->outcome[rank].sentence, sizeof s->outcome[rank].sentence, "%s",
                       flc_last_error(NULL));
        s->outcome[rank].attached = FLC_ERR_SYSTEM;
        return;
    }
    attach_rank(s, rank, comm);
    flc_comm_destroy(comm);
}

static int judge(const struct attach_case *c, int rank, const struct outcome *o)
{
    const int goes_on = c->faults.proof < 0;
    int is_right = o->attached == c->expected && o->is_device_kept;
    is_right &= c->sentence == NULL || strstr(o->sentence, c->sentence) != NULL;
    is_right &= !goes_on || (o->reduced == FLC_OK && o->is_sum_right && o->again == FLC_OK &&
                             o->error == FLC_OK);
    if (!is_right) {
        printf("%s, rank %d of %d: attached '%s' where '%s' is expected, again '%s', host memory "
               "'%s', sum %d, error '%s', device kept %d; \"%s\" where \"%s\" is expected\n",
               c->name, rank, c->ranks, flc_strerror(o->attached), flc_strerror(c->expected),
               flc_strerror(o->again), flc_strerror(o->reduced), o->is_sum_right,
               flc_strerror(o->error), o->is_device_kept, o->sentence,
               c->sentence == NULL ? "" : c->sentence);
    }
    return is_right;
}

static void run_in_process(struct shared *s)
{
    const struct attach_case *c = s->c;
    const flc_cuda_config config = config_of(c, 0);
    if (flc_comm_create_local(c->ranks, NULL, s->comms) != FLC_OK) {
        printf("%s: %s\n", c->name, flc_last_error(NULL));
        return; /* outcomes stay wrong: no sum */
    }
    if (c->way == ATTACH_LOCAL) {
        const flc_status status =
            flc_comm_attach_cuda_local(c->ranks, s->comms, c->devices, &config);
        for (int rank = 0; rank < c->ranks; rank++) {
            s->outcome[rank].attached = status;
            (void)snprintf(s->outcome[rank].sentence, sizeof s->outcome[rank].sentence, "%s",
                           flc_last_error(s->comms[rank]));
        }
    }
    rank_threads_run(c->ranks, thread_body, s);
    for (int rank = 0; rank < c->ranks; rank++) {
        flc_comm_destroy(s->comms[rank]);
    }
}

int attach_case_run(const struct attach_case *c)
{
    struct shared s = {.c = c};
    const size_t bytes = (size_t)c->ranks * sizeof *s.outcome;
    int is_right = 1;
    s.outcome = shared_alloc(bytes);
    make_job_name(s.job);
    faults = c->faults;
    if (c->way == ATTACH_PROCESSES) {
        is_right = rank_processes_run(c->ranks, process_body, &s) == 0;
    } else {
        run_in_process(&s);
    }
    for (int rank = 0; rank < c->ranks; rank++) {
        is_right &= judge(c, rank, &s.outcome[rank]);
    }
    faults = (struct attach_faults){-1, -1, -1, -1};
    shared_free(s.outcome, bytes);
    return is_right;
}

int attach_count_devices(void)
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        int devices = 0;
        _exit(cudaGetDeviceCount(&devices) == cudaSuccess ? devices : 0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                           : 0;
}
