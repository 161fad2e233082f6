// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What goes wrong with collectives on GPUs ends in an error within the bound, on every rank: ranks
 * that disagree, a rank that stays away, an abort, bad arguments. After each, new communicators on
 * the same GPUs must work. Without a GPU: exit status 77.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cuda_batch.h"
#include "rank_threads.h"

#define TIMEOUT_MS  2000
#define BOUND_MS    8000 /* two calls that time out one after the other, and some room */
#define ABORT_MS    1500 /* an abort after ABORT_AT_MS is noticed well before the time-out */
#define ABORT_AT_MS 300
#define IMAGE_BYTES ((size_t)8 << 20)
#define PROGRAM_S   240

/* What a rank calls, and what came of it. */
struct rank_call {
    int is_absent;
    size_t count;
    flc_type type;
    const char *format;
    flc_status status;
    char sentence[256];
    long wall_ms;
};

struct scene {
    const char *name;
    struct cuda_team *team;
    int retries; /* calls to make after one that seemed to succeed */
    struct rank_call rank[FLC_CUDA_MAX_RANKS];
};

static int failed;

static void fail(const struct scene *scene, int rank, const char *what)
{
    const struct rank_call *r = &scene->rank[rank];
    fprintf(stderr, "FAILED: %s, %d ranks: rank %d: %s (%s, '%s', %ld ms)\n", scene->name,
            scene->team->ranks, rank, what, flc_strerror(r->status), r->sentence, r->wall_ms);
    failed++;
}

static long now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void begin(struct scene *scene, struct cuda_team *team, const char *name, int ranks)
{
    memset(scene, 0, sizeof *scene);
    scene->name = name;
    scene->team = team;
    (void)snprintf(cuda_watched, sizeof cuda_watched, "%s, %d ranks", name, ranks);
    if (cuda_team_join(team, ranks, TIMEOUT_MS, NULL) != 0) {
        exit(1);
    }
    for (int rank = 0; rank < ranks; rank++) {
        scene->rank[rank] = (struct rank_call){
            .count = 100000, .type = FLC_BFLOAT16, .format = "int4", .status = FLC_OK};
    }
}

static flc_status call_and_wait(struct cuda_rank *r, const struct rank_call *call)
{
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    flc_status status = flc_format_parse_pair(call->format, &config.reduce, &config.gather);
    if (status == FLC_OK) {
        status = flc_all_reduce_cuda(r->comm, r->work, r->scratch, call->count, call->type, FLC_SUM,
                                     &config, r->stream);
    }
    CUDA_MUST(cudaStreamSynchronize(r->stream));
    return status != FLC_OK ? status : flc_comm_cuda_error(r->comm);
}

/* A rank whose own part was done in time may learn of the others' trouble by its next call. */
static void run_rank(int rank, void *context)
{
    struct scene *scene = context;
    struct rank_call *call = &scene->rank[rank];
    struct cuda_rank *r = &scene->team->rank[rank];
    const long start = now_ms();
    if (call->is_absent) {
        return;
    }
    CUDA_MUST(cudaSetDevice(r->device));
    call->status = call_and_wait(r, call);
    for (int i = 0; i < scene->retries && call->status == FLC_OK; i++) {
        call->status = call_and_wait(r, call);
    }
    call->wall_ms = now_ms() - start;
    (void)snprintf(call->sentence, sizeof call->sentence, "%s", flc_last_error(r->comm));
}

/* New communicators on these GPUs give right results. */
static void expect_working(struct cuda_team *team, const char *after)
{
    static struct cuda_batch batch;
    memset(&batch, 0, sizeof batch);
    batch.note = after;
    batch.rounds = 2;
    for (int i = 0; i < 4; i++) {
        struct cuda_call call = {.count = (size_t)1 + (size_t)i * 20011,
                                 .type = FLC_BFLOAT16,
                                 .op = FLC_SUM,
                                 .late_rank = -1,
                                 .seed = (uint64_t)i};
        (void)flc_format_parse_pair("int4", &call.reduce, &call.gather);
        (void)cuda_batch_add(&batch, team, call);
    }
    if (cuda_batch_run(team, &batch) != 0) {
        fprintf(stderr, "FAILED: a communicator made after '%s' does not work\n", after);
        failed++;
    }
}

