// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Shared memory of one host: between threads (anonymous memory) and between processes (a memfd
 * handed over an abstract Unix socket, so that nothing is left behind and no /dev/shm limit
 * applies).
 */
#ifndef FLCI_TRANSPORT_SHM_H
#define FLCI_TRANSPORT_SHM_H

#include <sys/types.h>

#include "transport/join.h"
#include "transport/transport.h"

extern const struct flci_transport_ops flci_shm_ops;

/*
 * Join the ranks that know `name` (docs/architecture.md, "Joining"). Collective.
 *
 *   join        this rank's; its ranks, rank, timeout_ms and workspace_bytes are used
 *   pids        [ranks] process ids, so that a rank that dies before it joins is noticed; NULL
 *               where they are not known
 *   slot_bytes  of the transport's slots, a multiple of 64
 */
flc_status flci_shm_open(const char *name, const struct flci_join *join, const pid_t *pids,
                         size_t slot_bytes, struct flci_transport **transport);

/* The transports of all ranks in this process: transports[ranks]. */
flc_status flci_shm_open_local(const struct flci_join *join, size_t slot_bytes,
                               struct flci_transport **transports);

#endif
