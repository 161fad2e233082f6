// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The other ranks of a meeting: connect, say who we are, take what the host hands out. shm_meet.h
 * has the protocol.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/shm/shm_meet.h"

/* How long ranks wait beyond the time-out for rank 0, which knows who is missing, to say so. */
#define GRACE_US 500000
#define RETRY_MS 5
/* Room for the memfd and a pidfd of every rank. */
#define CONTROL_BYTES CMSG_SPACE((FLC_MAX_RANKS + 1) * sizeof(int))

static flc_status host_is_gone(const char *name)
{
    return flci_fail(FLC_ERR_PEER, "rank 0 is gone while job '%s' was joining", name);
}

/* Connect, again and again while rank 0 has not got that far; `host` is its pidfd or -1. Other
   ranks' deaths are for rank 0 to notice and to tell: one judge, one culprit. */
static flc_status connect_to_job(const char *name, const struct flci_join *join, int host,
                                 int64_t deadline_us, int *connected)
{
    struct flci_shm_address address;
    FLCI_TRY(flci_shm_address_of(name, &address));
    for (;;) {
        struct pollfd death = {.fd = host, .events = POLLIN}; /* poll ignores -1 */
        const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            return flci_fail_errno(errno, "socket for job '%s'", name);
        }
        if (connect(fd, (const struct sockaddr *)&address.name, address.bytes) == 0) {
            if (flci_shm_peer_process(fd) < 0) {
                (void)close(fd);
                return flci_fail(FLC_ERR_SYSTEM, "job '%s' is held by another user", name);
            }
            *connected = fd;
            return FLC_OK;
        }
        (void)close(fd);
        if (flci_now_us() >= deadline_us) {
            return flci_fail(FLC_ERR_TIMEOUT, "rank 0 did not open job '%s' within %lld ms", name,
                             (long long)join->timeout_ms);
        }
        if (poll(&death, 1, RETRY_MS) > 0) {
            return host_is_gone(name);
        }
    }
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        (void)close(fds[i]);
    }
}

/* File descriptors in a message; if there are not `wanted`, none are kept. */
static int take_fds(struct msghdr *message, int *fds, int wanted)
{
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int all[CONTROL_BYTES / sizeof(int)]; /* its padding may hold one too */
    int found = 0;
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        found = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(all, CMSG_DATA(header), (size_t)found * sizeof(int));
    }
    if (found != wanted) {
        close_all(all, found);
        return 0;
    }
    if (wanted > 0) {
        memcpy(fds, all, (size_t)wanted * sizeof(int));
    }
    return 1;
}

static flc_status receive_reply(const struct flci_shm_visit *visit, struct msghdr *message)
{
    ssize_t received = recvmsg(visit->socket, message, MSG_CMSG_CLOEXEC);
    if (received < 0 && errno == ECONNRESET) {
        /* A host that turned us away before it read our hello: its answer is behind the error. */
        received = recvmsg(visit->socket, message, MSG_CMSG_CLOEXEC);
    }
    if (received < 0) {
        message->msg_controllen = 0; /* nothing came */
    }
    return received == (ssize_t)sizeof(struct flci_shm_reply) ? FLC_OK : host_is_gone(visit->name);
}

/* Wait for the host's next word; with OK must come `wanted` file descriptors. */
static flc_status hear(const struct flci_shm_visit *visit, int *fds, int wanted)
{
    struct flci_shm_reply reply = {0};
    struct iovec data = {.iov_base = &reply, .iov_len = sizeof reply};
    union {
        struct cmsghdr header;
        char bytes[CONTROL_BYTES];
    } control = {0};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    flc_status status;
    int has_fds;
    if (!flci_shm_await(visit->socket, visit->deadline_us)) {
        return flci_fail(FLC_ERR_TIMEOUT, "rank 0 of job '%s' did not answer within %lld ms",
                         visit->name, (long long)visit->join->timeout_ms);
    }
    status = receive_reply(visit, &message);
    has_fds = take_fds(&message, fds, wanted); /* also those that came with bad news */
    reply.sentence[sizeof reply.sentence - 1] = '\0';
    if (status == FLC_OK && reply.status != FLC_OK) {
        status = flci_fail((flc_status)reply.status, "%s", reply.sentence);
    }
    if (status == FLC_OK && !has_fds) {
        return flci_fail(FLC_ERR_SYSTEM,
                         "job '%s': shared memory did not arrive (too many open files?)",
                         visit->name);
    }
    if (status != FLC_OK && has_fds) {
        close_all(fds, wanted);
    }
    return status;
}

flc_status flci_shm_visit(const char *name, const struct flci_join *join, const pid_t *pids,
                          struct flci_shm_visit *visit, int *pidfds)
{
    const int64_t deadline_us = flci_now_us() + join->timeout_ms * 1000;
    struct flci_shm_visit v = {.name = name, .join = join};
    int fds[FLC_MAX_RANKS + 1];
    int host = -1;
    flc_status status;
    if (pids != NULL) {
        FLCI_TRY(flci_shm_watch(0, pids[0], &host));
    }
    status = connect_to_job(name, join, host, deadline_us, &v.socket);
    if (host >= 0) {
        (void)close(host);
    }
    FLCI_TRY(status);
    /* Rank 0 may have come later than this rank: it is its time that counts from here on. */
    v.deadline_us = flci_now_us() + join->timeout_ms * 1000 + GRACE_US;
    /* A send that fails has an answer waiting, or a closed connection: hear() tells. */
    (void)send(v.socket, join, sizeof *join, MSG_NOSIGNAL);
    status = hear(&v, fds, join->ranks + 1);
    if (status != FLC_OK) {
        (void)close(v.socket);
        return status;
    }
    v.segment = fds[0];
    memcpy(pidfds, fds + 1, (size_t)join->ranks * sizeof(int));
    *visit = v;
    return FLC_OK;
}

flc_status flci_shm_confirm(const struct flci_shm_visit *visit)
{
    (void)send(visit->socket, "", 1, MSG_NOSIGNAL);
    return hear(visit, NULL, 0);
}
