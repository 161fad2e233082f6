// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as threads of one process, each with a GPU: rank % GPUs, so that one GPU may be shared by
 * all. All memory is allocated before the first call, since allocating waits for kernels that wait.
 *
 * A rank's memory is images: what its device memory holds before a round of calls, guards and
 * poison included. A round copies an image to the work area, makes the calls there and copies the
 * work area to the round's result, all in stream order.
 */
#ifndef CUDA_TEAM_H
#define CUDA_TEAM_H

#include "flashcomm/with_cuda.h"

#define CUDA_ROUNDS_MAX 3
#define CUDA_SKIPPED    77 /* exit status */

struct cuda_rank {
    int device;
    cudaStream_t stream;
    uint8_t *image[CUDA_ROUNDS_MAX], *result[CUDA_ROUNDS_MAX], *work, *scratch; /* on the GPU */
    uint8_t *host_image[CUDA_ROUNDS_MAX], *host_result[CUDA_ROUNDS_MAX];        /* pinned */
    uint8_t *expected;
    flc_comm *comm;    /* with the GPU attached */
    flc_comm *on_host; /* of the same ranks, without */
};

struct cuda_team {
    int ranks_max, ranks, gpus;
    size_t image_bytes; /* room in each area */
    struct cuda_rank rank[FLC_CUDA_MAX_RANKS];
};

/* Ends the program with a line where a CUDA call failed. */
#define CUDA_MUST(call) cuda_must((call), #call, __FILE__, __LINE__)
void cuda_must(cudaError_t error, const char *call, const char *file, int line);

/* GPUs of this machine. Where there is none, ends the program: a line, status CUDA_SKIPPED. */
int cuda_gpu_count(void);

/* Print `text` (kept up to date by the test) and end the program after `seconds`. */
extern char cuda_watched[512];
void cuda_watchdog_start(unsigned seconds);

void cuda_team_open(struct cuda_team *team, int ranks_max, size_t image_bytes);
void cuda_team_close(struct cuda_team *team);

/* Make both communicators of every rank; 0, or -1 with a line. cuda_team_leave also after -1. */
int cuda_team_join(struct cuda_team *team, int ranks, int64_t timeout_ms,
                   const flc_cuda_config *config);
void cuda_team_leave(struct cuda_team *team);

#endif
