// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Running a case and judging it. Each rank's buffers lie in areas of their own with a front and a
 * guard; after a call the whole area must be what the model expects, so that a byte written
 * anywhere else is found too.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing_calls.h"
#include "rank_processes.h"
#include "rank_threads.h"
#include "stress.h"

#define GUARD_VALUE 0xa5
#define TIMEOUT_MS  60000
/* A prime above a block's elements. */
#define PERIOD_ELEMS 6007

/* A rank's send or receive buffer and what is around it. */
struct area {
    uint8_t *memory, *before; /* [bytes]; what it held before the call */
    size_t bytes, elems_at;   /* where the buffer starts */
};

/* One call on all ranks. In place: `recv` is the same area as `send`, the buffers within it. */
struct attempt {
    struct area send[STRESS_RANKS_MAX], recv[STRESS_RANKS_MAX];
    flc_status status[STRESS_RANKS_MAX];
    flc_call_info info[STRESS_RANKS_MAX];
    char sentence[STRESS_RANKS_MAX][256];
    long allocations[STRESS_RANKS_MAX]; /* during the call */
};

/* In memory that processes share. */
struct run {
    const struct stress_case *it;
    flc_comm *comms[STRESS_RANKS_MAX]; /* threads only */
    struct pair_star star;
    char job[32];
    flc_status created[STRESS_RANKS_MAX];
    char sentence[STRESS_RANKS_MAX][256];
    struct attempt attempt[STRESS_CALLS_MAX];
};

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes > 0 ? bytes : 1);
    if (memory == NULL) {
        fprintf(stderr, "out of memory: %zu bytes\n", bytes);
        abort();
    }
    return memory;
}

/* ---- Buffers ---- */

static struct area make_area(const struct stress_case *c, const struct stress_call *call, int rank,
                             size_t elems)
{
    const size_t size = flc_type_bytes(call->type);
    struct area area = {.elems_at = call->front_elems[rank] * size};
    area.bytes = area.elems_at + elems * size + call->guard_bytes;
    area.memory = c->world == STRESS_THREADS ? allocate(area.bytes) : shared_alloc(area.bytes + 1);
    memset(area.memory, GUARD_VALUE, area.bytes);
    return area;
}

static void keep_before(struct area *area)
{
    area->before = allocate(area->bytes);
    memcpy(area->before, area->memory, area->bytes);
}

static void free_area(const struct stress_case *c, struct area *area)
{
    if (c->world == STRESS_THREADS) {
        free(area->memory);
    } else {
        shared_free(area->memory, area->bytes + 1);
    }
    free(area->before);
}

/* Making data is what takes most of the time, so that large buffers repeat themselves, but out of
   step with blocks. */
static void fill(const struct stress_call *call, int rank, uint8_t *elems, size_t count)
{
    const size_t size = flc_type_bytes(call->type);
    const size_t made = count < PERIOD_ELEMS ? count : PERIOD_ELEMS;
    test_fill_elems(call->type, elems, made, call->data, call->seed + (uint64_t)rank);
    for (size_t i = made * size; i < count * size; i++) {
        elems[i] = elems[i - made * size];
    }
}

static void prepare(const struct stress_case *c, const struct stress_call *call, struct attempt *a)
{
    const size_t size = flc_type_bytes(call->type);
    for (int rank = 0; rank < c->ranks; rank++) {
        const size_t send_elems = stress_send_elems(call, rank);
        const size_t recv_elems = stress_recv_elems(call, rank);
        const size_t larger = send_elems > recv_elems ? send_elems : recv_elems;
        struct area *send = &a->send[rank], *recv = &a->recv[rank];
        *send = make_area(c, call, rank, call->is_in_place ? larger : send_elems);
        *recv = call->is_in_place ? *send : make_area(c, call, rank, recv_elems);
        if (call->is_in_place && call->operation->is_in_place_at_rank) {
            *(send_elems > recv_elems ? &recv->elems_at : &send->elems_at) +=
                (size_t)rank * call->count * size;
        }
        fill(call, rank, send->memory + send->elems_at, send_elems);
        keep_before(send);
        keep_before(recv);
    }
}

static void release(const struct stress_case *c, const struct stress_call *call, struct attempt *a)
{
    for (int rank = 0; rank < c->ranks; rank++) {
        free_area(c, &a->send[rank]);
        if (call->is_in_place) {
            free(a->recv[rank].before);
        } else {
            free_area(c, &a->recv[rank]);
        }
    }
}

/* ---- Running ---- */

