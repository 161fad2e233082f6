// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The device memory through which ranks of one host reach each other, as C and kernels see it.
 *
 * Every rank owns a window that all peers have mapped. Peers write into it and only its owner
 * reads it: remote stores await no answer. Flags only grow, and their base lives in the window
 * (epochs), so that a replayed graph goes on where the last call ended.
 *
 *   0             flags   [stage 2][source 8][block]   FLCI_P2P_FLAG_STRIDE bytes each
 *   epochs_at     epochs  [block] uint32_t: steps that the block has finished; the owner's alone
 *   state_at      struct flci_p2p_state
 *   scratch_at    FLCI_P2P_SCRATCH_BYTES for the one block of a tensor that may be short
 *   inboxes_at    inboxes [stage 2][source: peers in rank order] of inbox_bytes each
 */
#ifndef FLCI_TRANSPORT_CUDA_P2P_P2P_WINDOW_H
#define FLCI_TRANSPORT_CUDA_P2P_P2P_WINDOW_H

#include <stdint.h>

#include "base/host_device.h"

#define FLCI_P2P_MAX_RANKS     8
#define FLCI_P2P_MAX_BLOCKS    1024 /* thread blocks of a kernel */
#define FLCI_P2P_FLAG_STRIDE   32   /* a sector each: a flag's store disturbs no other's reader */
#define FLCI_P2P_SCRATCH_BYTES 65536

#define FLCI_P2P_EPOCHS_AT                                                                         \
    (2 * FLCI_P2P_MAX_RANKS * FLCI_P2P_MAX_BLOCKS * (uint64_t)FLCI_P2P_FLAG_STRIDE)
#define FLCI_P2P_STATE_AT   (FLCI_P2P_EPOCHS_AT + FLCI_P2P_MAX_BLOCKS * 4)
#define FLCI_P2P_SCRATCH_AT (FLCI_P2P_STATE_AT + 128)
#define FLCI_P2P_INBOXES_AT (FLCI_P2P_SCRATCH_AT + FLCI_P2P_SCRATCH_BYTES)

/* In the window; zero at first. */
struct flci_p2p_state {
    uint32_t told;   /* not 0: a peer failed, or the host; an flc_status, negated */
    uint32_t failed; /* not 0: this rank has; claimed once, by whoever tells the host. No wait of
                        this communicator goes on after either */
    uint32_t calls;  /* kernels that ended */
};

/* In pinned host memory, one for each rank; zero at first. */
struct flci_p2p_report {
    uint32_t is_aborted; /* set by the host: kernels stop waiting */
    uint32_t status;     /* set last, by the kernel: an flc_status, negated */
    uint32_t rank;       /* the peer that was waited for */
    uint32_t stage;      /* 0: its contribution, 1: its sum */
    uint32_t call;       /* which kernel on this communicator, from 1 */
};

/* What a kernel is told; passed by value. */
struct flci_p2p_window {
    int32_t rank, ranks;
    uint64_t inbox_bytes; /* a multiple of 128 */
    uint64_t timeout_ns;
    uint8_t *bases[FLCI_P2P_MAX_RANKS]; /* [ranks], by rank, one's own included */
    struct flci_p2p_report *report;     /* the device's address of it */
};

/* Number of source `from` among the inboxes of rank `to`. */
FLCI_HD uint32_t flci_p2p_inbox_index(int to, int from)
{
    return (uint32_t)(from < to ? from : from - 1);
}

FLCI_HD uint64_t flci_p2p_inbox_at(int ranks, uint64_t inbox_bytes, int stage, int to, int from)
{
    return FLCI_P2P_INBOXES_AT +
           ((uint64_t)stage * (uint64_t)(ranks - 1) + flci_p2p_inbox_index(to, from)) * inbox_bytes;
}

FLCI_HD uint64_t flci_p2p_flag_at(int stage, int from, uint32_t block)
{
    return (((uint64_t)stage * FLCI_P2P_MAX_RANKS + (uint64_t)from) * FLCI_P2P_MAX_BLOCKS + block) *
           FLCI_P2P_FLAG_STRIDE;
}

FLCI_HD uint64_t flci_p2p_window_bytes(int ranks, uint64_t inbox_bytes)
{
    return FLCI_P2P_INBOXES_AT + 2 * (uint64_t)(ranks - 1) * inbox_bytes;
}

#endif
