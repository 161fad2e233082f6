// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How the fused two-step all-reduce is laid out over thread blocks: pure arithmetic, the same on
 * all ranks.
 */
#ifndef FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_GRID_H
#define FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_GRID_H

#include <stdint.h>

#include "transport/cuda_p2p/p2p_window.h"

struct flci_twostep_space {
    uint64_t chunk_blocks; /* of the longest chunk, 1 or more */
    uint32_t stride;       /* bytes of a block in an inbox */
    uint64_t inbox_bytes;
    int sms;
    int resident;   /* thread blocks that can run at the same time */
    int max_blocks; /* at most so many of them; 0: no limit */
};

/* Blocks that a thread block has in every inbox: a power of two. */
#define FLCI_TWOSTEP_SLOTS 16

/* Thread blocks: as many as can run and as inboxes have room for, but no more than one a
   multiprocessor before each has two steps, and so that all have as many, where it can be had. */
static inline uint32_t flci_twostep_thread_blocks(const struct flci_twostep_space *space)
{
    const uint64_t fitting = space->inbox_bytes / ((uint64_t)FLCI_TWOSTEP_SLOTS * space->stride);
    uint64_t most = (uint64_t)space->resident, steps;
    most = most < FLCI_P2P_MAX_BLOCKS ? most : FLCI_P2P_MAX_BLOCKS;
    most = space->max_blocks > 0 && most > (uint64_t)space->max_blocks ? (uint64_t)space->max_blocks
                                                                       : most;
    most = fitting < most ? fitting : most;
    if (most > (uint64_t)space->sms && most > (space->chunk_blocks + 1) / 2) {
        most = (space->chunk_blocks + 1) / 2;
        most = most > (uint64_t)space->sms ? most : (uint64_t)space->sms;
    }
    most = most > 0 ? most : 1;
    steps = (space->chunk_blocks + most - 1) / most;
    return (uint32_t)((space->chunk_blocks + steps - 1) / steps);
}

#endif
