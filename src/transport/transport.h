// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A transport moves messages between the ranks of a communicator: opaque bytes, in order, from
 * one rank to another or from one rank to all others. It knows nothing of formats or collectives.
 *
 * Towards each peer, and towards all, a rank has two slots of slot_bytes: it may be at most two
 * messages ahead of the receiver, then begin() waits. Every wait ends: with the message, or with
 * an error when a peer that is still needed is dead or has left, the time-out passes, or any rank
 * failed or aborted. The first failure is shared: all ranks end with its status.
 * One thread at a time uses a transport, except for fail().
 */
#ifndef FLCI_TRANSPORT_TRANSPORT_H
#define FLCI_TRANSPORT_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/status.h"

#define FLCI_TO_ALL (-1)

struct flci_transport;

/* Why a call of a transport failed. */
struct flci_fault {
    int rank; /* the culprit */
    char reason[120];
};

struct flci_transport_ops {
    const char *name;
    const char *summary;

    /* Wait for a free slot towards rank `to` or FLCI_TO_ALL; on success *slot is ours to fill until
       post(). */
    flc_status (*begin)(struct flci_transport *transport, int to, uint8_t **slot);

    /* Send the slot that begin() gave. It stays as it is, for its sender to read, until the second
       begin() from then towards the same rank or all. */
    void (*post)(struct flci_transport *transport, int to);

    /* Wait for the next message of rank `from`, to this rank alone or to all: they arrive in the
       order of their posts. On success *slot is ours to read until release(). */
    flc_status (*receive)(struct flci_transport *transport, int from, const uint8_t **slot);
    void (*release)(struct flci_transport *transport, int from);

    /* This rank needs nothing more in the current collective: until peers reach the same point,
       they do not mind its death. */
    void (*finish)(struct flci_transport *transport);

    /* End all ranks' waits with `status`, blaming `culprit`; from any thread. Only the first
       failure counts. */
    void (*fail)(struct flci_transport *transport, flc_status status, int culprit);

    /* Leave; never blocks. */
    void (*close)(struct flci_transport *transport);
};

struct flci_transport {
    const struct flci_transport_ops *ops;
    int rank, ranks;
    size_t slot_bytes;
    struct flci_fault fault; /* of the last failure */
};

#endif
