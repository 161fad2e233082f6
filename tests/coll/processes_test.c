// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as forked processes, joined by a job name and by an allgather: the same bytes as threads,
 * several communicators at once, names used again right away, any order of arrival, and nothing
 * left behind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "rank_processes.h"
#include "rank_threads.h"
#include "test_data.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define RANKS_MAX     5
#define COUNT         20011

static const int some_ranks[] = {2, 3, 5};

/* What each rank did, in memory that all share. */
struct outcome {
    flc_status status;
    char sentence[512];
    int fds_before, fds_after;
    float result[2][COUNT];
};

struct plan {
    char job[32];
    int ranks;
    int is_by_allgather;
    int creations; /* one after the other under the same name */
    int arrival_ms[RANKS_MAX];
    struct pair_star star;
    struct outcome *outcomes;   /* [ranks] */
    flc_comm *comms[RANKS_MAX]; /* of threads */
};

static const char *const formats[] = {"int4:g32/int8", "raw"};

static void pause_ms(int ms)
{
    const struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)nanosleep(&nap, NULL);
}

/* Two calls, results [2][COUNT]. */
static flc_status reduce_twice(flc_comm *comm, int rank, float result[2][COUNT])
{
    flc_status status = FLC_OK;
    for (size_t k = 0; k < 2 && status == FLC_OK; k++) {
        flc_coll_config config = FLC_COLL_CONFIG_INIT;
        if (flc_format_parse_pair(formats[k], &config.reduce, &config.gather) != FLC_OK) {
            return FLC_ERR_INVALID_ARG;
        }
        test_fill(result[k], COUNT, TEST_OUTLIERS, (uint64_t)rank + 100 * k);
        status = flc_all_reduce(comm, result[k], result[k], COUNT, FLC_FLOAT32, FLC_AVG, &config);
    }
    return status;
}

static flc_status create(struct plan *plan, int rank, flc_comm **comm)
{
    const flc_bootstrap bootstrap = {.allgather = pair_star_allgather, .context = &plan->star};
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = 20000;
    return plan->is_by_allgather ? flc_comm_create(&bootstrap, rank, plan->ranks, &config, comm)
                                 : flc_comm_create_job(plan->job, rank, plan->ranks, &config, comm);
}

static void be_a_process(int rank, void *context)
{
    struct plan *plan = context;
    struct outcome *o = &plan->outcomes[rank];
    o->fds_before = count_open_fds();
    if (plan->is_by_allgather) {
        plan->star.rank = rank; /* the child's own copy */
    }
    pause_ms(plan->arrival_ms[rank]);
    for (int i = 0; i < plan->creations && o->status == FLC_OK; i++) {
        flc_comm *comm = NULL;
        o->status = create(plan, rank, &comm);
        if (o->status == FLC_OK) {
            o->status = reduce_twice(comm, rank, o->result);
        }
        if (o->status != FLC_OK) {
            (void)snprintf(o->sentence, sizeof o->sentence, "%s", flc_last_error(NULL));
        }
        flc_comm_destroy(comm);
    }
    o->fds_after = count_open_fds();
}

static void be_a_thread(int rank, void *context)
{
    struct plan *plan = context;
    plan->outcomes[rank].status =
        reduce_twice(plan->comms[rank], rank, plan->outcomes[rank].result);
}

/* The result all ranks must have. */
static void reduce_by_threads(int ranks, float result[2][COUNT])
{
    struct plan plan = {.ranks = ranks};
    plan.outcomes = calloc((size_t)ranks, sizeof *plan.outcomes);
    assert_non_null(plan.outcomes);
    assert_int_equal(flc_comm_create_local(ranks, NULL, plan.comms), FLC_OK);
    rank_threads_run(ranks, be_a_thread, &plan);
    for (int rank = 0; rank < ranks; rank++) {
        assert_int_equal(plan.outcomes[rank].status, FLC_OK);
        flc_comm_destroy(plan.comms[rank]);
    }
    memcpy(result, plan.outcomes[0].result, sizeof plan.outcomes[0].result);
    free(plan.outcomes);
}

static void expect_outcomes(const struct plan *plan, float expected[2][COUNT])
{
    for (int rank = 0; rank < plan->ranks; rank++) {
        const struct outcome *o = &plan->outcomes[rank];
        assert_string_equal(o->sentence, "");
        assert_int_equal(o->status, FLC_OK);
        assert_int_equal(o->fds_before, o->fds_after);
        assert_memory_equal(o->result, expected, sizeof o->result);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void run_plan(struct plan *plan)
{
    static float expected[2][COUNT];
    const size_t bytes = (size_t)plan->ranks * sizeof *plan->outcomes;
    plan->outcomes = shared_alloc(bytes);
    make_job_name(plan->job);
    pair_star_init(&plan->star, plan->ranks);
    assert_int_equal(rank_processes_run(plan->ranks, be_a_process, plan), 0);
    pair_star_fini(&plan->star);
    reduce_by_threads(plan->ranks, expected);
    expect_outcomes(plan, expected);
    shared_free(plan->outcomes, bytes);
}

static void a_job_gives_the_same_bytes_as_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(some_ranks); i++) {
        struct plan plan = {.ranks = some_ranks[i], .creations = 1};
        run_plan(&plan);
    }
}

