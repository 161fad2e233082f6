// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Wrapped calls: failing_calls.h. Each counts, fails if it is its turn, and is passed on otherwise.
 */
#ifndef _GNU_SOURCE
#    define _GNU_SOURCE
#endif
#include "failing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static _Thread_local long calls_left = -1, allocations;
static _Thread_local const char *armed_name, *failed_name;

/* Of FLC_TEST_FAILING_CALL: shared with children; NULL: not set. */
static _Atomic long *shared_left;

void failing_calls_arm(const char *name, long nth)
{
    armed_name = name;
    failed_name = NULL;
    calls_left = nth;
}

const char *failing_calls_disarm(void)
{
    calls_left = -1;
    return failed_name;
}

long failing_calls_allocations(void)
{
    return allocations;
}

static int is_to_fail(const char *name)
{
    if (shared_left != NULL && atomic_fetch_sub(shared_left, 1) == 1) {
        char text[64];
        const int length = snprintf(text, sizeof text, "failing call: %s\n", name);
        (void)!write(STDERR_FILENO, text, (size_t)length);
        return 1;
    }
    if (calls_left < 0 || (armed_name != NULL && strcmp(armed_name, name) != 0)) {
        return 0;
    }
    if (calls_left-- > 0) {
        return 0;
    }
    failed_name = name;
    return 1;
}

static int is_allocation_to_fail(const char *name)
{
    allocations++;
    return is_to_fail(name);
}

#define WRAP(type, name, is_its_turn, failure, code, parameters, arguments)                        \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        if (is_its_turn(#name)) {                                                                  \
            errno = code;                                                                          \
            return failure;                                                                        \
        }                                                                                          \
        return __real_##name arguments;                                                            \
    }

WRAP(void *, malloc, is_allocation_to_fail, NULL, ENOMEM, (size_t bytes), (bytes))
WRAP(void *, calloc, is_allocation_to_fail, NULL, ENOMEM, (size_t n, size_t bytes), (n, bytes))
WRAP(void *, realloc, is_allocation_to_fail, NULL, ENOMEM, (void *at, size_t bytes), (at, bytes))
WRAP(void *, aligned_alloc, is_allocation_to_fail, NULL, ENOMEM, (size_t align, size_t bytes),
     (align, bytes))
WRAP(char *, strdup, is_allocation_to_fail, NULL, ENOMEM, (const char *text), (text))
WRAP(void *, mmap, is_allocation_to_fail, MAP_FAILED, ENOMEM,
     (void *at, size_t bytes, int protection, int flags, int fd, off_t offset),
     (at, bytes, protection, flags, fd, offset))

WRAP(int, memfd_create, is_to_fail, -1, EMFILE, (const char *name, unsigned int flags),
     (name, flags))
WRAP(int, ftruncate, is_to_fail, -1, ENOSPC, (int fd, off_t bytes), (fd, bytes))
WRAP(int, pipe2, is_to_fail, -1, EMFILE, (int fds[2], int flags), (fds, flags))
WRAP(int, fstat, is_to_fail, -1, EIO, (int fd, struct stat *info), (fd, info))
WRAP(int, stat, is_to_fail, -1, EACCES, (const char *path, struct stat *info), (path, info))
WRAP(FILE *, fopen, is_to_fail, NULL, EMFILE, (const char *path, const char *mode), (path, mode))
WRAP(FILE *, fdopen, is_to_fail, NULL, ENOMEM, (int fd, const char *mode), (fd, mode))
WRAP(ssize_t, getrandom, is_to_fail, -1, ENOSYS, (void *to, size_t bytes, unsigned int flags),
     (to, bytes, flags))

WRAP(int, socket, is_to_fail, -1, EMFILE, (int domain, int type, int protocol),
     (domain, type, protocol))
WRAP(int, bind, is_to_fail, -1, EACCES, (int fd, const struct sockaddr *name, socklen_t bytes),
     (fd, name, bytes))
WRAP(int, listen, is_to_fail, -1, EOPNOTSUPP, (int fd, int backlog), (fd, backlog))
WRAP(int, accept4, is_to_fail, -1, EMFILE,
     (int fd, struct sockaddr *name, socklen_t *bytes, int flags), (fd, name, bytes, flags))
WRAP(int, connect, is_to_fail, -1, EAGAIN, (int fd, const struct sockaddr *name, socklen_t bytes),
     (fd, name, bytes))
WRAP(int, getsockopt, is_to_fail, -1, ENOBUFS,
     (int fd, int level, int option, void *value, socklen_t *bytes),
     (fd, level, option, value, bytes))
WRAP(ssize_t, send, is_to_fail, -1, EPIPE, (int fd, const void *from, size_t bytes, int flags),
     (fd, from, bytes, flags))
WRAP(ssize_t, sendmsg, is_to_fail, -1, ETOOMANYREFS,
     (int fd, const struct msghdr *message, int flags), (fd, message, flags))
WRAP(ssize_t, recv, is_to_fail, -1, ENOMEM, (int fd, void *to, size_t bytes, int flags),
     (fd, to, bytes, flags))
WRAP(ssize_t, recvmsg, is_to_fail, -1, ENOMEM, (int fd, struct msghdr *message, int flags),
     (fd, message, flags))

WRAP(int, rename, is_to_fail, -1, EACCES, (const char *from, const char *to), (from, to))
WRAP(pid_t, fork, is_to_fail, -1, EAGAIN, (void), ())
WRAP(int, pthread_create, is_to_fail, EAGAIN, EAGAIN,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument),
     (thread, attributes, body, argument))

/* ---- With a variable number of arguments ---- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

int __wrap_asprintf(char **text, const char *format, ...);

int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list more;
    int length = -1;
    va_start(more, format);
    if (!is_allocation_to_fail("asprintf")) {
        length = vasprintf(text, format, more);
    }
    va_end(more);
    return length;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (is_to_fail("open")) {
        errno = EMFILE;
        return -1;
    }
    return __real_open(path, flags, mode);
}

int __wrap_fcntl(int fd, int command, ...)
{
    va_list more;
    va_start(more, command);
    void *const argument = va_arg(more, void *); /* an int comes in the same register */
    va_end(more);
    if (is_to_fail("fcntl")) {
        errno = EPERM;
        return -1;
    }
    return __real_fcntl(fd, command, argument);
}

/* pidfd_open may fail; a futex only returns early. */
long __wrap_syscall(long number, ...)
{
    long argument[6];
    va_list more;
    va_start(more, number);
    for (size_t i = 0; i < 6; i++) {
        argument[i] = va_arg(more, long);
    }
    va_end(more);
    if (number == SYS_pidfd_open && is_to_fail("pidfd_open")) {
        errno = EMFILE;
        return -1;
    }
    return __real_syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                          argument[5]);
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = getenv("FLC_TEST_FAILING_CALL");
    _Atomic long *left;
    if (text == NULL) {
        return;
    }
    left =
        __real_mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (left == MAP_FAILED) {
        abort();
    }
    atomic_init(left, strtol(text, NULL, 10));
    shared_left = left;
}
