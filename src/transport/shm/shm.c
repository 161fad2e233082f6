// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The shm transport: making the segment, moving messages, leaving. shm_segment.h has the picture
 * and the memory-ordering argument.
 */
#define _GNU_SOURCE
#include "transport/shm/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/shm/shm_meet.h"
#include "transport/shm/shm_segment.h"

/* About 20 us of looking before sleeping, which costs as much; hardly any when ranks outnumber the
   processors and the peer needs this one to run. */
#define SPINS_ALONE   1000
#define SPINS_CROWDED 20

#define PAGE_BYTES    4096u

static struct flci_shm *shm_of(struct flci_transport *transport)
{
    return (struct flci_shm *)transport;
}

static size_t align_page(size_t bytes)
{
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static size_t header_bytes(int ranks)
{
    return sizeof(struct flci_shm_segment) + (size_t)ranks * sizeof(struct flci_shm_rank);
}

static size_t slots_offset(int ranks)
{
    return align_page(header_bytes(ranks) +
                      (size_t)ranks * (size_t)ranks * sizeof(struct flci_shm_pair));
}

size_t flci_shm_segment_bytes(int ranks, size_t slot_bytes)
{
    return slots_offset(ranks) +
           align_page((size_t)ranks * (size_t)ranks * FLCI_SHM_SLOTS * slot_bytes);
}

static uint8_t *slot_at(struct flci_shm *shm, int source, int lane, uint32_t message)
{
    const size_t lanes = (size_t)(source * shm->base.ranks + lane);
    return shm->slots + (lanes * FLCI_SHM_SLOTS + message % FLCI_SHM_SLOTS) * shm->base.slot_bytes;
}

/* ---- Messages ---- */

static flc_status begin(struct flci_transport *transport, int to, uint8_t **slot)
{
    struct flci_shm *shm = shm_of(transport);
    const int me = transport->rank, lane = to == FLCI_TO_ALL ? me : to;
    const uint32_t oldest = shm->sent[lane] - FLCI_SHM_SLOTS + 1;
    FLCI_TRY(flci_shm_failure(shm));
    for (int dest = 0; dest < transport->ranks; dest++) {
        const struct flci_shm_pair *pair = flci_shm_pair_of(shm, me, dest);
        if (dest == me || (to != FLCI_TO_ALL && dest != to)) {
            continue;
        }
        FLCI_TRY(flci_shm_wait(
            shm, dest, to == FLCI_TO_ALL ? &pair->consumed_to_all : &pair->consumed, oldest));
    }
    *slot = slot_at(shm, me, lane, shm->sent[lane]);
    return FLC_OK;
}

static void post(struct flci_transport *transport, int to)
{
    struct flci_shm *shm = shm_of(transport);
    const int me = transport->rank, is_to_all = to == FLCI_TO_ALL;
    shm->sent[is_to_all ? me : to]++;
    for (int dest = 0; dest < transport->ranks; dest++) {
        struct flci_shm_pair *pair = flci_shm_pair_of(shm, me, dest);
        if (dest == me || (!is_to_all && dest != to)) {
            continue;
        }
        pair->is_to_all[shm->posted[dest] % (2 * FLCI_SHM_SLOTS)] = (uint8_t)is_to_all;
        atomic_store(&pair->posted, ++shm->posted[dest]);
        flci_shm_ring(shm, dest);
    }
}

/* Whether the next message of `from`, which has arrived, went to all. */
static int next_is_to_all(struct flci_shm *shm, int from)
{
    return flci_shm_pair_of(shm, from, shm->base.rank)
        ->is_to_all[shm->received[from] % (2 * FLCI_SHM_SLOTS)];
}

static flc_status receive(struct flci_transport *transport, int from, const uint8_t **slot)
{
    struct flci_shm *shm = shm_of(transport);
    const int me = transport->rank;
    FLCI_TRY(flci_shm_wait(shm, from, &flci_shm_pair_of(shm, from, me)->posted,
                           shm->received[from] + 1));
    *slot = next_is_to_all(shm, from)
                ? slot_at(shm, from, from, shm->received_to_all[from])
                : slot_at(shm, from, me, shm->received[from] - shm->received_to_all[from]);
    return FLC_OK;
}

static void release(struct flci_transport *transport, int from)
{
    struct flci_shm *shm = shm_of(transport);
    struct flci_shm_pair *pair = flci_shm_pair_of(shm, from, transport->rank);
    if (next_is_to_all(shm, from)) {
        atomic_store(&pair->consumed_to_all, ++shm->received_to_all[from]);
        shm->received[from]++;
    } else {
        shm->received[from]++;
        atomic_store(&pair->consumed, shm->received[from] - shm->received_to_all[from]);
    }
    flci_shm_ring(shm, from);
}

static void finish(struct flci_transport *transport)
{
    atomic_fetch_add(&shm_of(transport)->segment->rank[transport->rank].finished, 1);
}

static void fail(struct flci_transport *transport, flc_status status, int culprit)
{
    flci_shm_record(shm_of(transport), status, culprit);
}

/* ---- Opening and leaving ---- */

static void unmap(struct flci_shm *shm)
{
    if (atomic_fetch_sub(&shm->segment->references, 1) == 1 || !shm->is_local) {
        (void)munmap(shm->segment, shm->segment_bytes);
    }
}

static void leave(struct flci_transport *transport)
{
    struct flci_shm *shm = shm_of(transport);
    atomic_store(&shm->segment->rank[transport->rank].has_left, 1);
    flci_shm_ring_all(shm);
    for (int rank = 0; rank < transport->ranks; rank++) {
        if (shm->pidfds[rank] >= 0) {
            (void)close(shm->pidfds[rank]);
        }
    }
    unmap(shm);
    free(shm);
}

const struct flci_transport_ops flci_shm_ops = {
    .name = "shm",
    .summary = "shared memory of one host, between processes or threads",
    .begin = begin,
    .post = post,
    .receive = receive,
    .release = release,
    .finish = finish,
    .fail = fail,
    .close = leave,
};

/* A rank's transport without a segment; NULL when out of memory. */
static struct flci_shm *new_shm(const struct flci_join *join, int rank, size_t slot_bytes)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct flci_shm *shm = calloc(1, sizeof *shm);
    if (shm == NULL) {
        (void)flci_fail(FLC_ERR_NO_MEMORY, "no memory for a transport of %d ranks", join->ranks);
        return NULL;
    }
    shm->base = (struct flci_transport){
        .ops = &flci_shm_ops, .rank = rank, .ranks = join->ranks, .slot_bytes = slot_bytes};
    shm->timeout_us = join->timeout_ms * 1000;
    shm->spins = join->ranks <= processors ? SPINS_ALONE : SPINS_CROWDED;
    for (int peer = 0; peer < FLC_MAX_RANKS; peer++) {
        shm->pidfds[peer] = -1;
    }
    return shm;
}

