// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the command does on GPUs, for the parts of it that know no CUDA: a table of functions,
 * which builds without FLC_CUDA lack (cuda_none.c).
 *
 * No function here but the probe may be called before ranks are started: a process that has used
 * CUDA cannot be forked into ranks.
 */
#ifndef CUDA_TOOLS_H
#define CUDA_TOOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "flashcomm/flashcomm.h"
#include "tool_failure.h"

#define CUDA_MAX_GPUS 16

struct cuda_gpu {
    char name[64];
    size_t memory_bytes;
    int multiprocessors;
    int capability;              /* 10 major + minor */
    bool reaches[CUDA_MAX_GPUS]; /* peer access to that GPU, as the driver says */
};

/* What CUDA finds on this machine. */
struct cuda_machine {
    int count; /* GPUs, CUDA_MAX_GPUS at most */
    struct cuda_gpu gpus[CUDA_MAX_GPUS];
    char driver[64]; /* version of the kernel driver, and of CUDA that it supports */
    char runtime[16];
    char nccl[32];      /* version, "" where it was not found or not asked for */
    char nccl_why[256]; /* why it was not found, else "" */
    char why_none[256]; /* why there is no GPU, where `count` is 0 */
};

struct cuda_tools {
    /* Look at the machine from a process of its own. 0, or -1 with a sentence. */
    int (*probe)(bool with_nccl, struct cuda_machine *machine, struct failure *failure);

    /* What a rank does: for rank_launch, with the contexts of perf_rank.h and run_ranks.h. */
    void (*perf_rank)(const void *context, flc_comm *comm);
    void (*run_rank)(const void *context, flc_comm *comm);
};

/* NULL in builds without CUDA. */
const struct cuda_tools *cuda_tools(void);

#endif
