// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Collectives on device memory, enqueued on a CUDA stream. In libraries built with FLC_CUDA.
 *
 * A communicator of one host is made as always (flashcomm.h), then each rank attaches a GPU. Calls
 * on device memory return once they are enqueued; they allocate nothing and do not synchronize, so
 * they can be captured in a CUDA graph and replayed. Ranks may be threads or processes, and may
 * share a GPU (for tests: as threads).
 *
 * Before flc_comm_destroy, every rank must have synchronized with its calls, and know that all
 * others have: the memory that goes is what peers write to. Where a peer's call has failed or been
 * aborted this holds once its stream has been synchronized with, which ends within the time-out.
 */
#ifndef FLASHCOMM_WITH_CUDA_H
#define FLASHCOMM_WITH_CUDA_H

#include <cuda_runtime_api.h>

#include "flashcomm/flashcomm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Ranks of a communicator that has GPUs attached, at most. */
#define FLC_CUDA_MAX_RANKS 8

/* Start from FLC_CUDA_CONFIG_INIT. Must be the same on every rank. */
typedef struct flc_cuda_config {
    size_t struct_bytes;  /* sizeof(flc_cuda_config) */
    size_t staging_bytes; /* device memory a rank for what its peers send it, allocated when the GPU
                             is attached; 0: FLC_CUDA_STAGING_BYTES */
    int max_blocks;       /* thread blocks of a collective's kernel, at most: leaves multiprocessors
                             to other work; 0: as many as fit */
} flc_cuda_config;

#define FLC_CUDA_CONFIG_INIT                                                                       \
    {                                                                                              \
        sizeof(flc_cuda_config), 0, 0                                                              \
    }

/*
 * Attach a GPU to this rank of a communicator. Collective: blocks until all ranks called it.
 *
 *   device  ordinal of the GPU in this process; the calling thread's current device stays as it
 *           is. Make `device` current before, where no other GPU is to get a context
 *   config  NULL: the defaults
 *
 * Peer access is proven by writing to every peer and reading back, not by asking for it. Where one
 * rank fails, all ranks get its status and sentence, and the communicator goes on as it was.
 * Errors: INVALID_ARG (device, config, a GPU is attached already), UNSUPPORTED (more than
 *         FLC_CUDA_MAX_RANKS ranks, GPUs of different kinds, no peer access between two of them),
 *         MISMATCH (configurations or calls differ), NO_MEMORY, CUDA, SYSTEM, and those of a
 *         collective.
 * Since 0.1.
 */
FLC_API flc_status flc_comm_attach_cuda(flc_comm *comm, int device, const flc_cuda_config *config);

/*
 * The same for all ranks of flc_comm_create_local, from one thread.
 *
 *   comms    [ranks] of one flc_comm_create_local, comms[r] being rank r's
 *   devices  [ranks] rank r's GPU
 *
 * Since 0.1.
 */
FLC_API flc_status flc_comm_attach_cuda_local(int ranks, flc_comm *const *comms, const int *devices,
                                              const flc_cuda_config *config);

/*
 * As flc_all_reduce, on device memory, in the order of `stream`.
 *
 *   send, recv  device memory of this rank's GPU: any allocation, any alignment of whole elements
 *   stream      of this rank's GPU; one after another if several are used: calls of one
 *               communicator must not run at the same time
 *
 * The bits are those of flc_all_reduce with the algorithm twostep, which is the only one: others
 * are UNSUPPORTED. A count of 0 enqueues nothing. flc_comm_last_call has no stats of it. Errors of
 * arguments, such as a pointer to host memory, are returned at once; what goes wrong in the kernel
 * (TIMEOUT, MISMATCH, ABORTED) ends it, and is returned by flc_comm_cuda_error and by later calls.
 * Since 0.1.
 */
FLC_API flc_status flc_all_reduce_cuda(flc_comm *comm, const void *send, void *recv, size_t count,
                                       flc_type type, flc_op op, const flc_coll_config *config,
                                       cudaStream_t stream);

/*
 * What kernels of this communicator have reported so far; does not wait for them. After an error
 * the communicator can only be destroyed, and what the calls since the last synchronization
 * received is unspecified. flc_last_error(comm) names rank, phase and call. Since 0.1.
 */
FLC_API flc_status flc_comm_cuda_error(flc_comm *comm);

#ifdef __cplusplus
}
#endif

#endif
