// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * GPUs, memory and communicators of the tests: cuda_team.h.
 */
#define _GNU_SOURCE
#include "cuda_team.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_ops.h"

char cuda_watched[512] = "starting";

void cuda_must(cudaError_t error, const char *call, const char *file, int line)
{
    if (error != cudaSuccess) {
        fprintf(stderr, "%s:%d: %s: %s\n  during: %s\n", file, line, call,
                cudaGetErrorString(error), cuda_watched);
        fflush(NULL);
        _exit(1); /* other threads may wait for this one */
    }
}

int cuda_gpu_count(void)
{
    int count = 0;
    /* A stream for each rank of one GPU must not wait for another's. */
    (void)setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess || count == 0) {
        printf("SKIPPED: no GPU (%s)\n",
               error != cudaSuccess ? cudaGetErrorString(error) : "none found");
        exit(CUDA_SKIPPED);
    }
    return count;
}

static void bark(int signal_number)
{
    static const char text[] = "the time limit is over; during: ";
    (void)signal_number;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0 ||
        write(STDERR_FILENO, cuda_watched, strnlen(cuda_watched, sizeof cuda_watched)) < 0 ||
        write(STDERR_FILENO, "\n", 1) < 0) {
        _exit(2);
    }
    _exit(1);
}

void cuda_watchdog_start(unsigned seconds)
{
    (void)signal(SIGALRM, bark);
    (void)alarm(seconds);
}

static void open_rank(struct cuda_team *team, int rank)
{
    struct cuda_rank *r = &team->rank[rank];
    const size_t bytes = team->image_bytes;
    r->device = rank % team->gpus;
    CUDA_MUST(cudaSetDevice(r->device));
    CUDA_MUST(cudaStreamCreateWithFlags(&r->stream, cudaStreamNonBlocking));
    for (int round = 0; round < CUDA_ROUNDS_MAX; round++) {
        CUDA_MUST(cudaMalloc((void **)&r->image[round], bytes));
        CUDA_MUST(cudaMalloc((void **)&r->result[round], bytes));
        CUDA_MUST(cudaMallocHost((void **)&r->host_image[round], bytes));
        CUDA_MUST(cudaMallocHost((void **)&r->host_result[round], bytes));
    }
    CUDA_MUST(cudaMalloc((void **)&r->work, bytes));
    CUDA_MUST(cudaMalloc((void **)&r->scratch, bytes));
    r->expected = malloc(bytes);
    if (r->expected == NULL) {
        fprintf(stderr, "out of memory: %zu bytes\n", bytes);
        exit(1);
    }
    CUDA_MUST(device_ops_load(r->work, r->stream));
}

void cuda_team_open(struct cuda_team *team, int ranks_max, size_t image_bytes)
{
    memset(team, 0, sizeof *team);
    team->gpus = cuda_gpu_count();
    team->ranks_max = ranks_max;
    team->image_bytes = image_bytes;
    for (int rank = 0; rank < ranks_max; rank++) {
        open_rank(team, rank);
    }
    CUDA_MUST(cudaSetDevice(0));
}

void cuda_team_close(struct cuda_team *team)
{
    for (int rank = 0; rank < team->ranks_max; rank++) {
        struct cuda_rank *r = &team->rank[rank];
        CUDA_MUST(cudaSetDevice(r->device));
        for (int round = 0; round < CUDA_ROUNDS_MAX; round++) {
            CUDA_MUST(cudaFree(r->image[round]));
            CUDA_MUST(cudaFree(r->result[round]));
            CUDA_MUST(cudaFreeHost(r->host_image[round]));
            CUDA_MUST(cudaFreeHost(r->host_result[round]));
        }
        CUDA_MUST(cudaFree(r->work));
        CUDA_MUST(cudaFree(r->scratch));
        CUDA_MUST(cudaStreamDestroy(r->stream));
        free(r->expected);
    }
}

int cuda_team_join(struct cuda_team *team, int ranks, int64_t timeout_ms,
                   const flc_cuda_config *config)
{
    flc_comm_config comm_config = FLC_COMM_CONFIG_INIT;
    flc_comm *comms[FLC_CUDA_MAX_RANKS] = {NULL}, *on_host[FLC_CUDA_MAX_RANKS] = {NULL};
    int devices[FLC_CUDA_MAX_RANKS];
    comm_config.timeout_ms = timeout_ms;
    team->ranks = ranks;
    for (int rank = 0; rank < ranks; rank++) {
        devices[rank] = team->rank[rank].device;
    }
    flc_status status = flc_comm_create_local(ranks, &comm_config, comms);
    if (status == FLC_OK) {
        status = flc_comm_attach_cuda_local(ranks, comms, devices, config);
    }
    if (status == FLC_OK) {
        status = flc_comm_create_local(ranks, NULL, on_host);
    }
    for (int rank = 0; rank < ranks; rank++) {
        team->rank[rank].comm = comms[rank];
        team->rank[rank].on_host = on_host[rank];
    }
    if (status != FLC_OK) {
        fprintf(stderr, "FAILED: %d ranks on %d GPU(s): %s: %s\n", ranks, team->gpus,
                flc_strerror(status), flc_last_error(NULL));
        return -1;
    }
    return 0;
}

void cuda_team_leave(struct cuda_team *team)
{
    for (int rank = 0; rank < team->ranks; rank++) {
        flc_comm_destroy(team->rank[rank].comm);
        flc_comm_destroy(team->rank[rank].on_host);
        team->rank[rank].comm = team->rank[rank].on_host = NULL;
    }
}
