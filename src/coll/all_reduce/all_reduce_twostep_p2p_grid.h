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
    uint64_t blocks; /* of the buffer, 1 or more */
    int ranks;
    uint32_t stride; /* bytes of a block in an inbox */
    uint64_t inbox_bytes;
    int resident;         /* thread blocks that can run at the same time */
    int max_blocks;       /* at most so many of them; 0: no limit */
    uint32_t tile_blocks; /* wanted; 0: automatic */
};

struct flci_twostep_grid {
    uint32_t tile_blocks, tiles;
    uint32_t thread_blocks;
};

/* Slots of a tile that a thread block has in every inbox. */
#define FLCI_TWOSTEP_SLOTS 8

/* Blocks of a chunk in a tile, at most: a flag for 16 thousand elements costs little, and what
   all ranks' chunks put in flight stays the same. */
static inline uint32_t flci_twostep_largest_tile(int ranks)
{
    return ranks <= 2 ? 4 : ranks <= 4 ? 2 : 1;
}

static inline struct flci_twostep_grid flci_twostep_grid(const struct flci_twostep_space *space)
{
    const uint64_t chunk =
        (space->blocks + (uint64_t)space->ranks - 1) / (uint64_t)space->ranks; /* the longest */
    struct flci_twostep_grid grid;
    uint64_t most = (uint64_t)space->resident;
    uint64_t fitting;
    most = most < FLCI_P2P_MAX_BLOCKS ? most : FLCI_P2P_MAX_BLOCKS;
    if (space->max_blocks > 0 && most > (uint64_t)space->max_blocks) {
        most = (uint64_t)space->max_blocks;
    }
    /* Small messages: smaller tiles before fewer thread blocks. */
    grid.tile_blocks =
        space->tile_blocks > 0 ? space->tile_blocks : flci_twostep_largest_tile(space->ranks);
    while (space->tile_blocks == 0 && grid.tile_blocks > 1 && chunk / grid.tile_blocks < most) {
        grid.tile_blocks /= 2;
    }
    fitting = space->inbox_bytes / ((uint64_t)FLCI_TWOSTEP_SLOTS * grid.tile_blocks * space->stride);
    while (fitting < most && grid.tile_blocks > 1) {
        grid.tile_blocks /= 2;
        fitting =
            space->inbox_bytes / ((uint64_t)FLCI_TWOSTEP_SLOTS * grid.tile_blocks * space->stride);
    }
    most = fitting < most ? fitting : most;
    most = most > 0 ? most : 1;
    grid.tiles = (uint32_t)((chunk + grid.tile_blocks - 1) / grid.tile_blocks);
    /* As many for each, where it can be had. */
    grid.thread_blocks = (uint32_t)((grid.tiles + most - 1) / most);
    grid.thread_blocks = (grid.tiles + grid.thread_blocks - 1) / grid.thread_blocks;
    return grid;
}

#endif
