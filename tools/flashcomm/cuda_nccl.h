// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * NCCL, opened at run time: the library that FLC_NCCL_LIB names, else libnccl.so.2. Only what
 * the baseline of `flashcomm perf` calls, with prototypes of our own, so that its header is not
 * needed.
 */
#ifndef CUDA_NCCL_H
#define CUDA_NCCL_H

#include <cuda_runtime_api.h>

#include "flashcomm/flashcomm.h"
#include "tool_failure.h"

#define CUDA_NCCL_ID_BYTES 128

/* NCCL's own types, by what a caller sees of them. */
struct cuda_nccl_id {
    char bytes[CUDA_NCCL_ID_BYTES];
};
struct ncclComm;

struct cuda_nccl {
    void *library;
    int (*get_version)(int *version);
    const char *(*get_error_string)(int result);
    int (*get_unique_id)(struct cuda_nccl_id *id);
    int (*comm_init_rank)(struct ncclComm **comm, int ranks, struct cuda_nccl_id id, int rank);
    int (*comm_destroy)(struct ncclComm *comm);
    int (*comm_abort)(struct ncclComm *comm);
    int (*all_reduce)(const void *send, void *recv, size_t count, int type, int op,
                      struct ncclComm *comm, cudaStream_t stream);
};

/* 0, or -1 with a sentence. It is never closed: NCCL has threads of its own. */
int cuda_nccl_open(struct cuda_nccl *nccl, struct failure *failure);

/* "2.28.9" */
void cuda_nccl_version(const struct cuda_nccl *nccl, char *text, size_t text_bytes);

/* Of ncclDataType_t and ncclRedOp_t. */
int cuda_nccl_type(flc_type type);
int cuda_nccl_op(flc_op op);

#endif
