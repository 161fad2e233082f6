// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Runs flashcomm-mpi through mpirun: see perf_mpi.h. What both print is read through pipes, up to
 * a deadline; the result is one line of it.
 */
#include "perf_mpi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "timing.h"

#define DEFAULT_TIMEOUT_MS INT64_C(600000)

/* mpirun gets so long to end its ranks, when it has to be stopped. */
#define STOP_MS       3000

#define MAX_ARGUMENTS 24

/* What one of the two streams said; the end of it is enough. */
struct stream {
    int fd; /* -1: ended */
    size_t used;
    char text[4096];
};

int perf_mpi_find(struct perf_mpi *mpi, struct failure *failure)
{
    static const char name[] = "flashcomm-mpi";
    const ssize_t length = readlink("/proc/self/exe", mpi->program, sizeof mpi->program - 1);
    if (length <= 0) {
        return failure_set(failure, "--baseline mpi: /proc/self/exe: %s", strerror(errno));
    }
    mpi->program[length] = '\0';
    char *const file = strrchr(mpi->program, '/') + 1;
    const size_t room = sizeof mpi->program - (size_t)(file - mpi->program);
    if ((size_t)snprintf(file, room, "%s", name) >= room || access(mpi->program, X_OK) != 0) {
        return failure_set(failure,
                           "--baseline mpi: there is no program %s; it is built where CMake finds "
                           "MPI for C",
                           mpi->program);
    }
    const char *const path = getenv("PATH");
    for (const char *part = path == NULL ? "" : path; *part != '\0';) {
        char program[PATH_MAX];
        const int part_length = (int)strcspn(part, ":");
        (void)snprintf(program, sizeof program, "%.*s/mpirun", part_length, part);
        if (access(program, X_OK) == 0) {
            return 0;
        }
        part += part_length + (part[part_length] == ':' ? 1 : 0);
    }
    return failure_set(failure, "--baseline mpi: there is no mpirun in PATH (%s)",
                       path == NULL ? "which is not set" : path);
}

const char *perf_mpi_lacks(const struct collective_point *point)
{
    if (point->collective->reduces && point->type != FLC_FLOAT32) {
        return "MPI has no sums of 16-bit floats";
    }
    return collective_point_buffer_elems(point) > INT_MAX ? "MPI counts elements in an int" : NULL;
}

/* In the child: become mpirun. */
static void start_program(const struct perf_mpi *mpi, const struct perf_options *o, bool is_bound,
                          const struct collective_point *point)
{
    const struct {
        const char *name;
        unsigned long long value;
    } numbers[] = {
        {"count", point->count},
        {"root", (unsigned)point->root},
        {"iters", (unsigned)o->iters},
        {"warmup-iters", (unsigned)o->warmup_iters},
        {"agg-iters", (unsigned)o->agg_iters},
        {"checks", (unsigned)o->checks},
        {"average", o->average},
        {"unalign", (unsigned)o->unalign},
    };
    char ranks[16];
    char binding[24];
    char texts[sizeof numbers / sizeof numbers[0]][48];
    char program[PATH_MAX];
    char *arguments[MAX_ARGUMENTS] = {"mpirun",    "-n",    ranks,  "--oversubscribe",
                                      "--bind-to", binding, program};
    char collective[32], type[16], op[16];
    int count = 7;
    (void)snprintf(ranks, sizeof ranks, "%d", point->ranks);
    (void)snprintf(binding, sizeof binding, "%s", is_bound ? "core:if-supported" : "none");
    (void)snprintf(program, sizeof program, "%s", mpi->program);
    (void)snprintf(collective, sizeof collective, "%s", point->collective->name);
    (void)snprintf(type, sizeof type, "%s", flc_type_name(point->type));
    (void)snprintf(op, sizeof op, "%s", perf_op_name(point->collective, point->op));
    arguments[count++] = collective;
    arguments[count++] = type;
    arguments[count++] = op;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "%s=%llu", numbers[i].name, numbers[i].value);
        arguments[count++] = texts[i];
    }
    if (geteuid() == 0) { /* mpirun wants to hear this twice */
        (void)setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
        (void)setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    }
    (void)execvp(arguments[0], arguments);
    (void)fprintf(stderr, "mpirun: %s\n", strerror(errno));
}

