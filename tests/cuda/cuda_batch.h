// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Calls made back to back on one stream a rank, without synchronization between them, in several
 * rounds with other inputs, and a judge who compares every byte of every rank's memory afterwards.
 */
#ifndef CUDA_BATCH_H
#define CUDA_BATCH_H

#include "cuda_call.h"
#include "cuda_team.h"

#define CUDA_CALLS_MAX 64

/* Write what a call must give, from all ranks' images of a round; called from several threads. */
typedef void cuda_oracle(const struct cuda_call *call, int ranks, uint8_t *const *images,
                         void *result);

struct cuda_batch {
    struct cuda_call call[CUDA_CALLS_MAX];
    int count;
    int rounds;
    int is_graph;        /* captured once, replayed in every round */
    int is_shared;       /* all calls use one pair of buffers, copied to and from between them */
    size_t bytes;        /* of the image */
    cuda_oracle *oracle; /* NULL: flc_all_reduce on the CPU */
    const char *note;    /* for messages */
};

/* Append a call; 0 where there is no room for it. */
int cuda_batch_add(struct cuda_batch *batch, const struct cuda_team *team, struct cuda_call call);

/* Run and judge; how many pairs of call and round failed, each printed (the first few); -1 where
   the communicators reported an error. */
int cuda_batch_run(struct cuda_team *team, const struct cuda_batch *batch);

/* Compare what the rounds left with what they should have; for cuda_batch_run. */
int cuda_batch_judge(struct cuda_team *team, const struct cuda_batch *batch);

/* Run task(i, context) for i from 0 to count - 1 on all cores. */
void cuda_parallel(size_t count, void (*task)(size_t i, void *context), void *context);

#endif
