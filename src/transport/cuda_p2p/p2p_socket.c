// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * File descriptors from each rank to all others: one datagram each, over sockets that the kernel
 * names in the abstract namespace, so that nothing is left behind. Their sender must run as the
 * same user.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "transport/cuda_p2p/p2p.h"

/* All ranks have agreed that they are there: they answer at once or not at all. */
#define WAIT_US INT64_C(10000000)

#define NAME_AT offsetof(struct sockaddr_un, sun_path)

flc_status flci_p2p_socket_open(struct flci_p2p_facts *facts, int *socket_fd)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t bytes = sizeof name;
    const int yes = 1;
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return flci_fail_errno(errno, "making a socket");
    }
    /* Without a path the kernel chooses a name. */
    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) != 0 ||
        bind(fd, (const struct sockaddr *)&name, NAME_AT) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &bytes) != 0 || bytes <= NAME_AT ||
        bytes - NAME_AT > sizeof facts->socket_name) {
        const int code = errno;
        (void)close(fd);
        return flci_fail_errno(code, "naming a socket");
    }
    facts->socket_name_bytes = (uint32_t)(bytes - NAME_AT);
    memcpy(facts->socket_name, name.sun_path, facts->socket_name_bytes);
    *socket_fd = fd;
    return FLC_OK;
}

static flc_status send_to(int socket_fd, const struct flci_p2p_facts *to, int peer, int rank,
                          int fd)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof fd)];
    } control;
    int32_t sender = rank;
    struct iovec payload = {&sender, sizeof sender};
    struct msghdr message;
    struct cmsghdr *part;
    memset(&control, 0, sizeof control);
    memset(&message, 0, sizeof message);
    if (to->socket_name_bytes > sizeof to->socket_name) {
        return flci_fail(FLC_ERR_MISMATCH, "rank %d gave no socket's name", peer);
    }
    memcpy(name.sun_path, to->socket_name, to->socket_name_bytes);
    message.msg_name = &name;
    message.msg_namelen = (socklen_t)(NAME_AT + to->socket_name_bytes);
    message.msg_iov = &payload;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(part), &fd, sizeof fd);
    /* Queues hold ten messages or more, and there are seven. */
    if (sendmsg(socket_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof sender) {
        return flci_fail_errno(errno, "sending a file descriptor to rank %d", peer);
    }
    return FLC_OK;
}

/* A datagram's descriptor and user; -1 where there is none. */
static void unpack(struct msghdr *message, int *fd, uid_t *user)
{
    *fd = -1;
    *user = (uid_t)-1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
            part->cmsg_len == CMSG_LEN(sizeof *fd)) {
            memcpy(fd, CMSG_DATA(part), sizeof *fd);
        }
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS) {
            struct ucred sender;
            memcpy(&sender, CMSG_DATA(part), sizeof sender);
            *user = sender.uid;
        }
    }
}

/* Take one datagram; strangers' are dropped. */
static flc_status take(int socket_fd, int rank, int ranks, int *fds, int *taken)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } control;
    int32_t sender = -1;
    struct iovec payload = {&sender, sizeof sender};
    struct msghdr message;
    ssize_t received;
    uid_t user;
    int fd;
    memset(&message, 0, sizeof message);
    message.msg_iov = &payload;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    received = recvmsg(socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0) {
        return errno == EAGAIN || errno == EINTR ? FLC_OK
                                                 : flci_fail_errno(errno, "receiving from peers");
    }
    unpack(&message, &fd, &user);
    if (fd >= 0 && user == geteuid() && received == (ssize_t)sizeof sender && sender >= 0 &&
        sender < ranks && sender != rank && fds[sender] < 0) {
        fds[sender] = fd;
        (*taken)++;
    } else if (fd >= 0) {
        (void)close(fd);
    }
    return FLC_OK;
}

static flc_status take_all(int socket_fd, int rank, int ranks, int *fds)
{
    const int64_t deadline_us = flci_now_us() + WAIT_US;
    struct pollfd readable = {.fd = socket_fd, .events = POLLIN};
    for (int taken = 0; taken < ranks - 1;) {
        if (flci_now_us() >= deadline_us) {
            int missing = 0;
            while (missing == rank || fds[missing] >= 0) {
                missing++;
            }
            return flci_fail(FLC_ERR_TIMEOUT, "rank %d sent no file descriptor to rank %d", missing,
                             rank);
        }
        if (poll(&readable, 1, 100) > 0) {
            FLCI_TRY(take(socket_fd, rank, ranks, fds, &taken));
        }
    }
    return FLC_OK;
}

flc_status flci_p2p_socket_swap(int socket_fd, const struct flci_p2p_facts *all, int rank,
                                int ranks, int fd, int *fds)
{
    flc_status status = FLC_OK;
    for (int peer = 0; peer < ranks; peer++) {
        fds[peer] = -1;
    }
    for (int peer = 0; peer < ranks && status == FLC_OK; peer++) {
        if (peer != rank) {
            status = send_to(socket_fd, &all[peer], peer, rank, fd);
        }
    }
    if (status == FLC_OK) {
        status = take_all(socket_fd, rank, ranks, fds);
    }
    for (int peer = 0; peer < ranks && status != FLC_OK; peer++) {
        if (fds[peer] >= 0) {
            (void)close(fds[peer]);
        }
    }
    return status;
}
