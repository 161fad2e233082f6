// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * kill -9 of a random rank at a random moment: every survivor ends by itself, within a second, with
 * an error that names the dead rank, and nothing is left behind. FLC_KILLS (default 30) is the
 * number of kills in calls; a third as many hit a creation. TEST_SEED replays a run's choices.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect_failure.h"
#include "rank_processes.h"
#include "test_data.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define RANKS_MAX     8
#define COUNT_MAX     100000
/* The promise: a death is noticed within a second. */
#define NOTICE_US 1000000
/* When a creation that a death spoils ends: at its time-out, which counts from when the last rank
   came, plus rank 0's grace. */
#define CREATE_MS       1000
#define CREATE_END_US   2500000
#define LONG_MS         60000
#define STOPS           8
#define STOP_TIMEOUT_US 700000

/* One kill, in memory that all its processes share. */
struct scene {
    int ranks, victim;
    int is_by_allgather;
    int64_t timeout_ms;
    int start_delay_us[RANKS_MAX]; /* before the creation */
    char job[32];
    struct pair_star star;
    _Atomic int joined; /* ranks with a communicator */
    struct {
        int has_joined;
        flc_status status;
        char sentence[512];
        int64_t ended_us;
    } rank[RANKS_MAX];
};

static uint64_t random_state;
static int64_t slowest_notice_us;

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void pause_us(int64_t us)
{
    const struct timespec nap = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    (void)nanosleep(&nap, NULL);
}

static uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL || text[0] == '\0' ? otherwise : strtoull(text, NULL, 10);
}

/* ---- A rank ---- */

/* Dies where a creation has told who it is, and not yet met anyone. */
static int allgather_and_die(void *context, const void *send, void *recv, size_t bytes)
{
    const int code = pair_star_allgather(context, send, recv, bytes);
    (void)raise(SIGKILL);
    return code;
}

static flc_status create(struct scene *scene, int rank, flc_comm **comm)
{
    struct pair_star star = scene->star;
    const int dies = scene->timeout_ms == CREATE_MS && rank == scene->victim;
    const flc_bootstrap bootstrap = {.allgather = dies ? allgather_and_die : pair_star_allgather,
                                     .context = &star};
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = scene->timeout_ms;
    star.rank = rank;
    return scene->is_by_allgather
               ? flc_comm_create(&bootstrap, rank, scene->ranks, &config, comm)
               : flc_comm_create_job(scene->job, rank, scene->ranks, &config, comm);
}

/* Calls of several sizes, formats and algorithms, until one fails. */
static flc_status reduce_until_failure(flc_comm *comm)
{
    static const size_t counts[] = {5, COUNT_MAX, 4096, 20000, 1};
    static float x[COUNT_MAX];
    flc_status status = FLC_OK;
    for (size_t call = 0; status == FLC_OK; call++) {
        flc_coll_config config = FLC_COLL_CONFIG_INIT;
        if (call % 2 == 0) {
            config.reduce = config.gather = (flc_format){.bits = 4, .group = 32};
        }
        status = flc_all_reduce(comm, x, x, counts[call % LENGTH(counts)], FLC_FLOAT32, FLC_AVG,
                                &config);
    }
    return status;
}

static void be_a_rank(int rank, void *context)
{
    struct scene *scene = context;
    flc_comm *comm = NULL;
    flc_status status;
    pause_us(scene->start_delay_us[rank]);
    status = create(scene, rank, &comm);
    if (status == FLC_OK) {
        scene->rank[rank].has_joined = 1;
        scene->joined++;
        status = reduce_until_failure(comm);
    }
    scene->rank[rank].ended_us = now_us();
    scene->rank[rank].status = status;
    (void)snprintf(scene->rank[rank].sentence, sizeof scene->rank[rank].sentence, "%s",
                   flc_last_error(NULL));
    flc_comm_destroy(comm);
}

/* ---- The test ---- */