static void attach(struct flci_shm *shm, void *mapping)
{
    const int ranks = shm->base.ranks;
    shm->segment = mapping;
    shm->segment_bytes = flci_shm_segment_bytes(ranks, shm->base.slot_bytes);
    shm->pairs = (struct flci_shm_pair *)(void *)((uint8_t *)mapping + header_bytes(ranks));
    shm->slots = (uint8_t *)mapping + slots_offset(ranks);
    atomic_store(&shm->segment->rank[shm->base.rank].pid, getpid());
    atomic_fetch_add(&shm->segment->references, 1);
}

static flc_status map_segment(int fd, size_t bytes, void **mapping)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
    if (at == MAP_FAILED && errno == ENOMEM) {
        return flci_fail(FLC_ERR_NO_MEMORY, "no memory to map %zu shared bytes", bytes);
    }
    if (at == MAP_FAILED) {
        return flci_fail_errno(errno, "mapping %zu bytes of shared memory", bytes);
    }
    *mapping = at;
    return FLC_OK;
}

flc_status flci_shm_open_local(const struct flci_join *join, size_t slot_bytes,
                               struct flci_transport **transports)
{
    struct flci_shm *made[FLC_MAX_RANKS] = {NULL};
    void *mapping = NULL;
    flc_status status = FLC_OK;
    for (int rank = 0; rank < join->ranks && status == FLC_OK; rank++) {
        made[rank] = new_shm(join, rank, slot_bytes);
        status = made[rank] == NULL ? FLC_ERR_NO_MEMORY : FLC_OK;
    }
    if (status == FLC_OK) {
        status = map_segment(-1, flci_shm_segment_bytes(join->ranks, slot_bytes), &mapping);
    }
    for (int rank = 0; rank < join->ranks; rank++) {
        if (status != FLC_OK) {
            free(made[rank]);
            continue;
        }
        attach(made[rank], mapping);
        made[rank]->is_local = 1;
        transports[rank] = &made[rank]->base;
    }
    return status;
}

