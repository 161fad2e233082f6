// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Calls too large for the host: filled, and compared between ranks, on the GPU; the oracle judges a
 * sample of their blocks.
 */
#ifndef STRESS_LARGE_H
#define STRESS_LARGE_H

#include "cuda_call.h"
#include "cuda_team.h"

struct stress_large {
    struct cuda_team *team;
    size_t elems_max;
    uint8_t *send[FLC_CUDA_MAX_RANKS], *recv[FLC_CUDA_MAX_RANKS]; /* on the rank's GPU */
    uint64_t *sums[FLC_CUDA_MAX_RANKS];                           /* [3] */
};

void stress_large_open(struct stress_large *large, struct cuda_team *team, size_t elems_max);
void stress_large_close(struct stress_large *large);

/* Make the call, with data of random_elem.h; 0 when all is right, 1 with lines otherwise, -1 where
   the communicators reported an error. */
int stress_large_run(struct stress_large *large, const struct cuda_call *call);

#endif
