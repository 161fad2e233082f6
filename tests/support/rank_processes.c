// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as processes: rank_processes.h.
 */
#define _GNU_SOURCE
#include "rank_processes.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail_test(const char *what)
{
    perror(what);
    abort();
}

void *shared_alloc(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        fail_test("mmap");
    }
    return memory;
}

void shared_free(void *memory, size_t bytes)
{
    (void)munmap(memory, bytes);
}

pid_t rank_process_start(int rank, void (*body)(int rank, void *context), void *context)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
        fail_test("fork");
    }
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) { /* it died before the line above */
            _exit(1);
        }
        body(rank, context);
        _exit(0);
    }
    return pid;
}

int rank_processes_run(int ranks, void (*body)(int rank, void *context), void *context)
{
    pid_t pids[FLC_MAX_RANKS];
    int failed = 0;
    for (int rank = 0; rank < ranks; rank++) {
        pids[rank] = rank_process_start(rank, body, context);
    }
    for (int rank = 0; rank < ranks; rank++) {
        int status = 0;
        if (waitpid(pids[rank], &status, 0) != pids[rank] || status != 0) {
            fprintf(stderr, "rank %d ended with wait status 0x%x\n", rank, (unsigned)status);
            failed++;
        }
    }
    return failed;
}

void pair_star_init(struct pair_star *star, int ranks)
{
    memset(star, 0, sizeof *star);
    star->ranks = ranks;
    for (int rank = 1; rank < ranks; rank++) {
        int fds[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
            fail_test("socketpair");
        }
        star->at_root[rank] = fds[0];
        star->at_leaf[rank] = fds[1];
    }
}

void pair_star_fini(struct pair_star *star)
{
    for (int rank = 1; rank < star->ranks; rank++) {
        (void)close(star->at_root[rank]);
        (void)close(star->at_leaf[rank]);
    }
}

static int move_all(int fd, int is_write, void *data, size_t bytes)
{
    uint8_t *at = data;
    while (bytes > 0) {
        const ssize_t moved = is_write ? send(fd, at, bytes, MSG_NOSIGNAL) : read(fd, at, bytes);
        if (moved <= 0 && !(moved < 0 && errno == EINTR)) {
            return -1;
        }
        at += moved > 0 ? moved : 0;
        bytes -= moved > 0 ? (size_t)moved : 0;
    }
    return 0;
}

int pair_star_allgather(void *context, const void *send, void *recv, size_t bytes)
{
    struct pair_star *star = context;
    const size_t all = bytes * (size_t)star->ranks;
    memcpy((uint8_t *)recv + bytes * (size_t)star->rank, send, bytes);
    if (star->rank != 0) {
        const int fd = star->at_leaf[star->rank];
        return move_all(fd, 1, (uint8_t *)recv + bytes * (size_t)star->rank, bytes) != 0
                   ? -1
                   : move_all(fd, 0, recv, all);
    }
    for (int rank = 1; rank < star->ranks; rank++) {
        if (move_all(star->at_root[rank], 0, (uint8_t *)recv + bytes * (size_t)rank, bytes) != 0) {
            return -1;
        }
    }
    for (int rank = 1; rank < star->ranks; rank++) {
        if (move_all(star->at_root[rank], 1, recv, all) != 0) {
            return -1;
        }
    }
    return 0;
}

int count_open_fds(void)
{
    int count = 0;
    DIR *fds = opendir("/proc/self/fd");
    if (fds == NULL) {
        fail_test("/proc/self/fd");
    }
    while (readdir(fds) != NULL) {
        count++;
    }
    (void)closedir(fds);
    return count - 3; /* ".", ".." and the directory itself */
}

void make_job_name(char name[32])
{
    static unsigned int made;
    (void)snprintf(name, 32, "test-%ld-%u", (long)getpid(), made++);
}
