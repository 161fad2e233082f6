// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What ranks tell each other while they attach GPUs, and what follows from it: pure functions,
 * which give the same answer on every rank.
 */
#ifndef FLCI_TRANSPORT_CUDA_P2P_P2P_FACTS_H
#define FLCI_TRANSPORT_CUDA_P2P_P2P_FACTS_H

#include <stdint.h>

#include "flashcomm/status.h"

#define FLCI_P2P_SENTENCE_BYTES 320

struct flci_p2p_facts {
    uint64_t magic; /* FLCI_P2P_MAGIC: no message of a collective starts with it */
    int32_t status; /* of this rank so far: if it is not OK, all end here */
    char sentence[FLCI_P2P_SENTENCE_BYTES]; /* why */
    /* Who it is. */
    int64_t pid;
    uint64_t pid_namespace; /* one process id may stand for two processes in two of them */
    uint8_t uuid[16];       /* of the device */
    int32_t device;         /* ordinal in its process */
    int32_t multiprocessors;
    /* What must be the same on all ranks. */
    int32_t capability; /* compute capability, 10 major + minor */
    int32_t max_blocks;
    uint64_t staging_bytes;
    uint64_t layout_bytes; /* FLCI_P2P_INBOXES_AT: of libraries that fit together */
    /* Its window. */
    uint64_t base; /* its address in its process */
    uint64_t window_bytes;
    uint8_t ipc_handle[64];
    int32_t is_refused;      /* a handle could not be made, or a peer's not opened */
    uint8_t socket_name[16]; /* abstract; of this length: */
    uint32_t socket_name_bytes;
};

#define FLCI_P2P_MAGIC UINT64_C(0x2b7032702d636c66)

/* Whether all can work together: MISMATCH, or UNSUPPORTED for devices of different kinds, names
   the ranks, the fact and its two values. */
flc_status flci_p2p_facts_check(const struct flci_p2p_facts *all, int ranks);

int flci_p2p_is_same_process(const struct flci_p2p_facts *a, const struct flci_p2p_facts *b);
int flci_p2p_is_same_device(const struct flci_p2p_facts *a, const struct flci_p2p_facts *b);

/* Multiprocessors of a rank's share of its device, the least of all ranks: at least 1. */
int flci_p2p_share(const struct flci_p2p_facts *all, int ranks);

/* Bytes of an inbox where all inboxes together take up to `staging_bytes`; two ranks or more. */
uint64_t flci_p2p_inbox_bytes(uint64_t staging_bytes, int ranks);

#endif
