// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Rank 0 of a meeting: admit the guests, then hand out the segment. shm_meet.h has the protocol.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/shm/shm_meet.h"

/* How long rank 0 stays to tell late ranks of a failure. */
#define LINGER_US 500000
/* A rank says hello right after connecting: ample. */
#define HELLO_US 1000000

struct host {
    const char *name;
    const struct flci_join *join;
    int listener;
    int sockets[FLC_MAX_RANKS]; /* of each rank that has joined, else -1 */
    int pidfds[FLC_MAX_RANKS];
    int joined;
};

static void send_reply(int fd, flc_status status, const char *sentence)
{
    struct flci_shm_reply reply = {.status = status};
    (void)snprintf(reply.sentence, sizeof reply.sentence, "%s", sentence);
    (void)send(fd, &reply, sizeof reply, MSG_NOSIGNAL);
}

/* Ranks that have not connected yet, and are not known to be dead. */
static int absent_ranks(const struct host *host)
{
    int absent = 0;
    for (int rank = 1; rank < host->join->ranks; rank++) {
        struct pollfd death = {.fd = host->pidfds[rank], .events = POLLIN}; /* poll ignores -1 */
        absent += host->sockets[rank] < 0 && poll(&death, 1, 0) == 0;
    }
    return absent;
}