static void make_calls(struct run *run, int rank, flc_comm *comm)
{
    for (int i = 0; i < run->it->calls; i++) {
        const struct stress_call *call = &run->it->call[i];
        struct attempt *a = &run->attempt[i];
        flc_coll_config config = FLC_COLL_CONFIG_INIT;
        config.reduce = call->reduce;
        config.gather = call->gather;
        config.algorithm = call->algorithm[0] == '\0' ? NULL : call->algorithm;
        config.flags = call->flags;
        a->allocations[rank] = -failing_calls_allocations();
        a->status[rank] = call->operation->run(
            call, comm, a->send[rank].memory + a->send[rank].elems_at,
            a->recv[rank].memory + a->recv[rank].elems_at, call->has_config ? &config : NULL);
        a->allocations[rank] += failing_calls_allocations();
        if (a->status[rank] == FLC_OK) {
            a->status[rank] = flc_comm_last_call(comm, &a->info[rank]);
        }
        if (a->status[rank] != FLC_OK) {
            (void)snprintf(a->sentence[rank], sizeof a->sentence[rank], "%s", flc_last_error(comm));
        }
    }
}

static flc_coll_config coll_of(const struct stress_case *c)
{
    flc_coll_config coll = c->coll;
    coll.algorithm = c->algorithm[0] == '\0' ? NULL : c->algorithm;
    return coll;
}

static flc_comm_config config_of(const struct stress_case *c, const flc_coll_config *coll)
{
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = TIMEOUT_MS;
    config.workspace_bytes = c->workspace_bytes;
    config.coll = coll;
    return config;
}

/* "": the fastest. Ranks that are processes may have different rows. */
static void use_row(const char *row)
{
    if (setenv("FLC_CPU", row, 1) != 0) {
        abort();
    }
}

static void run_thread(int rank, void *context)
{
    struct run *run = context;
    make_calls(run, rank, run->comms[rank]);
}

static void run_process(int rank, void *context)
{
    struct run *run = context;
    const struct stress_case *c = run->it;
    const flc_coll_config coll = coll_of(c);
    const flc_comm_config config = config_of(c, &coll);
    flc_comm *comm = NULL;
    use_row(rank % 2 == 0 ? c->row : "");
    if (c->world == STRESS_JOB) {
        run->created[rank] = flc_comm_create_job(run->job, rank, c->ranks, &config, &comm);
    } else {
        struct pair_star star = run->star;
        const flc_bootstrap bootstrap = {.allgather = pair_star_allgather, .context = &star};
        star.rank = rank;
        run->created[rank] = flc_comm_create(&bootstrap, rank, c->ranks, &config, &comm);
    }
    if (run->created[rank] != FLC_OK) {
        (void)snprintf(run->sentence[rank], sizeof run->sentence[rank], "%s", flc_last_error(NULL));
        return;
    }
    make_calls(run, rank, comm);
    flc_comm_destroy(comm);
}

static int run_threads(struct run *run)
{
    const flc_coll_config coll = coll_of(run->it);
    const flc_comm_config config = config_of(run->it, &coll);
    use_row(run->it->row);
    run->created[0] = flc_comm_create_local(run->it->ranks, &config, run->comms);
    if (run->created[0] != FLC_OK) {
        (void)snprintf(run->sentence[0], sizeof run->sentence[0], "%s", flc_last_error(NULL));
        return 0;
    }
    rank_threads_run(run->it->ranks, run_thread, run);
    for (int rank = 0; rank < run->it->ranks; rank++) {
        flc_comm_destroy(run->comms[rank]);
    }
    return 0;
}

static int run_processes(struct run *run)
{
    int failed;
    make_job_name(run->job);
    pair_star_init(&run->star, run->it->ranks);
    failed = rank_processes_run(run->it->ranks, run_process, run);
    pair_star_fini(&run->star);
    return failed;
}

/* ---- Judging ---- */

/* The algorithm that must have run: the call's, else the communicator's if the operation has it;
   where neither says, the one that did run. */
static const char *algorithm_due(const struct stress_case *c, const struct stress_call *call)
{
    if (c->ranks == 1) {
        return "copy";
    }
    if (call->algorithm[0] != '\0') {
        return strcmp(call->algorithm, "auto") == 0 ? call->ran : call->algorithm;
    }
    return stress_has_algorithm(call->operation, c->algorithm) ? c->algorithm : call->ran;
}

