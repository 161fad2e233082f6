// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Attaching: the order of the phases, and what ranks say to each other between them.
 *
 * A message to all, a struct flci_p2p_facts, ends each phase. All ranks take the same way because
 * each decides by the facts of all, which are the same everywhere.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "transport/cuda_p2p/p2p.h"

_Static_assert(sizeof(struct flci_p2p_facts) <= 4096, "facts fit the smallest slot");

void flci_p2p_begin(struct flci_p2p_attach *a, int ranks, int first, int count,
                    struct flci_transport *transport)
{
    memset(a, 0, sizeof *a);
    a->ranks = ranks;
    a->first = first;
    a->count = count;
    a->transport = transport;
    for (int rank = 0; rank < ranks; rank++) {
        a->facts[rank].magic = FLCI_P2P_MAGIC;
    }
}

void flci_p2p_refuse(struct flci_p2p_attach *a, int rank, flc_status status)
{
    struct flci_p2p_facts *facts = &a->facts[rank];
    if (facts->status == FLC_OK) {
        facts->status = status;
        (void)snprintf(facts->sentence, sizeof facts->sentence, "%s", flci_thread_error());
    }
}

/* ---- Messages ---- */

static flc_status cut_off(struct flci_p2p_attach *a, flc_status status)
{
    a->is_cut_off = 1;
    return flci_fail(status, "attaching a GPU, on rank %d: %s", a->first,
                     a->transport->fault.reason);
}

static flc_status receive_facts(struct flci_p2p_attach *a, int from)
{
    struct flci_p2p_facts *facts = &a->facts[from];
    const uint8_t *slot;
    const flc_status status = a->transport->ops->receive(a->transport, from, &slot);
    if (status != FLC_OK) {
        return cut_off(a, status);
    }
    memcpy(facts, slot, sizeof *facts);
    a->transport->ops->release(a->transport, from);
    if (facts->magic != FLCI_P2P_MAGIC) {
        a->transport->ops->fail(a->transport, FLC_ERR_MISMATCH, from);
        a->is_cut_off = 1;
        return flci_fail(FLC_ERR_MISMATCH,
                         "attaching a GPU, on rank %d: rank %d made a different call", a->first,
                         from);
    }
    facts->sentence[sizeof facts->sentence - 1] = '\0';
    return FLC_OK;
}

static flc_status exchange(struct flci_p2p_attach *a)
{
    uint8_t *slot;
    flc_status status;
    if (a->transport == NULL) {
        return FLC_OK;
    }
    status = a->transport->ops->begin(a->transport, FLCI_TO_ALL, &slot);
    if (status != FLC_OK) {
        return cut_off(a, status);
    }
    memcpy(slot, &a->facts[a->first], sizeof a->facts[a->first]);
    a->transport->ops->post(a->transport, FLCI_TO_ALL);
    for (int from = 0; from < a->ranks; from++) {
        if (from != a->first) {
            FLCI_TRY(receive_facts(a, from));
        }
    }
    return FLC_OK;
}

flc_status flci_p2p_agree(struct flci_p2p_attach *a)
{
    FLCI_TRY(exchange(a));
    for (int rank = 0; rank < a->ranks; rank++) {
        const struct flci_p2p_facts *facts = &a->facts[rank];
        if (facts->status != FLC_OK) {
            return flci_fail((flc_status)facts->status, "attaching a GPU to rank %d: %s", rank,
                             facts->sentence);
        }
    }
    return FLC_OK;
}

/* ---- Phases ---- */

typedef flc_status phase(struct flci_p2p_attach *a, int rank);

/* A phase on each of this thread's ranks that is still well, then the exchange. */
static flc_status run(struct flci_p2p_attach *a, phase *body)
{
    for (int rank = a->first; rank < a->first + a->count; rank++) {
        if (a->facts[rank].status == FLC_OK) {
            const flc_status status = body(a, rank);
            if (status != FLC_OK) {
                flci_p2p_refuse(a, rank, status);
            }
        }
    }
    return flci_p2p_agree(a);
}

static flc_status prepare(struct flci_p2p_attach *a, int rank)
{
    return flci_p2p_prepare(a->p2p[rank], rank, a->ranks, &a->facts[rank]);
}

