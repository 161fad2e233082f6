// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as child processes, which share nothing with each other but the meeting and what
 * their subcommand gives them.
 *
 * The parent waits for signals only: a child's end, an interrupt, or the moment when the
 * children that outlive a failure are killed. Nothing is left behind: children die with the
 * parent (PR_SET_PDEATHSIG), and the parent reaps all of them before it goes on.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rank_launch.h"

/* After a rank failed, the others have this long to notice and to say so. */
#define GRACE_SECONDS 1

/* How long children wait for each other to start, unless --timeout-ms says otherwise. */
#define DEFAULT_WAIT_MS 60000

struct children {
    const struct rank_launch *launch;
    pid_t pids[FLC_MAX_RANKS]; /* 0: reaped, or never started */
    int alive;
    bool failed;
    int failed_rank;          /* the first, where `failed` */
    struct timespec deadline; /* of the grace, where `failed` */
    int signal;               /* that ended the wait, or 0 */
};

/* What a child's allgather needs. */
struct visitor {
    struct rank_meeting *meeting;
    int rank;
    int ranks;
    int64_t timeout_ms;
    char why_not[96]; /* why the allgather gave up, "" where it did not */
};

static int64_t elapsed_ms(const struct timespec *start)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)(now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
}

static int missing_rank(const struct visitor *visitor)
{
    int rank = 0;
    while (rank < visitor->ranks - 1 && atomic_load(&visitor->meeting->has_arrived[rank])) {
        rank++;
    }
    return rank;
}

/* The allgather by which the children find each other; the parent ends it when a child fails. */
static int introduce(void *context, const void *send, void *recv, size_t bytes)
{
    struct visitor *const visitor = context;
    struct rank_meeting *const meeting = visitor->meeting;
    const struct timespec pause = {.tv_nsec = 200000};
    struct timespec start;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    if (bytes > sizeof meeting->introductions[0]) {
        return -1;
    }
    memcpy(meeting->introductions[visitor->rank], send, bytes);
    atomic_store(&meeting->has_arrived[visitor->rank], 1);
    atomic_fetch_add(&meeting->arrived, 1);
    while (atomic_load(&meeting->arrived) < visitor->ranks) {
        const int failed = atomic_load(&meeting->failed);
        /* One that arrived before it failed stops nobody here: all ranks come to the same end. */
        if (failed != 0 && !atomic_load(&meeting->has_arrived[failed - 1])) {
            (void)snprintf(visitor->why_not, sizeof visitor->why_not,
                           "rank %d failed before all ranks had met", failed - 1);
            return -1;
        }
        if (elapsed_ms(&start) >= visitor->timeout_ms) {
            (void)snprintf(visitor->why_not, sizeof visitor->why_not,
                           "rank %d did not come within %lld ms", missing_rank(visitor),
                           (long long)visitor->timeout_ms);
            return -1;
        }
        (void)nanosleep(&pause, NULL);
    }
    for (int r = 0; r < visitor->ranks; r++) {
        memcpy((char *)recv + (size_t)r * bytes, meeting->introductions[r], bytes);
    }
    return 0;
}

static void child_run(const struct rank_launch *launch, int rank)
{
    struct visitor visitor = {.meeting = launch->meeting,
                              .rank = rank,
                              .ranks = launch->ranks,
                              .timeout_ms =
                                  launch->timeout_ms > 0 ? launch->timeout_ms : DEFAULT_WAIT_MS};
    const flc_bootstrap bootstrap = {.allgather = introduce, .context = &visitor};
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = launch->timeout_ms;
    flc_comm *comm = NULL;
    if (flc_comm_create(&bootstrap, rank, launch->ranks, &config, &comm) == FLC_OK) {
        launch->run(launch->context, comm);
        flc_comm_destroy(comm);
    } else {
        rank_fail(launch->meeting, rank,
                  visitor.why_not[0] != '\0' ? visitor.why_not : flc_last_error(NULL));
    }
}

static pid_t start_child(const struct rank_launch *launch, int rank, const sigset_t *mask)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    /* A terminal sends an interrupt to all; the parent alone decides what it means. */
    (void)signal(SIGINT, SIG_IGN);
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) { /* else the parent died before prctl */
        child_run(launch, rank);
    }
    _exit(launch->meeting->ends[rank].done ? 0 : 1);
}

