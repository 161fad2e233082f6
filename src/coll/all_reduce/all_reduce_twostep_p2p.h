// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The fused two-step all-reduce over peer-mapped device memory: how it is called.
 */
#ifndef FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_H
#define FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_H

#include <cuda_runtime_api.h>

#include "flashcomm/flashcomm.h"
#include "transport/cuda_p2p/p2p.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One call, its arguments checked; two ranks or more, one element or more. */
struct flci_all_reduce_p2p {
    const void *send;
    void *recv;
    size_t count;
    flc_type type;
    flc_op op;
    flc_format reduce, gather;
    uint32_t flags;
};

/*
 * Load every kernel onto the device, which must be current: later, under a kernel that waits for
 * this rank, loading would never end. Errors: CUDA.
 */
flc_status flci_all_reduce_p2p_load(const struct flci_p2p *p2p);

/* Enqueue the call; the rank's device must be current. Errors: CUDA, UNSUPPORTED. */
flc_status flci_all_reduce_p2p_launch(const struct flci_p2p *p2p,
                                      const struct flci_all_reduce_p2p *call, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
