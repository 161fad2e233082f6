// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What every rank on a GPU needs: the device, a stream, and a bounded wait for it. Where one of
 * these functions fails, the rank's sentence is set (rank_fail).
 */
#ifndef CUDA_RANK_H
#define CUDA_RANK_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stdint.h>

#include "cuda_nccl.h"
#include "rank_launch.h"

struct cuda_rank {
    flc_comm *comm;
    int rank;
    struct rank_meeting *meeting;
    cudaStream_t stream; /* waits for no other stream */
    int64_t wait_ms;     /* how long work on the stream may take */
    bool is_thread;      /* of a process with other ranks */
    struct cuda_nccl nccl;
    struct ncclComm *nccl_comm; /* NULL but in a baseline: aborted when a rank fails */
};

/* Set the fields above the stream and is_thread first. Collective; max_blocks 0: no limit. */
int cuda_rank_start(struct cuda_rank *r, int max_blocks, int64_t timeout_ms);

/* Safe after a start that failed. */
void cuda_rank_stop(struct cuda_rank *r);

/* -1, and the rank's sentence, where `error` is one: `what` failed. */
int cuda_rank_try(const struct cuda_rank *r, cudaError_t error, const char *what);

/* The same for results of NCCL and of the library. */
int cuda_rank_try_nccl(const struct cuda_rank *r, int result, const char *what);
int cuda_rank_try_flc(const struct cuda_rank *r, flc_status status);

/*
 * Wait for the stream; -1 where work on it failed, or another rank did. Work that does not end in
 * wait_ms ends the process: memory it may write to cannot be released.
 */
int cuda_rank_wait(struct cuda_rank *r);

/* [bytes] of this rank's device, NULL where there is none left. */
void *cuda_rank_allocate(const struct cuda_rank *r, size_t bytes);

#endif
