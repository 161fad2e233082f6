// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Facts about ranks and their devices: p2p_facts.h.
 */
#include "transport/cuda_p2p/p2p_facts.h"

#include <string.h>

#include "base/error.h"
#include "transport/cuda_p2p/p2p_window.h"

/* Inboxes start at lines of the GPU's cache. */
#define INBOX_ALIGN 128

static flc_status check_number(const char *name, uint64_t first, uint64_t other, int rank)
{
    if (first == other) {
        return FLC_OK;
    }
    return flci_fail(FLC_ERR_MISMATCH, "attaching GPUs: %s is %llu on rank 0 and %llu on rank %d",
                     name, (unsigned long long)first, (unsigned long long)other, rank);
}

flc_status flci_p2p_facts_check(const struct flci_p2p_facts *all, int ranks)
{
    for (int rank = 1; rank < ranks; rank++) {
        const struct flci_p2p_facts *first = &all[0], *other = &all[rank];
        FLCI_TRY(check_number("the library's window layout", first->layout_bytes,
                              other->layout_bytes, rank));
        FLCI_TRY(check_number("staging_bytes", first->staging_bytes, other->staging_bytes, rank));
        FLCI_TRY(check_number("max_blocks", (uint64_t)first->max_blocks,
                              (uint64_t)other->max_blocks, rank));
        if (first->capability != other->capability) {
            return flci_fail(FLC_ERR_UNSUPPORTED,
                             "attaching GPUs: rank 0 has one of compute capability %d.%d and rank "
                             "%d one of %d.%d: all must be of one kind",
                             first->capability / 10, first->capability % 10, rank,
                             other->capability / 10, other->capability % 10);
        }
    }
    return FLC_OK;
}

int flci_p2p_is_same_process(const struct flci_p2p_facts *a, const struct flci_p2p_facts *b)
{
    return a->pid == b->pid && a->pid_namespace == b->pid_namespace;
}

int flci_p2p_is_same_device(const struct flci_p2p_facts *a, const struct flci_p2p_facts *b)
{
    return memcmp(a->uuid, b->uuid, sizeof a->uuid) == 0;
}

int flci_p2p_share(const struct flci_p2p_facts *all, int ranks)
{
    int least = 0;
    for (int rank = 0; rank < ranks; rank++) {
        int sharers = 0, share;
        for (int other = 0; other < ranks; other++) {
            sharers += flci_p2p_is_same_device(&all[rank], &all[other]);
        }
        share = all[rank].multiprocessors / sharers;
        least = rank == 0 || share < least ? share : least;
    }
    return least > 0 ? least : 1;
}

uint64_t flci_p2p_inbox_bytes(uint64_t staging_bytes, int ranks)
{
    return staging_bytes / (2 * ((uint64_t)ranks - 1)) / INBOX_ALIGN * INBOX_ALIGN;
}