/* A sealed memfd of the segment's size: no peer can shrink it under another's feet. */
static flc_status make_segment(size_t bytes, int *fd)
{
    const int made = memfd_create("flashcomm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (made < 0) {
        return flci_fail_errno(errno, "memfd_create");
    }
    if (ftruncate(made, (off_t)bytes) != 0 ||
        fcntl(made, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        const int code = errno;
        (void)close(made);
        return flci_fail_errno(code, "giving shared memory %zu bytes", bytes);
    }
    *fd = made;
    return FLC_OK;
}

/* Rank 0 maps, then lets the others in. */
static flc_status open_as_host(const char *name, const struct flci_join *join, const pid_t *pids,
                               size_t bytes, void **mapping, int *pidfds)
{
    void *mapped = NULL;
    int fd = -1;
    flc_status status = make_segment(bytes, &fd);
    if (status == FLC_OK) {
        status = map_segment(fd, bytes, &mapped);
    }
    status = flci_shm_host(name, join, pids, fd, status, pidfds);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (status == FLC_OK) {
        *mapping = mapped;
    } else if (mapped != NULL) {
        (void)munmap(mapped, bytes);
    }
    return status;
}

static flc_status open_as_guest(const char *name, const struct flci_join *join, const pid_t *pids,
                                size_t bytes, void **mapping, int *pidfds)
{
    struct flci_shm_visit visit;
    void *mapped = NULL;
    flc_status status;
    FLCI_TRY(flci_shm_visit(name, join, pids, &visit, pidfds));
    status = map_segment(visit.segment, bytes, &mapped);
    if (status == FLC_OK) {
        status = flci_shm_confirm(&visit);
        if (status != FLC_OK) {
            (void)munmap(mapped, bytes);
        }
    }
    (void)close(visit.segment);
    (void)close(visit.socket);
    if (status == FLC_OK) {
        *mapping = mapped;
        return FLC_OK;
    }
    for (int rank = 0; rank < join->ranks; rank++) {
        (void)close(pidfds[rank]);
    }
    return status;
}

flc_status flci_shm_open(const char *name, const struct flci_join *join, const pid_t *pids,
                         size_t slot_bytes, struct flci_transport **transport)
{
    const size_t bytes = flci_shm_segment_bytes(join->ranks, slot_bytes);
    struct flci_shm *shm = new_shm(join, join->rank, slot_bytes);
    void *mapping = NULL;
    flc_status status;
    if (shm == NULL) {
        return FLC_ERR_NO_MEMORY;
    }
    status = (join->rank == 0 ? open_as_host : open_as_guest)(name, join, pids, bytes, &mapping,
                                                              shm->pidfds);
    if (status != FLC_OK) {
        free(shm);
        return status;
    }
    attach(shm, mapping);
    *transport = &shm->base;
    return FLC_OK;
}