static void kill_all(struct children *children)
{
    for (int r = 0; r < children->launch->ranks; r++) {
        if (children->pids[r] != 0) {
            (void)kill(children->pids[r], SIGKILL);
        }
    }
}

static void note_failure(struct children *children, int rank)
{
    if (children->failed) {
        return;
    }
    children->failed = true;
    children->failed_rank = rank;
    atomic_store(&children->launch->meeting->failed, rank + 1);
    (void)clock_gettime(CLOCK_MONOTONIC, &children->deadline);
    children->deadline.tv_sec += GRACE_SECONDS;
}

/* Judge the end of one child. */
static void note_end(struct children *children, int rank, int status)
{
    const struct rank_end *const end = &children->launch->meeting->ends[rank];
    char text[sizeof end->error];
    children->pids[rank] = 0;
    children->alive--;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && end->done) {
        return;
    }
    if (WIFSIGNALED(status)) {
        (void)snprintf(text, sizeof text, "killed by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    } else if (end->error[0] != '\0') {
        (void)snprintf(text, sizeof text, "%s", end->error);
    } else {
        (void)snprintf(text, sizeof text, "ended with exit status %d and without a result",
                       WEXITSTATUS(status));
    }
    rank_print_error(children->launch, rank, text);
    note_failure(children, rank);
}

static void reap(struct children *children)
{
    for (int r = 0; r < children->launch->ranks; r++) {
        int status = 0;
        const pid_t pid = children->pids[r];
        if (pid != 0 && waitpid(pid, &status, WNOHANG) == pid) {
            note_end(children, r, status);
        }
    }
}

/* Kill what still runs and wait for it, which takes no longer than the kernel needs. */
static void end_all(struct children *children)
{
    kill_all(children);
    for (int r = 0; r < children->launch->ranks; r++) {
        if (children->pids[r] != 0) {
            (void)waitpid(children->pids[r], NULL, 0);
            children->pids[r] = 0;
            children->alive--;
        }
    }
}

static void end_after_grace(struct children *children)
{
    char text[96];
    (void)snprintf(text, sizeof text, "still ran %d s after rank %d failed: killed", GRACE_SECONDS,
                   children->failed_rank);
    for (int r = 0; r < children->launch->ranks; r++) {
        if (children->pids[r] != 0) {
            rank_print_error(children->launch, r, text);
        }
    }
    end_all(children);
}

/* The next of the blocked signals; 0 when the grace is over. */
static int next_signal(const struct children *children, const sigset_t *signals)
{
    if (!children->failed) {
        return sigwaitinfo(signals, NULL);
    }
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    struct timespec left = {children->deadline.tv_sec - now.tv_sec,
                            children->deadline.tv_nsec - now.tv_nsec};
    if (left.tv_nsec < 0) {
        left.tv_nsec += 1000000000;
        left.tv_sec--;
    }
    if (left.tv_sec < 0) {
        return 0;
    }
    const int number = sigtimedwait(signals, NULL, &left);
    return number < 0 && errno == EAGAIN ? 0 : number;
}

static void wait_for_all(struct children *children, const sigset_t *signals)
{
    while (children->alive > 0) {
        const int number = next_signal(children, signals);
        if (number == SIGINT || number == SIGTERM) {
            children->signal = number;
            end_all(children);
        } else if (number == 0) {
            end_after_grace(children);
        } else {
            reap(children);
        }
    }
}

static void start_all(struct children *children, const sigset_t *mask)
{
    for (int r = 0; r < children->launch->ranks; r++) {
        const pid_t pid = start_child(children->launch, r, mask);
        if (pid < 0) {
            rank_print_error(children->launch, r, strerror(errno));
            note_failure(children, r);
            end_all(children);
            return;
        }
        children->pids[r] = pid;
        children->alive++;
    }
}

int run_processes(const struct rank_launch *launch)
{
    sigset_t signals;
    sigset_t mask;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)signal(SIGCHLD, SIG_DFL); /* ignored, as some parents leave it, nothing could be reaped */
    (void)sigprocmask(SIG_BLOCK, &signals, &mask);

    struct children children = {.launch = launch};
    start_all(&children, &mask);
    wait_for_all(&children, &signals);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    if (children.signal != 0) {
        (void)raise(children.signal); /* ends this process as the signal alone would have */
    }
    return children.failed || children.signal != 0 ? -1 : 0;
}