static struct scene *make_scene(void)
{
    struct scene *scene = shared_alloc(sizeof *scene);
    scene->ranks = 2 + (int)test_random_below(&random_state, RANKS_MAX - 1);
    /* Rank 0 is special at creation: it dies more often than by chance. */
    scene->victim = test_random_below(&random_state, 4) == 0
                        ? 0
                        : (int)test_random_below(&random_state, (size_t)scene->ranks);
    scene->is_by_allgather = (int)test_random_below(&random_state, 2);
    scene->timeout_ms = LONG_MS;
    make_job_name(scene->job);
    pair_star_init(&scene->star, scene->ranks);
    return scene;
}

static void free_scene(struct scene *scene)
{
    pair_star_fini(&scene->star);
    shared_free(scene, sizeof *scene);
}

/* Wait for a child to exit, at most until the deadline; kills it then. 1 if it ended by itself. */
static int wait_for_exit(pid_t pid, int64_t deadline_us)
{
    int status = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_us() > deadline_us) {
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, &status, 0);
            return 0;
        }
        pause_us(1000);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Files of the library: others come and go, such as those of an MPI. */
static int count_files(const char *folder)
{
    int count = 0;
    DIR *files = opendir(folder);
    const struct dirent *file;
    while (files != NULL && (file = readdir(files)) != NULL) {
        count += strstr(file->d_name, "flashcomm") != NULL || strstr(file->d_name, "flc") != NULL;
    }
    if (files != NULL) {
        (void)closedir(files);
    }
    return count;
}