static void end(struct scene *scene)
{
    const int ranks = scene->team->ranks;
    cuda_team_leave(scene->team);
    if (cuda_team_join(scene->team, ranks, 20000, NULL) != 0) {
        exit(1);
    }
    expect_working(scene->team, scene->name);
    cuda_team_leave(scene->team);
}

static void expect_bounded(const struct scene *scene, long bound_ms)
{
    for (int rank = 0; rank < scene->team->ranks; rank++) {
        if (scene->rank[rank].wall_ms > bound_ms) {
            fail(scene, rank, "took too long");
        }
    }
}

/* ---- Ranks that disagree ---- */

static void test_mismatch(struct cuda_team *team, int ranks, const char *name,
                          const struct rank_call *other)
{
    struct scene scene;
    begin(&scene, team, name, ranks);
    scene.retries = 2;
    scene.rank[ranks - 1].count = other->count;
    scene.rank[ranks - 1].type = other->type;
    scene.rank[ranks - 1].format = other->format;
    rank_threads_run(ranks, run_rank, &scene);
    for (int rank = 0; rank < ranks; rank++) {
        const flc_status status = scene.rank[rank].status;
        if (status != FLC_ERR_MISMATCH && status != FLC_ERR_TIMEOUT) {
            fail(&scene, rank, "MISMATCH or TIMEOUT expected");
        }
    }
    expect_bounded(&scene, BOUND_MS);
    end(&scene);
}

static void test_mismatches(struct cuda_team *team, int ranks)
{
    const struct rank_call smaller = {.count = 5, .type = FLC_BFLOAT16, .format = "int4"};
    const struct rank_call larger = {.count = 1000000, .type = FLC_BFLOAT16, .format = "int4"};
    const struct rank_call typed = {.count = 100000, .type = FLC_FLOAT16, .format = "int4"};
    const struct rank_call wider = {.count = 100000, .type = FLC_FLOAT32, .format = "int4"};
    const struct rank_call formatted = {.count = 100000, .type = FLC_BFLOAT16, .format = "int8"};
    test_mismatch(team, ranks, "a smaller count", &smaller);
    test_mismatch(team, ranks, "a larger count", &larger);
    test_mismatch(team, ranks, "another type of the same size", &typed);
    test_mismatch(team, ranks, "a larger type", &wider);
    test_mismatch(team, ranks, "another format", &formatted);
}

/* ---- A rank that stays away ---- */

static void test_absent(struct cuda_team *team, int ranks)
{
    struct scene scene;
    char name[16];
    begin(&scene, team, "an absent rank", ranks);
    scene.rank[ranks - 1].is_absent = 1;
    (void)snprintf(name, sizeof name, "rank %d", ranks - 1);
    rank_threads_run(ranks, run_rank, &scene);
    int named = 0;
    for (int rank = 0; rank < ranks - 1; rank++) {
        if (scene.rank[rank].status != FLC_ERR_TIMEOUT) {
            fail(&scene, rank, "TIMEOUT expected");
        }
        if (scene.rank[rank].wall_ms < TIMEOUT_MS / 2) {
            fail(&scene, rank, "ended before the time-out");
        }
        named += strstr(scene.rank[rank].sentence, name) != NULL;
    }
    if (named == 0) {
        fail(&scene, 0, "no rank's sentence names the absent one");
    }
    expect_bounded(&scene, BOUND_MS);
    end(&scene);
}

/* ---- An abort while a rank waits ---- */

