// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What host and guests of a meeting share: see shm_meet.h.
 */
#define _GNU_SOURCE
#include "transport/shm/shm_meet.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

flc_status flci_shm_address_of(const char *name, struct flci_shm_address *address)
{
    struct sockaddr_un *un = &address->name;
    int length;
    memset(address, 0, sizeof *address);
    un->sun_family = AF_UNIX;
    /* An abstract name: starts with NUL, has no file. */
    length = snprintf(un->sun_path + 1, sizeof un->sun_path - 1, "flashcomm/%ld/%s",
                      (long)geteuid(), name);
    if (length < 0 || (size_t)length >= sizeof un->sun_path - 1) {
        return flci_fail(FLC_ERR_INVALID_ARG, "job '%s' is too long", name);
    }
    address->bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    return FLC_OK;
}

pid_t flci_shm_peer_process(int fd)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0 || peer.uid != geteuid()) {
        return -1;
    }
    return peer.pid;
}

flc_status flci_shm_watch(int rank, pid_t pid, int *pidfd)
{
    const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0 && errno == ESRCH) {
        return flci_fail(FLC_ERR_PEER, "rank %d (process %ld) is gone", rank, (long)pid);
    }
    if (fd < 0) {
        return flci_fail_errno(errno, "pidfd_open of rank %d (Linux 5.3 or newer is needed)", rank);
    }
    *pidfd = fd;
    return FLC_OK;
}

int flci_shm_left_ms(int64_t deadline_us)
{
    const int64_t left_us = deadline_us - flci_now_us();
    const int64_t slice_us = left_us > 1000000 ? 1000000 : left_us;
    return slice_us < 0 ? 0 : (int)((slice_us + 999) / 1000);
}

int flci_shm_await(int socket_fd, int64_t deadline_us)
{
    struct pollfd readable = {.fd = socket_fd, .events = POLLIN};
    while (poll(&readable, 1, flci_shm_left_ms(deadline_us)) <= 0) { /* a signal may interrupt it */
        if (flci_now_us() >= deadline_us) {
            return 0;
        }
    }
    return 1;
}
