// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A communicator's GPU, as the files of the CUDA interface share it: attaching is in
 * cuda_attach.c, collectives are in cuda_collectives.c.
 */
#ifndef FLCI_API_CUDA_H
#define FLCI_API_CUDA_H

#include "api/comm.h"
#include "flashcomm/with_cuda.h"
#include "transport/cuda_p2p/p2p.h"

struct flci_cuda {
    struct flci_attached base;
    struct flci_p2p p2p;
};

/* The communicator's GPU; NULL where none is attached. */
static inline struct flci_cuda *flci_cuda_of(flc_comm *comm)
{
    return (struct flci_cuda *)atomic_load(&comm->attached);
}

#endif
