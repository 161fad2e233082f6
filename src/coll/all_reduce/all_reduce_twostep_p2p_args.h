// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the kernels of the fused two-step all-reduce are told, and which there are.
 */
#ifndef FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_ARGS_H
#define FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_ARGS_H

#include "codec/cuda/layout.h"
#include "codec/cuda/unit_formats.h"
#include "coll/all_reduce/all_reduce_twostep_p2p.h"
#include "coll/all_reduce/all_reduce_twostep_p2p_grid.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FLCI_TWOSTEP_WORKERS 4 /* warps of a thread block that code; one more signals */
#define FLCI_TWOSTEP_THREADS (32 * (FLCI_TWOSTEP_WORKERS + 1))

/* Dynamic shared memory of the slow kernel, bytes. */
#define FLCI_TWOSTEP_ANY_SHARED (FLCI_TWOSTEP_WORKERS * 54784)

struct flci_twostep_p2p_args {
    struct flci_p2p_window window;
    const uint8_t *send;
    uint8_t *recv;
    uint64_t count;
    uint32_t chunk_blocks, longer_chunks; /* blocks of a chunk; so many first ones have one more */
    int32_t short_owner;    /* rank whose chunk ends with a block that is not full; -1: none */
    uint32_t longest_chunk; /* blocks */
    uint32_t reduce_lag, gather_lag; /* steps from sending to summing, and to gathering */
    uint32_t flag_steps;             /* a power of two: steps that a flag tells of */
    uint32_t metadata_bytes;         /* of a block, gathered in shared memory; 0: not gathered */
    uint32_t signature;              /* of the call: what all ranks must agree on */
    flc_type type;
    uint32_t flags;
    float divisor; /* 1 for sums */
    struct flcd_layout reduce, gather;
};

/* The fast kernel of a width, 0 raw, for a number of ranks; NULL where there is none. One function
   for each width that the library was built with. */
typedef const void *flci_twostep_p2p_kernel(enum flcd_codec codec, flc_type type, int ranks);
flci_twostep_p2p_kernel flci_twostep_p2p_kernel_0, flci_twostep_p2p_kernel_1,
    flci_twostep_p2p_kernel_2, flci_twostep_p2p_kernel_3, flci_twostep_p2p_kernel_4,
    flci_twostep_p2p_kernel_5, flci_twostep_p2p_kernel_6, flci_twostep_p2p_kernel_7,
    flci_twostep_p2p_kernel_8;

/* The slow one, of any formats. */
const void *flci_twostep_p2p_kernel_any(void);

#ifdef __cplusplus
}
#endif

#endif