static int judge_info(const struct stress_case *c, int index, const struct attempt *a)
{
    const struct stress_call *call = &c->call[index];
    const char *algorithm = algorithm_due(c, call);
    for (int rank = 0; rank < c->ranks; rank++) {
        const flc_call_info *info = &a->info[rank];
        const uint64_t sent_bytes = c->ranks == 1 ? 0 : call->operation->sent_bytes(call, rank);
        if (info->call != (uint64_t)index + 1 || strcmp(info->algorithm, algorithm) != 0 ||
            info->sent_bytes != sent_bytes) {
            fprintf(stderr,
                    "rank %d: it says call %llu, %s, %llu bytes; due are %d, %s, %llu bytes\n",
                    rank, (unsigned long long)info->call, info->algorithm,
                    (unsigned long long)info->sent_bytes, index + 1, algorithm,
                    (unsigned long long)sent_bytes);
            return 1;
        }
        if (a->allocations[rank] != 0) {
            fprintf(stderr, "rank %d: the call asked for memory %ld times\n", rank,
                    a->allocations[rank]);
            return 1;
        }
    }
    return 0;
}

static int judge_area(const struct stress_call *call, int rank, const char *name,
                      const struct area *area, const uint8_t *expected)
{
    const size_t size = flc_type_bytes(call->type);
    size_t at = 0;
    if (memcmp(area->memory, expected, area->bytes) == 0) {
        return 0;
    }
    while (area->memory[at] == expected[at]) {
        at++;
    }
    fprintf(stderr, "rank %d: %s differs at element %lld: byte %zu is 0x%02x, 0x%02x expected\n",
            rank, name, (long long)(at / size) - (long long)(area->elems_at / size), at % size,
            area->memory[at], expected[at]);
    return 1;
}

static int judge_bytes(const struct stress_case *c, const struct stress_call *call,
                       const struct attempt *a)
{
    const void *inputs[STRESS_RANKS_MAX];
    uint8_t *expected[STRESS_RANKS_MAX];
    void *outputs[STRESS_RANKS_MAX];
    int failed = 0;
    for (int rank = 0; rank < c->ranks; rank++) {
        const struct area *recv = &a->recv[rank];
        inputs[rank] = a->send[rank].before + a->send[rank].elems_at;
        expected[rank] = allocate(recv->bytes);
        memcpy(expected[rank], recv->before, recv->bytes);
        outputs[rank] = expected[rank] + recv->elems_at;
    }
    call->operation->expect(call, inputs, outputs);
    for (int rank = 0; rank < c->ranks; rank++) {
        failed |= judge_area(call, rank, "recv", &a->recv[rank], expected[rank]);
        if (!call->is_in_place) {
            failed |= judge_area(call, rank, "send", &a->send[rank], a->send[rank].before);
        }
        free(expected[rank]);
    }
    return failed;
}

static int judge(struct stress_case *c, const struct run *run)
{
    for (int rank = 0; rank < c->ranks; rank++) {
        if (run->created[rank] != FLC_OK) {
            fprintf(stderr, "rank %d has no communicator: %s\n", rank, run->sentence[rank]);
            return 1;
        }
    }
    for (int i = 0; i < c->calls; i++) {
        const struct attempt *a = &run->attempt[i];
        for (int rank = 0; rank < c->ranks; rank++) {
            if (a->status[rank] != FLC_OK) {
                fprintf(stderr, "call %d, rank %d: %s\n", i + 1, rank, a->sentence[rank]);
                return 1;
            }
        }
        (void)snprintf(c->call[i].ran, sizeof c->call[i].ran, "%s", a->info[0].algorithm);
        if (judge_info(c, i, a) != 0 || judge_bytes(c, &c->call[i], a) != 0) {
            fprintf(stderr, "call %d is wrong\n", i + 1);
            return 1;
        }
    }
    return 0;
}

int stress_run(struct stress_case *c)
{
    struct run *run = shared_alloc(sizeof *run);
    const int fds = count_open_fds();
    int failed;
    run->it = c;
    for (int i = 0; i < c->calls; i++) {
        prepare(c, &c->call[i], &run->attempt[i]);
    }
    failed = c->world == STRESS_THREADS ? run_threads(run) : run_processes(run);
    if (count_open_fds() != fds) {
        fprintf(stderr, "%d file descriptors are left\n", count_open_fds() - fds);
        failed = 1;
    }
    use_row("ref"); /* for the model */
    failed |= judge(c, run);
    for (int i = 0; i < c->calls; i++) {
        release(c, &c->call[i], &run->attempt[i]);
    }
    shared_free(run, sizeof *run);
    return failed;
}
