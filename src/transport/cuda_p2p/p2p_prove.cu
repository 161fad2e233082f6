// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The kernel that proves that stores reach the peers: p2p.h.
 */
#include <cuda_runtime_api.h>

#include "transport/cuda_p2p/p2p.h"

/* One thread for each peer and stage. */
static __global__ void prove(struct flci_p2p_window window)
{
    const int peer = (int)threadIdx.x / 2, stage = (int)threadIdx.x % 2;
    if (peer < window.ranks && peer != window.rank) {
        const uint64_t at =
            flci_p2p_inbox_at(window.ranks, window.inbox_bytes, stage, peer, window.rank);
        uint32_t *word = (uint32_t *)(window.bases[peer] + at);
        *(volatile uint32_t *)word = flci_p2p_proof(window.rank, peer);
    }
    __threadfence_system();
}

int flci_p2p_prove_launch(const struct flci_p2p_window *window, struct CUstream_st *stream)
{
    prove<<<1, 2 * FLCI_P2P_MAX_RANKS, 0, stream>>>(*window);
    return (int)cudaGetLastError();
}
