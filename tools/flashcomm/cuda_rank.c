// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A rank's GPU: see cuda_rank.h.
 */
#include "cuda_rank.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "flashcomm/with_cuda.h"
#include "timing.h"

/* What the calls of a span may take beyond the time that the library waits for a silent rank. */
#define SLACK_MS 30000

/* Between looks at the stream. */
#define PAUSE_NS 20000

int cuda_rank_try(const struct cuda_rank *r, cudaError_t error, const char *what)
{
    char text[256];
    if (error == cudaSuccess) {
        return 0;
    }
    (void)snprintf(text, sizeof text, "%s: %s", what, cudaGetErrorString(error));
    rank_fail(r->meeting, r->rank, text);
    return -1;
}

int cuda_rank_try_nccl(const struct cuda_rank *r, int result, const char *what)
{
    char text[256];
    if (result == 0) {
        return 0;
    }
    (void)snprintf(text, sizeof text, "%s: %s (NCCL_DEBUG=WARN tells more)", what,
                   r->nccl.get_error_string(result));
    rank_fail(r->meeting, r->rank, text);
    return -1;
}

int cuda_rank_try_flc(const struct cuda_rank *r, flc_status status)
{
    if (status == FLC_OK) {
        return 0;
    }
    rank_fail(r->meeting, r->rank, flc_last_error(r->comm));
    return -1;
}

int cuda_rank_start(struct cuda_rank *r, int max_blocks, int64_t timeout_ms)
{
    flc_cuda_config config = FLC_CUDA_CONFIG_INIT;
    int count = 0;
    config.max_blocks = max_blocks;
    r->wait_ms = rank_timeout_ms(timeout_ms) + SLACK_MS;
    if (cuda_rank_try(r, cudaGetDeviceCount(&count), "counting GPUs") != 0) {
        return -1;
    }
    const int device = r->rank % count;
    if (cuda_rank_try(r, cudaSetDevice(device), "choosing a GPU") != 0 ||
        cuda_rank_try(r, cudaStreamCreateWithFlags(&r->stream, cudaStreamNonBlocking),
                      "making a stream") != 0) {
        return -1;
    }
    return cuda_rank_try_flc(r, flc_comm_attach_cuda(r->comm, device, &config));
}

void cuda_rank_stop(struct cuda_rank *r)
{
    if (r->stream != NULL) {
        (void)cudaStreamDestroy(r->stream);
        r->stream = NULL;
    }
}

/* End what runs on the stream, since a rank that it waits for does not come. */
static void abort_calls(struct cuda_rank *r)
{
    flc_comm_abort(r->comm);
    if (r->nccl_comm != NULL) {
        (void)r->nccl.comm_abort(r->nccl_comm);
        r->nccl_comm = NULL;
    }
}

static _Noreturn void give_up(const struct cuda_rank *r)
{
    char text[96];
    (void)snprintf(text, sizeof text, "the GPU did not finish within %lld ms",
                   (long long)r->wait_ms);
    rank_fail(r->meeting, r->rank, text);
    if (r->is_thread) { /* else the parent process prints it */
        (void)fprintf(stderr, "flashcomm: rank %d: %s\n", r->rank, text);
    }
    _exit(EXIT_FAILED);
}

int cuda_rank_wait(struct cuda_rank *r)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    const int64_t end_ms = timing_now_ms() + r->wait_ms;
    bool is_aborted = false;
    cudaError_t error;
    while ((error = cudaStreamQuery(r->stream)) == cudaErrorNotReady) {
        if (!is_aborted && atomic_load(&r->meeting->failed) != 0) {
            is_aborted = true;
            abort_calls(r);
        }
        if (timing_now_ms() > end_ms) {
            give_up(r);
        }
        (void)nanosleep(&pause, NULL);
    }
    if (is_aborted) {
        rank_fail(r->meeting, r->rank, "stopped, since another rank failed");
        return -1;
    }
    if (cuda_rank_try(r, error, "waiting for the GPU") != 0) {
        return -1;
    }
    return cuda_rank_try_flc(r, flc_comm_cuda_error(r->comm));
}

void *cuda_rank_allocate(const struct cuda_rank *r, size_t bytes)
{
    char what[64];
    void *memory = NULL;
    (void)snprintf(what, sizeof what, "%zu bytes of GPU memory", bytes);
    return cuda_rank_try(r, cudaMalloc(&memory, bytes), what) == 0 ? memory : NULL;
}