static void expect_nothing_left(const struct scene *scene)
{
    char line[512];
    FILE *names = fopen("/proc/net/unix", "r");
    assert_non_null(names);
    while (fgets(line, sizeof line, names) != NULL) {
        assert_null(strstr(line, scene->job));
    }
    (void)fclose(names);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Wait for the others of a rank that was killed or stopped at `killed_us`, and judge how they
   ended: with `expected`, or with TIMEOUT where they did not even join. */
static void expect_survivors(const struct scene *scene, const pid_t *pids, int64_t killed_us,
                             int64_t notice_us, flc_status expected)
{
    char culprit[32];
    (void)snprintf(culprit, sizeof culprit, "rank %d ", scene->victim);
    for (int rank = 0; rank < scene->ranks; rank++) {
        int64_t took_us;
        flc_status status;
        if (rank == scene->victim) {
            continue;
        }
        if (!wait_for_exit(pids[rank], killed_us + 5 * notice_us)) {
            fail_msg("rank %d of %d did not end after rank %d was killed", rank, scene->ranks,
                     scene->victim);
        }
        took_us = scene->rank[rank].ended_us - killed_us;
        status = scene->rank[rank].status;
        if (took_us > notice_us) {
            fail_msg("rank %d of %d took %lld us to notice that rank %d was killed: %s", rank,
                     scene->ranks, (long long)took_us, scene->victim, scene->rank[rank].sentence);
        }
        if (status != expected && !(status == FLC_ERR_TIMEOUT && !scene->rank[rank].has_joined)) {
            fail_msg("rank %d of %d ended with %d after rank %d was killed: %s", rank, scene->ranks,
                     (int)status, scene->victim, scene->rank[rank].sentence);
        }
        expect_sentence(scene->rank[rank].sentence, culprit);
    }
}

static void note_slowest(const struct scene *scene, int64_t killed_us)
{
    for (int rank = 0; rank < scene->ranks; rank++) {
        const int64_t took_us = scene->rank[rank].ended_us - killed_us;
        if (rank != scene->victim && took_us > slowest_notice_us) {
            slowest_notice_us = took_us;
        }
    }
}

static void start_ranks(struct scene *scene, pid_t *pids)
{
    for (int rank = 0; rank < scene->ranks; rank++) {
        pids[rank] = rank_process_start(rank, be_a_rank, scene);
    }
}

/* Until all have joined, and a moment longer. */
static void start_ranks_and_join(struct scene *scene, pid_t *pids)
{
    const int64_t deadline_us = now_us() + 30000000;
    start_ranks(scene, pids);
    while (scene->joined < scene->ranks && now_us() < deadline_us) {
        pause_us(500);
    }
    assert_int_equal(scene->joined, scene->ranks);
    pause_us((int64_t)test_random_below(&random_state, 80000));
}

static void a_rank_that_dies_in_a_call_is_named(void **state)
{
    const uint64_t kills = number_from_environment("FLC_KILLS", 30);
    const int files = count_files("/dev/shm");
    (void)state;
    for (uint64_t k = 0; k < kills; k++) {
        struct scene *scene = make_scene();
        pid_t pids[RANKS_MAX];
        int64_t killed_us;
        start_ranks_and_join(scene, pids);
        killed_us = now_us();
        assert_int_equal(kill(pids[scene->victim], SIGKILL), 0);
        (void)waitpid(pids[scene->victim], NULL, 0);
        expect_survivors(scene, pids, killed_us, NOTICE_US, FLC_ERR_PEER);
        note_slowest(scene, killed_us);
        expect_nothing_left(scene);
        free_scene(scene);
    }
    assert_int_equal(count_files("/dev/shm"), files);
    print_message("%llu kills, slowest notice %lld ms\n", (unsigned long long)kills,
                  (long long)slowest_notice_us / 1000);
}

static void a_rank_that_dies_in_a_creation_is_named(void **state)
{
    const uint64_t kills = number_from_environment("FLC_KILLS", 30) / 3;
    (void)state;
    for (uint64_t k = 0; k < kills; k++) {
        struct scene *scene = make_scene();
        pid_t pids[RANKS_MAX];
        int64_t killed_us;
        scene->timeout_ms = CREATE_MS;
        for (int rank = 0; rank < scene->ranks; rank++) {
            scene->start_delay_us[rank] = (int)test_random_below(&random_state, 20000);
        }
        start_ranks(scene, pids);
        killed_us = now_us();
        if (!scene->is_by_allgather) { /* there the victim does it itself */
            pause_us((int64_t)test_random_below(&random_state, 25000));
            killed_us = now_us();
            assert_int_equal(kill(pids[scene->victim], SIGKILL), 0);
        }
        (void)waitpid(pids[scene->victim], NULL, 0);
        expect_survivors(scene, pids, killed_us, CREATE_END_US, FLC_ERR_PEER);
        expect_nothing_left(scene);
        free_scene(scene);
    }
}

/* Alive, but it does not move: for all that the others know, it may come back. */
static void a_rank_that_is_stopped_is_named_at_the_time_out(void **state)
{
    (void)state;
    for (int k = 0; k < STOPS; k++) {
        struct scene *scene = make_scene();
        pid_t pids[RANKS_MAX];
        int64_t stopped_us;
        scene->timeout_ms = STOP_TIMEOUT_US / 1000;
        start_ranks_and_join(scene, pids);
        stopped_us = now_us();
        assert_int_equal(kill(pids[scene->victim], SIGSTOP), 0);
        expect_survivors(scene, pids, stopped_us, STOP_TIMEOUT_US + NOTICE_US, FLC_ERR_TIMEOUT);
        assert_int_equal(kill(pids[scene->victim], SIGCONT), 0);
        assert_true(wait_for_exit(pids[scene->victim], now_us() + 5 * NOTICE_US));
        assert_int_equal(scene->rank[scene->victim].status, FLC_ERR_TIMEOUT);
        expect_nothing_left(scene);
        free_scene(scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rank_that_dies_in_a_call_is_named),
        cmocka_unit_test(a_rank_that_dies_in_a_creation_is_named),
        cmocka_unit_test(a_rank_that_is_stopped_is_named_at_the_time_out),
    };
    random_state = number_from_environment("TEST_SEED", (uint64_t)time(NULL));
    print_message("TEST_SEED=%llu\n", (unsigned long long)random_state);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