static void *abort_soon(void *argument)
{
    const struct timespec pause = {0, ABORT_AT_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
    flc_comm_abort(argument);
    return NULL;
}

static void test_abort(struct cuda_team *team, int ranks, int by)
{
    struct scene scene;
    pthread_t thread;
    begin(&scene, team, by == 0 ? "an abort of one's own" : "a peer's abort", ranks);
    scene.rank[ranks - 1].is_absent = 1;
    if (pthread_create(&thread, NULL, abort_soon, team->rank[by].comm) != 0) {
        exit(1);
    }
    rank_threads_run(ranks, run_rank, &scene);
    (void)pthread_join(thread, NULL);
    for (int rank = 0; rank < ranks - 1; rank++) {
        if (scene.rank[rank].status != FLC_ERR_ABORTED) {
            fail(&scene, rank, "ABORTED expected");
        }
    }
    expect_bounded(&scene, ABORT_MS);
    end(&scene);
}

/* ---- Bad arguments ---- */

static void expect_refused(const struct scene *scene, flc_status status, const char *what)
{
    if (status != FLC_ERR_INVALID_ARG) {
        fprintf(stderr, "FAILED: %s: %s: INVALID_ARG expected, got %s\n", scene->name, what,
                flc_strerror(status));
        failed++;
    } else if (flc_last_error(NULL)[0] == '\0') {
        fprintf(stderr, "FAILED: %s: %s: no sentence\n", scene->name, what);
        failed++;
    }
}

static void test_arguments(struct cuda_team *team)
{
    static uint16_t host[64];
    struct scene scene;
    begin(&scene, team, "bad arguments", 2);
    struct cuda_rank *r = &team->rank[0];
    uint8_t *send = r->work, *recv = r->scratch;
    CUDA_MUST(cudaSetDevice(r->device));
#define CALL(from, to, count, type, op)                                                            \
    flc_all_reduce_cuda(r->comm, from, to, count, type, op, NULL, r->stream)
    expect_refused(&scene, CALL(host, recv, 64, FLC_BFLOAT16, FLC_SUM), "send in host memory");
    expect_refused(&scene, CALL(send, host, 64, FLC_BFLOAT16, FLC_SUM), "recv in host memory");
    expect_refused(&scene, CALL(NULL, recv, 64, FLC_BFLOAT16, FLC_SUM), "send NULL");
    expect_refused(&scene, CALL(send, NULL, 64, FLC_BFLOAT16, FLC_SUM), "recv NULL");
    expect_refused(&scene, CALL(send, send + 2, 64, FLC_BFLOAT16, FLC_SUM), "overlap");
    expect_refused(&scene, CALL(send + 1, recv, 64, FLC_BFLOAT16, FLC_SUM),
                   "send between elements");
    expect_refused(&scene, CALL(send, recv, 64, (flc_type)9, FLC_SUM), "unknown type");
    expect_refused(&scene, CALL(send, recv, 64, FLC_BFLOAT16, (flc_op)9), "unknown op");
    expect_refused(&scene, CALL(send, recv, SIZE_MAX, FLC_BFLOAT16, FLC_SUM), "count");
    if (CALL(NULL, NULL, 0, FLC_BFLOAT16, FLC_SUM) != FLC_OK) {
        fprintf(stderr, "FAILED: a call of no elements is refused\n");
        failed++;
    }
#undef CALL
    if (flc_all_reduce_cuda(r->on_host, send, recv, 64, FLC_BFLOAT16, FLC_SUM, NULL, r->stream) ==
        FLC_OK) {
        fprintf(stderr, "FAILED: a communicator without a GPU takes a call\n");
        failed++;
    }
    /* What was refused has not begun: the same communicators go on. The other rank must make the
       call of no elements too. */
    (void)flc_all_reduce_cuda(team->rank[1].comm, NULL, NULL, 0, FLC_BFLOAT16, FLC_SUM, NULL,
                              team->rank[1].stream);
    expect_working(team, scene.name);
    cuda_team_leave(team);
}

int main(void)
{
    static struct cuda_team team;
    const time_t start = time(NULL);
    (void)cuda_gpu_count();
    cuda_watchdog_start(PROGRAM_S);
    cuda_team_open(&team, 4, IMAGE_BYTES);
    test_arguments(&team);
    for (int ranks = 2; ranks <= 4; ranks += 2) {
        test_mismatches(&team, ranks);
        test_absent(&team, ranks);
        test_abort(&team, ranks, 0);
        test_abort(&team, ranks, ranks - 1);
    }
    cuda_team_close(&team);
    printf("errors_cuda_test: %d GPU(s), %d failed, %ld s\n", team.gpus, failed,
           (long)(time(NULL) - start));
    return failed != 0;
}