/* Answer those who are connecting; how many. */
static int refuse_pending(const struct host *host, flc_status status)
{
    int refused = 0, fd;
    while ((fd = accept4(host->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        send_reply(fd, status, flci_thread_error());
        (void)close(fd);
        refused++;
    }
    return refused;
}

/* Tell every rank why it ends here, and return that status. Ranks that are a little late are
   waited for, so that they hear of the culprit and not just find rank 0 gone; not so after a
   time-out: who tries again at once must not meet this socket. */
static flc_status refuse_all(struct host *host, flc_status status)
{
    const int64_t deadline_us = flci_now_us() + (status == FLC_ERR_TIMEOUT ? 0 : LINGER_US);
    int absent = absent_ranks(host) - refuse_pending(host, status);
    if (status == FLC_ERR_TIMEOUT) {
        (void)close(host->listener);
        host->listener = -1;
    }
    for (int rank = 1; rank < host->join->ranks; rank++) {
        if (host->sockets[rank] >= 0) {
            send_reply(host->sockets[rank], status, flci_thread_error());
        }
    }
    while (absent > 0 && flci_now_us() < deadline_us) {
        struct pollfd late = {.fd = host->listener, .events = POLLIN};
        (void)poll(&late, 1, flci_shm_left_ms(deadline_us));
        absent -= refuse_pending(host, status);
    }
    return status;
}

static flc_status listen_for_job(struct host *host)
{
    struct flci_shm_address address;
    FLCI_TRY(flci_shm_address_of(host->name, &address));
    host->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (host->listener < 0) {
        return flci_fail_errno(errno, "socket for job '%s'", host->name);
    }
    if (bind(host->listener, (const struct sockaddr *)&address.name, address.bytes) != 0) {
        if (errno == EADDRINUSE) {
            return flci_fail(FLC_ERR_INVALID_ARG,
                             "job '%s' is in use: rank 0 is taken already, or another run has "
                             "this name",
                             host->name);
        }
        return flci_fail_errno(errno, "binding the socket of job '%s'", host->name);
    }
    if (listen(host->listener, FLC_MAX_RANKS) != 0) {
        return flci_fail_errno(errno, "listening for job '%s'", host->name);
    }
    return FLC_OK;
}

/* Read what a new connection says. A stranger or a rank too many is turned away and does not
   matter; a rank that disagrees ends the creation for all. */
static flc_status admit(struct host *host, int fd)
{
    struct flci_join theirs = {0};
    const pid_t process = flci_shm_peer_process(fd);
    flc_status status;
    char sentence[128];
    ssize_t received = -1;
    if (process == 0) {
        send_reply(fd, FLC_ERR_UNSUPPORTED,
                   "rank 0 cannot see this process: they are in different PID namespaces");
        (void)close(fd);
        return FLC_OK;
    }
    if (process > 0 && flci_shm_await(fd, flci_now_us() + HELLO_US)) {
        received = recv(fd, &theirs, sizeof theirs, 0);
    }
    /* Another version may say more or less, but its version comes first. */
    if (received < (ssize_t)sizeof theirs.version) {
        (void)close(fd);
        return FLC_OK;
    }
    if (received == (ssize_t)sizeof theirs && theirs.ranks == host->join->ranks &&
        (theirs.rank < 1 || theirs.rank >= theirs.ranks || host->sockets[theirs.rank] >= 0)) {
        (void)snprintf(sentence, sizeof sentence, "rank is %d: taken already in job '%s'",
                       theirs.rank, host->name);
        send_reply(fd, FLC_ERR_INVALID_ARG, sentence);
        (void)close(fd);
        return FLC_OK;
    }
    status = flci_join_check(host->join, &theirs);
    if (status != FLC_OK) {
        send_reply(fd, status, flci_thread_error());
        (void)close(fd);
        return status;
    }
    host->sockets[theirs.rank] = fd;
    host->joined++;
    return host->pidfds[theirs.rank] >= 0
               ? FLC_OK
               : flci_shm_watch(theirs.rank, process, &host->pidfds[theirs.rank]);
}

static flc_status find_missing(const struct host *host)
{
    int missing = 1;
    while (host->sockets[missing] >= 0) {
        missing++;
    }
    return flci_fail(
        FLC_ERR_TIMEOUT, "rank %d did not join job '%s' within %lld ms (%d of %d came)", missing,
        host->name, (long long)host->join->timeout_ms, host->joined + 1, host->join->ranks);
}

/* What tells that a rank is gone: its connection, before that its process, if that is known. */
static struct pollfd watch_of(const struct host *host, int rank)
{
    if (host->sockets[rank] >= 0) {
        return (struct pollfd){.fd = host->sockets[rank], .events = POLLRDHUP};
    }
    return (struct pollfd){.fd = host->pidfds[rank], .events = POLLIN}; /* poll ignores -1 */
}

/* Admit ranks until all are there. */
static flc_status gather_ranks(struct host *host, int64_t deadline_us)
{
    const int ranks = host->join->ranks;
    while (host->joined < ranks - 1) {
        struct pollfd watched[FLC_MAX_RANKS];
        watched[0] = (struct pollfd){.fd = host->listener, .events = POLLIN};
        for (int rank = 1; rank < ranks; rank++) {
            watched[rank] = watch_of(host, rank);
        }
        if (flci_now_us() >= deadline_us) {
            return find_missing(host);
        }
        (void)poll(watched, (nfds_t)ranks, flci_shm_left_ms(deadline_us));
        for (int rank = 1; rank < ranks; rank++) {
            if (watched[rank].revents != 0) {
                return flci_fail(FLC_ERR_PEER, "rank %d is gone while job '%s' was joining", rank,
                                 host->name);
            }
        }
        if (watched[0].revents != 0) {
            const int fd = accept4(host->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd >= 0) {
                FLCI_TRY(admit(host, fd));
            }
        }
    }
    return FLC_OK;
}

static flc_status send_fds(struct host *host, int rank, int segment)
{
    struct flci_shm_reply reply = {.status = FLC_OK};
    struct iovec data = {.iov_base = &reply, .iov_len = sizeof reply};
    const size_t fds_bytes = (size_t)(host->join->ranks + 1) * sizeof(int);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE((FLC_MAX_RANKS + 1) * sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(fds_bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds_bytes);
    memcpy(CMSG_DATA(header), &segment, sizeof segment);
    memcpy(CMSG_DATA(header) + sizeof segment, host->pidfds, fds_bytes - sizeof segment);
    if (sendmsg(host->sockets[rank], &message, MSG_NOSIGNAL) < 0) {
        return flci_fail(FLC_ERR_PEER, "rank %d is gone while job '%s' was joining", rank,
                         host->name);
    }
    return FLC_OK;
}

static flc_status watch_ranks(struct host *host, const pid_t *pids)
{
    FLCI_TRY(flci_shm_watch(0, getpid(), &host->pidfds[0]));
    for (int rank = 1; pids != NULL && rank < host->join->ranks; rank++) {
        FLCI_TRY(flci_shm_watch(rank, pids[rank], &host->pidfds[rank]));
    }
    return FLC_OK;
}

/* Wait until every guest has said that it is ready. */
static flc_status await_ready(struct host *host, int64_t deadline_us)
{
    for (int rank = 1; rank < host->join->ranks; rank++) {
        char byte;
        if (!flci_shm_await(host->sockets[rank], deadline_us)) {
            return flci_fail(FLC_ERR_TIMEOUT, "rank %d did not confirm job '%s' within %lld ms",
                             rank, host->name, (long long)host->join->timeout_ms);
        }
        if (recv(host->sockets[rank], &byte, 1, 0) != 1) {
            return flci_fail(FLC_ERR_PEER, "rank %d is gone while job '%s' was joining", rank,
                             host->name);
        }
    }
    return FLC_OK;
}

static flc_status gather_and_hand_out(struct host *host, const pid_t *pids, int segment,
                                      int64_t deadline_us)
{
    FLCI_TRY(watch_ranks(host, pids));
    FLCI_TRY(gather_ranks(host, deadline_us));
    for (int rank = 1; rank < host->join->ranks; rank++) {
        FLCI_TRY(send_fds(host, rank, segment));
    }
    return await_ready(host, deadline_us);
}

static flc_status host_job(struct host *host, const pid_t *pids, int segment, flc_status so_far)
{
    const int64_t deadline_us = flci_now_us() + host->join->timeout_ms * 1000;
    flc_status status = so_far;
    FLCI_TRY(listen_for_job(host));
    if (status == FLC_OK) {
        status = gather_and_hand_out(host, pids, segment, deadline_us);
    } else {
        char cause[FLCI_ERROR_BYTES / 2];
        (void)snprintf(cause, sizeof cause, "%s", flci_thread_error());
        (void)flci_fail(status, "rank 0 failed: %s", cause);
    }
    if (status != FLC_OK) {
        return refuse_all(host, status);
    }
    /* Before anyone is let go: the next communicator of this name must not meet this socket. */
    (void)close(host->listener);
    host->listener = -1;
    for (int rank = 1; rank < host->join->ranks; rank++) {
        send_reply(host->sockets[rank], FLC_OK, "");
    }
    return FLC_OK;
}

flc_status flci_shm_host(const char *name, const struct flci_join *join, const pid_t *pids,
                         int segment, flc_status so_far, int *pidfds)
{
    struct host host = {.name = name, .join = join, .listener = -1};
    flc_status status;
    for (int rank = 0; rank < FLC_MAX_RANKS; rank++) {
        host.sockets[rank] = -1;
        host.pidfds[rank] = -1;
    }
    status = host_job(&host, pids, segment, so_far);
    if (host.listener >= 0) {
        (void)close(host.listener);
    }
    for (int rank = 0; rank < join->ranks; rank++) {
        if (host.sockets[rank] >= 0) {
            (void)close(host.sockets[rank]);
        }
        if (status == FLC_OK) {
            pidfds[rank] = host.pidfds[rank];
        } else if (host.pidfds[rank] >= 0) {
            (void)close(host.pidfds[rank]);
        }
    }
    return status;
}