static flc_status map_peers(struct flci_p2p_attach *a, int rank)
{
    for (int peer = 0; peer < a->ranks; peer++) {
        if (peer != rank) {
            FLCI_TRY(flci_p2p_map(a->p2p[rank], peer, a->facts));
        }
    }
    return FLC_OK;
}

static flc_status unmap_peers(struct flci_p2p_attach *a, int rank)
{
    for (int peer = 0; peer < a->ranks; peer++) {
        if (peer != rank) {
            flci_p2p_unmap(a->p2p[rank], peer);
        }
    }
    return FLC_OK;
}

static flc_status send_proof(struct flci_p2p_attach *a, int rank)
{
    return flci_p2p_prove_send(a->p2p[rank]);
}

static flc_status look_at_proof(struct flci_p2p_attach *a, int rank)
{
    FLCI_TRY(flci_p2p_prove_seen(a->p2p[rank]));
    return flci_p2p_clear(a->p2p[rank]);
}

/* ---- Descriptors instead of IPC: one rank a thread ---- */

static flc_status import_peers(struct flci_p2p_attach *a, const int *fds)
{
    for (int peer = 0; peer < a->ranks; peer++) {
        if (peer != a->first) {
            FLCI_TRY(flci_p2p_import(a->p2p[a->first], peer, a->facts, fds[peer]));
        }
    }
    return FLC_OK;
}

static flc_status swap_and_import(struct flci_p2p_attach *a, int socket_fd, int fd)
{
    int fds[FLCI_P2P_MAX_RANKS];
    flc_status status = flci_p2p_socket_swap(socket_fd, a->facts, a->first, a->ranks, fd, fds);
    if (status != FLC_OK) {
        return status;
    }
    status = import_peers(a, fds);
    for (int rank = 0; rank < a->ranks; rank++) {
        if (fds[rank] >= 0) {
            (void)close(fds[rank]);
        }
    }
    return status;
}

/* All windows again, of another kind of memory: nobody has the old ones mapped. */
static flc_status remake_and_map(struct flci_p2p_attach *a)
{
    struct flci_p2p_facts *mine = &a->facts[a->first];
    int fd = -1, socket_fd = -1;
    flc_status status;
    flci_p2p_unmap(a->p2p[a->first], a->first);
    status = flci_p2p_make_shared(a->p2p[a->first], mine, &fd);
    if (status == FLC_OK) {
        status = flci_p2p_socket_open(mine, &socket_fd);
    }
    if (status != FLC_OK) {
        flci_p2p_refuse(a, a->first, status);
    }
    status = flci_p2p_agree(a);
    if (status == FLC_OK) {
        status = swap_and_import(a, socket_fd, fd);
        if (status != FLC_OK) {
            flci_p2p_refuse(a, a->first, status);
        }
        status = flci_p2p_agree(a);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (socket_fd >= 0) {
        (void)close(socket_fd);
    }
    return status;
}

static int is_any_refused(const struct flci_p2p_attach *a)
{
    int refused = 0;
    for (int rank = 0; rank < a->ranks; rank++) {
        refused |= a->facts[rank].is_refused;
    }
    return refused;
}

flc_status flci_p2p_connect(struct flci_p2p_attach *a)
{
    FLCI_TRY(run(a, prepare));
    FLCI_TRY(flci_p2p_facts_check(a->facts, a->ranks));
    for (int rank = a->first; rank < a->first + a->count; rank++) {
        a->p2p[rank]->sms = flci_p2p_share(a->facts, a->ranks);
    }
    if (a->ranks == 1) {
        return FLC_OK;
    }
    FLCI_TRY(run(a, map_peers));
    if (is_any_refused(a)) { /* never where all ranks are in one process */
        FLCI_TRY(run(a, unmap_peers));
        FLCI_TRY(remake_and_map(a));
    }
    FLCI_TRY(run(a, send_proof));
    return run(a, look_at_proof);
}

void flci_p2p_undo(struct flci_p2p_attach *a)
{
    for (int rank = a->first; rank < a->first + a->count; rank++) {
        if (a->p2p[rank] != NULL) {
            (void)unmap_peers(a, rank);
        }
    }
    /* Memory that a peer still maps must not be freed. A peer that is cut off does not come. */
    if (!a->is_cut_off) {
        (void)exchange(a);
    }
    for (int rank = a->first; rank < a->first + a->count; rank++) {
        if (a->p2p[rank] != NULL) {
            flci_p2p_close(a->p2p[rank]);
        }
    }
}
