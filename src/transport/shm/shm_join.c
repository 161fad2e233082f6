// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How processes of one host meet: rank 0 listens on an abstract Unix socket named after user and
 * job, the others connect and say who they are; once all are there, each gets the memfd and a
 * pidfd of every rank in one message, or the sentence that says why not. Both sides check that the
 * other runs as the same user. Every wait ends at the time-out.
 *
 * Rank 0 makes all pidfds from the process ids that the kernel vouches for: they stay right in
 * other PID namespaces, and a process that forked cannot hide its parent's death.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "transport/shm/shm_segment.h"

/* How long ranks wait beyond the time-out for rank 0, which knows who is missing, to say so. */
#define GRACE_US 500000
#define RETRY_US 5000

struct reply {
    int32_t status;
    char sentence[FLCI_ERROR_BYTES];
};

static flc_status job_address(const char *name, struct sockaddr_un *address, socklen_t *bytes)
{
    int length;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    /* An abstract name: starts with NUL, has no file. */
    length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "flashcomm/%ld/%s",
                      (long)geteuid(), name);
    if (length < 0 || (size_t)length >= sizeof address->sun_path - 1) {
        return flci_fail(FLC_ERR_INVALID_ARG, "job '%s' is too long", name);
    }
    *bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    return FLC_OK;
}

/* Process id of the other end; -1 if it runs as another user. */
static pid_t peer_process(int fd)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0 || peer.uid != geteuid()) {
        return -1;
    }
    return peer.pid;
}

static int left_ms(int64_t deadline_us)
{
    const int64_t left_us = deadline_us - flci_now_us();
    const int64_t slice_us = left_us > 1000000 ? 1000000 : left_us;
    return slice_us < 0 ? 0 : (int)((slice_us + 999) / 1000);
}

/* ---- Rank 0 ---- */

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
    struct reply reply = {.status = status};
    (void)snprintf(reply.sentence, sizeof reply.sentence, "%s", sentence);
    (void)send(fd, &reply, sizeof reply, MSG_NOSIGNAL);
}

/* Tell every rank that has joined why it ends here, and return that status. */
static flc_status refuse_all(struct host *host, flc_status status)
{
    for (int rank = 1; rank < host->join->ranks; rank++) {
        if (host->sockets[rank] >= 0) {
            send_reply(host->sockets[rank], status, flci_thread_error());
        }
    }
    return status;
}

