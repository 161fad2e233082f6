// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How processes of one host meet: rank 0, the host (shm_host.c), listens on an abstract Unix socket
 * named after user and job; the others, its guests (shm_guest.c), connect. Both sides check that
 * the other runs as the same user.
 *
 *   guest -> host   struct flci_join: who it is and what it expects
 *   host -> guest   once all are there: OK with the memfd and a pidfd of every rank
 *   guest -> host   one byte: mapped, ready
 *   host -> guest   once all are ready: OK
 *
 * Until that last message any failure ends the creation of all ranks: the host tells them why, in
 * one sentence, and it alone judges who the culprit is. Afterwards deaths are noticed in calls.
 * Every wait ends: at the time-out, or when a rank that has connected, or whose process id is
 * known, dies.
 *
 * The host makes all pidfds from the process ids that the kernel vouches for: they stay right in
 * other PID namespaces, and a process that forked cannot hide its parent's death.
 */
#ifndef FLCI_TRANSPORT_SHM_MEET_H
#define FLCI_TRANSPORT_SHM_MEET_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/error.h"
#include "transport/shm/shm.h"

/* What the host says to a guest: with OK come the file descriptors. */
struct flci_shm_reply {
    int32_t status;
    char sentence[FLCI_ERROR_BYTES];
};

/* A job's abstract socket. */
struct flci_shm_address {
    struct sockaddr_un name;
    socklen_t bytes;
};

flc_status flci_shm_address_of(const char *name, struct flci_shm_address *address);

/* Process id of the other end of a socket; -1 if it runs as another user, 0 if it is in a PID
   namespace that this process does not see. */
pid_t flci_shm_peer_process(int fd);

/* A pidfd of a rank; INVALID where the process is gone already: PEER. */
flc_status flci_shm_watch(int rank, pid_t pid, int *pidfd);

/* Milliseconds to a deadline, at most a second and at least 0: what poll takes. */
int flci_shm_left_ms(int64_t deadline_us);

/* Wait until a socket has something to read, if only its end: 1; 0 when the deadline has passed. */
int flci_shm_await(int socket_fd, int64_t deadline_us);

/*
 * The host's part, after it has mapped its segment; if it could not, `so_far` is that status, which
 * the guests are told, and returned. `pids` [ranks] are the ranks' process ids where
 * they are known, else NULL. pidfds [ranks], out: readable once the rank is dead; to be closed by
 * the caller.
 */
flc_status flci_shm_host(const char *name, const struct flci_join *join, const pid_t *pids,
                         int segment, flc_status so_far, int *pidfds);

/* A guest's part in two: visit, map the segment, confirm. */
struct flci_shm_visit {
    const char *name;
    const struct flci_join *join;
    int64_t deadline_us;
    int socket;
    int segment; /* the memfd */
};

/* On success the visit's socket and segment, and pidfds, are the caller's to close. */
flc_status flci_shm_visit(const char *name, const struct flci_join *join, const pid_t *pids,
                          struct flci_shm_visit *visit, int *pidfds);

/* Say that this rank is ready, and wait until all are. */
flc_status flci_shm_confirm(const struct flci_shm_visit *visit);

#endif