static pid_t spawn(const struct perf_mpi *mpi, const struct perf_options *o, bool is_bound,
                   const struct collective_point *point, struct stream streams[2])
{
    int pipes[2][2];
    if (pipe2(pipes[0], O_CLOEXEC) != 0) {
        return -1;
    }
    if (pipe2(pipes[1], O_CLOEXEC) != 0) {
        (void)close(pipes[0][0]);
        (void)close(pipes[0][1]);
        return -1;
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void)dup2(nothing, STDIN_FILENO);
        (void)dup2(pipes[0][1], STDOUT_FILENO);
        (void)dup2(pipes[1][1], STDERR_FILENO);
        if (getppid() == parent) { /* else the parent died before prctl */
            start_program(mpi, o, is_bound, point);
        }
        _exit(127);
    }
    for (int i = 0; i < 2; i++) {
        (void)close(pipes[i][1]);
        streams[i].fd = pipes[i][0];
    }
    return pid;
}

static void end_stream(struct stream *stream)
{
    if (stream->fd >= 0) {
        (void)close(stream->fd);
        stream->fd = -1;
    }
}

/* Read what there is; of a long text the first half is dropped. */
static void read_some(struct stream *stream)
{
    const size_t half = sizeof stream->text / 2;
    if (stream->used + 1 >= sizeof stream->text) {
        memmove(stream->text, stream->text + half, stream->used - half);
        stream->used -= half;
    }
    const ssize_t got =
        read(stream->fd, stream->text + stream->used, sizeof stream->text - 1 - stream->used);
    if (got > 0) {
        stream->used += (size_t)got;
    } else if (got == 0 || errno != EINTR) {
        end_stream(stream);
    }
    stream->text[stream->used] = '\0';
}

/* Read until both streams end; false when the time is over. */
static bool read_all(struct stream streams[2], int64_t deadline_ms)
{
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        struct pollfd polled[2] = {{.fd = streams[0].fd, .events = POLLIN},
                                   {.fd = streams[1].fd, .events = POLLIN}};
        const int64_t left_ms = deadline_ms - timing_now_ms();
        if (left_ms <= 0) {
            return false;
        }
        if (poll(polled, 2, left_ms > 1000 ? 1000 : (int)left_ms) <= 0) {
            continue;
        }
        for (int i = 0; i < 2; i++) {
            if (polled[i].revents != 0) {
                read_some(&streams[i]);
            }
        }
    }
    return true;
}

/* Wait for a process that should end soon; a killed one does. */
static int reap(pid_t pid, int64_t deadline_ms)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (timing_now_ms() >= deadline_ms) {
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, &status, 0);
            break;
        }
        (void)nanosleep(&pause, NULL);
    }
    return status;
}

/* Say the last line that is not one of mpirun's rulers. */
static const char *last_words(struct stream *stream)
{
    const char *found = "it said nothing";
    char *rest = stream->text;
    while (rest != NULL) {
        const char *const line = strsep(&rest, "\n");
        if (line[strspn(line, "- \r")] != '\0') {
            found = line;
        }
    }
    return found;
}

static int read_result(struct stream *output, struct perf_mpi_result *result)
{
    const char *const line = strstr(output->text, "flashcomm-mpi 1 ");
    return line != NULL && sscanf(line, "flashcomm-mpi 1 %lf %zu %lf %zu", &result->time_us[0],
                                  &result->wrong[0], &result->time_us[1], &result->wrong[1]) == 4
               ? 0
               : -1;
}

int perf_mpi_run(const struct perf_mpi *mpi, const struct perf_options *o, bool is_bound,
                 const struct collective_point *point, struct perf_mpi_result *result,
                 struct failure *failure)
{
    struct stream streams[2] = {{.fd = -1}, {.fd = -1}};
    const int64_t timeout_ms = o->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : o->timeout_ms;
    const int64_t deadline_ms = timing_now_ms() + timeout_ms;
    const pid_t pid = spawn(mpi, o, is_bound, point, streams);
    if (pid < 0) {
        const int error = errno;
        end_stream(&streams[0]);
        end_stream(&streams[1]);
        return failure_set(failure, "mpirun could not be started: %s", strerror(error));
    }
    const bool ended = read_all(streams, deadline_ms);
    if (!ended) {
        (void)kill(pid, SIGTERM);
    }
    end_stream(&streams[0]);
    end_stream(&streams[1]);
    const int status = reap(pid, timing_now_ms() + STOP_MS);
    if (!ended) {
        return failure_set(failure, "mpirun did not end within %lld ms: stopped",
                           (long long)timeout_ms);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return failure_set(
            failure, "mpirun failed with %s %d: %s", WIFEXITED(status) ? "exit status" : "signal",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), last_words(&streams[1]));
    }
    if (read_result(&streams[0], result) != 0) {
        return failure_set(failure, "flashcomm-mpi printed no result: %s", last_words(&streams[0]));
    }
    return 0;
}