static flc_status listen_for_job(struct host *host)
{
    struct sockaddr_un address;
    socklen_t bytes;
    FLCI_TRY(job_address(host->name, &address, &bytes));
    host->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (host->listener < 0) {
        return flci_fail_errno(errno, "socket for job '%s'", host->name);
    }
    if (bind(host->listener, (struct sockaddr *)&address, bytes) != 0) {
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
    struct flci_join theirs;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    const pid_t process = peer_process(fd);
    flc_status status;
    char sentence[128];
    /* A rank says hello right after connecting; a second is ample. */
    if (process <= 0 || poll(&readable, 1, 1000) != 1 ||
        recv(fd, &theirs, sizeof theirs, 0) != (ssize_t)sizeof theirs) {
        (void)close(fd);
        return FLC_OK;
    }
    if (theirs.ranks == host->join->ranks &&
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
    host->pidfds[theirs.rank] = (int)syscall(SYS_pidfd_open, process, 0);
    if (host->pidfds[theirs.rank] < 0) {
        return flci_fail_errno(errno, "pidfd_open of rank %d, process %ld", theirs.rank,
                               (long)process);
    }
    return FLC_OK;
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

/* Admit ranks until all are there. */
static flc_status gather_ranks(struct host *host, int64_t deadline_us)
{
    const int ranks = host->join->ranks;
    while (host->joined < ranks - 1) {
        struct pollfd watched[FLC_MAX_RANKS];
        for (int rank = 0; rank < ranks; rank++) { /* poll ignores -1 */
            watched[rank] = (struct pollfd){.fd = host->sockets[rank], .events = POLLRDHUP};
        }
        watched[0] = (struct pollfd){.fd = host->listener, .events = POLLIN};
        if (flci_now_us() >= deadline_us) {
            return find_missing(host);
        }
        (void)poll(watched, (nfds_t)ranks, left_ms(deadline_us));
        for (int rank = 1; rank < ranks; rank++) {
            if (watched[rank].revents != 0) {
                (void)close(host->sockets[rank]);
                host->sockets[rank] = -1;
                return flci_fail(FLC_ERR_PEER, "rank %d went away while job '%s' was joining", rank,
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
    struct reply reply = {.status = FLC_OK};
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
        return flci_fail(FLC_ERR_PEER, "rank %d went away while job '%s' was joining", rank,
                         host->name);
    }
    return FLC_OK;
}

static flc_status host_job(struct host *host, int segment)
{
    const int64_t deadline_us = flci_now_us() + host->join->timeout_ms * 1000;
    flc_status status;
    FLCI_TRY(listen_for_job(host));
    host->pidfds[0] = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (host->pidfds[0] < 0) {
        return flci_fail_errno(errno, "pidfd_open (Linux 5.3 or newer is needed)");
    }
    status = gather_ranks(host, deadline_us);
    if (status != FLC_OK) {
        return refuse_all(host, status);
    }
    /* Before anyone is let go: the next communicator of this name must not meet this socket. */
    (void)close(host->listener);
    host->listener = -1;
    for (int rank = 1; rank < host->join->ranks; rank++) {
        status = send_fds(host, rank, segment);
        if (status != FLC_OK) {
            return refuse_all(host, status);
        }
    }
    return FLC_OK;
}

static flc_status meet_as_host(const char *name, const struct flci_join *join, int segment,
                               int *pidfds)
{
    struct host host = {.name = name, .join = join, .listener = -1};
    flc_status status;
    for (int rank = 0; rank < FLC_MAX_RANKS; rank++) {
        host.sockets[rank] = -1;
        host.pidfds[rank] = -1;
    }
    status = host_job(&host, segment);
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

/* ---- The other ranks ---- */

static flc_status connect_to_job(const char *name, const struct flci_join *join,
                                 int64_t deadline_us, int *connected)
{
    const struct timespec retry = {.tv_nsec = RETRY_US * 1000};
    struct sockaddr_un address;
    socklen_t bytes;
    FLCI_TRY(job_address(name, &address, &bytes));
    for (;;) {
        const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            return flci_fail_errno(errno, "socket for job '%s'", name);
        }
        if (connect(fd, (struct sockaddr *)&address, bytes) == 0) {
            if (peer_process(fd) <= 0) {
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
        (void)nanosleep(&retry, NULL);
    }
}

/* File descriptors in a message; fewer than `wanted`: none are kept. */
static int take_fds(struct msghdr *message, int *fds, int wanted)
{
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int found = 0;
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        found = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        found = found > FLC_MAX_RANKS + 1 ? FLC_MAX_RANKS + 1 : found;
        memcpy(fds, CMSG_DATA(header), (size_t)found * sizeof(int));
    }
    if (found != wanted) {
        for (int i = 0; i < found; i++) {
            (void)close(fds[i]);
        }
        return 0;
    }
    return 1;
}

static flc_status read_reply(int socket_fd, const char *name, const struct flci_join *join,
                             int *segment, int *pidfds)
{
    struct reply reply = {0};
    struct iovec data = {.iov_base = &reply, .iov_len = sizeof reply};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE((FLC_MAX_RANKS + 1) * sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    int fds[FLC_MAX_RANKS + 1];
    if (recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof reply) {
        return flci_fail(FLC_ERR_PEER, "rank 0 went away while job '%s' was joining", name);
    }
    reply.sentence[sizeof reply.sentence - 1] = '\0';
    if (reply.status != FLC_OK) {
        return flci_fail((flc_status)reply.status, "%s", reply.sentence);
    }
    if (!take_fds(&message, fds, join->ranks + 1)) {
        return flci_fail(FLC_ERR_SYSTEM,
                         "job '%s': shared memory did not arrive (too many open files?)", name);
    }
    *segment = fds[0];
    memcpy(pidfds, fds + 1, (size_t)join->ranks * sizeof(int));
    return FLC_OK;
}

static flc_status meet_as_guest(const char *name, const struct flci_join *join, int *segment,
                                int *pidfds)
{
    const int64_t deadline_us = flci_now_us() + join->timeout_ms * 1000;
    struct pollfd reply = {.fd = -1, .events = POLLIN};
    flc_status status;
    FLCI_TRY(connect_to_job(name, join, deadline_us, &reply.fd));
    if (send(reply.fd, join, sizeof *join, MSG_NOSIGNAL) != (ssize_t)sizeof *join) {
        status = flci_fail(FLC_ERR_PEER, "rank 0 went away while job '%s' was joining", name);
        goto out;
    }
    while (poll(&reply, 1, left_ms(deadline_us + GRACE_US)) == 0) {
        if (flci_now_us() >= deadline_us + GRACE_US) {
            status = flci_fail(FLC_ERR_TIMEOUT, "rank 0 of job '%s' did not answer within %lld ms",
                               name, (long long)join->timeout_ms);
            goto out;
        }
    }
    status = read_reply(reply.fd, name, join, segment, pidfds);
out:
    (void)close(reply.fd);
    return status;
}

flc_status flci_shm_meet(const char *name, const struct flci_join *join, int *fd, int *pidfds)
{
    return join->rank == 0 ? meet_as_host(name, join, *fd, pidfds)
                           : meet_as_guest(name, join, fd, pidfds);
}