static void an_allgather_gives_the_same_bytes_as_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(some_ranks); i++) {
        struct plan plan = {.ranks = some_ranks[i], .creations = 1, .is_by_allgather = 1};
        run_plan(&plan);
    }
}

static void a_name_can_be_used_again_right_away(void **state)
{
    (void)state;
    for (int is_by_allgather = 0; is_by_allgather <= 1; is_by_allgather++) {
        struct plan plan = {.ranks = 3, .creations = 50, .is_by_allgather = is_by_allgather};
        run_plan(&plan);
    }
}

static void ranks_may_arrive_in_any_order(void **state)
{
    static const int arrivals[][RANKS_MAX] = {
        {300, 200, 100, 0, 50}, /* rank 0 last */
        {0, 50, 100, 150, 200}, /* rank 0 first */
        {100, 200, 0, 0, 300},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(arrivals); i++) {
        for (int is_by_allgather = 0; is_by_allgather <= 1; is_by_allgather++) {
            struct plan plan = {.ranks = 5, .creations = 1, .is_by_allgather = is_by_allgather};
            memcpy(plan.arrival_ms, arrivals[i], sizeof plan.arrival_ms);
            run_plan(&plan);
        }
    }
}

/* ---- Several at once ---- */

enum { SETS = 4 };

struct many {
    struct plan plan;
    char jobs[SETS][32];
};

/* Every rank is in SETS communicators, made in one order and used in another. */
static void be_in_many(int rank, void *context)
{
    struct many *many = context;
    struct outcome *o = &many->plan.outcomes[rank];
    flc_comm *comms[SETS] = {NULL};
    float first[2][COUNT];
    for (int s = 0; s < SETS && o->status == FLC_OK; s++) {
        memcpy(many->plan.job, many->jobs[s], sizeof many->plan.job);
        o->status = create(&many->plan, rank, &comms[s]);
    }
    for (int s = SETS; s-- > 0 && o->status == FLC_OK;) {
        o->status = reduce_twice(comms[s], rank, o->result);
        if (s < SETS - 1 && memcmp(first, o->result, sizeof first) != 0) {
            o->status = FLC_ERR_CORRUPT;
        }
        memcpy(first, o->result, sizeof first);
    }
    if (o->status != FLC_OK) {
        (void)snprintf(o->sentence, sizeof o->sentence, "%s", flc_last_error(NULL));
    }
    for (int s = 0; s < SETS; s++) {
        flc_comm_destroy(comms[s]);
    }
}

static void communicators_do_not_disturb_each_other(void **state)
{
    static float expected[2][COUNT];
    struct many many = {.plan = {.ranks = 3}};
    const size_t bytes = 3 * sizeof *many.plan.outcomes;
    (void)state;
    many.plan.outcomes = shared_alloc(bytes);
    for (int s = 0; s < SETS; s++) {
        make_job_name(many.jobs[s]);
    }
    assert_int_equal(rank_processes_run(3, be_in_many, &many), 0);
    reduce_by_threads(3, expected);
    expect_outcomes(&many.plan, expected);
    shared_free(many.plan.outcomes, bytes);
}

/* Ranks of a job may be threads of one process too; here leaks are looked for as well. */
static void a_job_of_threads_works(void **state)
{
    static float expected[2][COUNT];
    struct plan plan = {.ranks = 3, .creations = 5};
    const int fds = count_open_fds();
    (void)state;
    plan.outcomes = calloc(3, sizeof *plan.outcomes);
    assert_non_null(plan.outcomes);
    make_job_name(plan.job);
    rank_threads_run(3, be_a_process, &plan);
    reduce_by_threads(3, expected);
    for (int rank = 0; rank < 3; rank++) {
        assert_string_equal(plan.outcomes[rank].sentence, "");
        assert_memory_equal(plan.outcomes[rank].result, expected, sizeof expected);
    }
    assert_int_equal(count_open_fds(), fds);
    free(plan.outcomes);
}

static void nothing_is_left_behind(void **state)
{
    char line[512], mine[64];
    FILE *names = fopen("/proc/net/unix", "r");
    (void)state;
    assert_non_null(names);
    (void)snprintf(mine, sizeof mine, "/test-%ld-", (long)getpid());
    while (fgets(line, sizeof line, names) != NULL) {
        assert_null(strstr(line, mine));
    }
    (void)fclose(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_gives_the_same_bytes_as_threads),
        cmocka_unit_test(an_allgather_gives_the_same_bytes_as_threads),
        cmocka_unit_test(a_name_can_be_used_again_right_away),
        cmocka_unit_test(ranks_may_arrive_in_any_order),
        cmocka_unit_test(communicators_do_not_disturb_each_other),
        cmocka_unit_test(a_job_of_threads_works),
        cmocka_unit_test(nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
