// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Peer-mapped device memory of a communicator's ranks: allocation, mapping, proof by use, and the
 * errors that kernels report. It moves no bytes itself: fused kernels do.
 */
#ifndef FLCI_TRANSPORT_CUDA_P2P_P2P_H
#define FLCI_TRANSPORT_CUDA_P2P_P2P_H

#include "flashcomm/status.h"
#include "transport/cuda_p2p/p2p_window.h"

struct flci_p2p {
    struct flci_p2p_window window; /* complete once the rank is attached */
    int device;                    /* ordinal in this process */
    int sms; /* multiprocessors of this rank's share of its device: the least of all ranks, so
                that all launch the same grid; a device that n ranks share counts 1/n */
    int capability; /* compute capability, 10 major + minor: the same on all ranks */
    int max_blocks; /* limit on thread blocks of a kernel, 0: none; the same on all ranks */
    /* The rest is the transport's own. */
    struct flci_p2p_mapping *mappings;
    struct flci_p2p_report *report; /* the host's address */
};

#endif
