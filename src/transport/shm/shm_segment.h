// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The shared segment, and the parts of the shm transport that work on it: shm.c moves messages,
 * shm_wait.c waits. Processes get hold of it in shm_meet.h.
 *
 *   +---------+------------------+--------------------------+------------------------------------+
 *   | segment | rank[ranks]      | pair[ranks][ranks]       | slots [ranks][ranks][2]            |
 *   | failure | doorbell, state  | counters of source, dest | of source, lane; slot_bytes each   |
 *   +---------+------------------+--------------------------+------------------------------------+
 *
 * A rank never sends to itself: its lane towards itself is the lane towards all.
 *
 * Memory order. A sender fills a slot, then stores `posted` (release); the receiver loads it
 * (acquire) and reads the slot. The receiver stores `consumed` (release) after its last read; the
 * sender loads it (acquire) before it fills that slot again. Counters are 32-bit and wrap: they
 * are compared by difference, which the slots keep at 4 or less: two messages to one, two to all.
 */
#ifndef FLCI_TRANSPORT_SHM_SEGMENT_H
#define FLCI_TRANSPORT_SHM_SEGMENT_H

#include <stdatomic.h>

#include "transport/shm/shm.h"

#define FLCI_SHM_SLOTS  2
#define FLCI_CACHE_LINE 64

struct flci_shm_rank {
    _Alignas(FLCI_CACHE_LINE) _Atomic uint32_t doorbell; /* futex: rung whenever a peer posts,
                                                            releases, leaves or fails */
    _Atomic uint32_t is_sleeping;
    _Atomic uint32_t has_left;
    _Atomic uint32_t finished;     /* collectives */
    _Atomic int64_t waiting_at_us; /* when it last looked at what it waits for; 0: it does not */
    _Atomic int32_t pid;
};

struct flci_shm_pair {
    /* Written by the source: its messages to this dest, alone or to all, and for each of the last
       ones whether it went to all. */
    _Alignas(FLCI_CACHE_LINE) _Atomic uint32_t posted;
    uint8_t is_to_all[2 * FLCI_SHM_SLOTS];
    /* Written by the dest: what it has read of either kind. */
    _Alignas(FLCI_CACHE_LINE) _Atomic uint32_t consumed;
    _Atomic uint32_t consumed_to_all;
};

struct flci_shm_segment {
    _Atomic uint64_t failure;    /* 0, or see flci_shm_record */
    _Atomic uint32_t references; /* of transports in one process that share the mapping */
    struct flci_shm_rank rank[];
};

struct flci_shm {
    struct flci_transport base; /* first: ops get a pointer to it */
    struct flci_shm_segment *segment;
    size_t segment_bytes;
    struct flci_shm_pair *pairs;
    uint8_t *slots;
    int64_t timeout_us;
    int64_t checked_at_us;            /* when peers' lives were last looked at */
    int spins;                        /* looks at a counter before sleeping */
    int is_local;                     /* all ranks in this process */
    int pidfds[FLC_MAX_RANKS];        /* readable once the peer is dead; -1: none */
    uint32_t sent[FLC_MAX_RANKS];     /* by lane */
    uint32_t posted[FLC_MAX_RANKS];   /* by dest, of both kinds */
    uint32_t received[FLC_MAX_RANKS]; /* by source, of both kinds */
    uint32_t received_to_all[FLC_MAX_RANKS];
};

static inline struct flci_shm_pair *flci_shm_pair_of(struct flci_shm *shm, int source, int dest)
{
    return &shm->pairs[source * shm->base.ranks + dest];
}

/* Bytes of a segment. */
size_t flci_shm_segment_bytes(int ranks, size_t slot_bytes);

/* Wait until `counter`, which rank `peer` advances, has reached `target`. */
flc_status flci_shm_wait(struct flci_shm *shm, int peer, const _Atomic uint32_t *counter,
                         uint32_t target);

/* Wake a rank, or every rank. */
void flci_shm_ring(struct flci_shm *shm, int rank);
void flci_shm_ring_all(struct flci_shm *shm);

/* Make a failure the communicator's, unless there is one already; wakes everyone. */
void flci_shm_record(struct flci_shm *shm, flc_status status, int culprit);

/* The communicator's failure if there is one, told in base.fault; else OK. */
flc_status flci_shm_failure(struct flci_shm *shm);

#endif
