// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Running and judging collectives: coll_team.h. Buffers lie in memory that processes share.
 */
#include "coll_team.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/format.h"
#include "coll/call.h"
#include "rank_processes.h"
#include "rank_threads.h"

#define GUARD_BYTES 64
#define GUARD_VALUE 0xa5

/* A buffer with guards on both sides: [guard and offset][elements][guard]. */
struct buffer {
    uint8_t *memory, *elems;
    size_t elems_bytes, offset_bytes, bytes;
};

/* What one case did on each rank, in shared memory. */
struct attempt {
    const struct coll_case *it;
    struct buffer send[FLC_MAX_RANKS], recv[FLC_MAX_RANKS];
    void *inputs[FLC_MAX_RANKS];
    flc_status status[FLC_MAX_RANKS];
    flc_call_info info[FLC_MAX_RANKS];
    char sentence[FLC_MAX_RANKS][512];
};

struct run {
    const struct coll_team *team;
    flc_comm_config config;
    char job[32];
    flc_comm *comms[FLC_MAX_RANKS]; /* of threads */
    struct attempt *attempts;       /* [count] */
    size_t count;
};

static struct buffer make_buffer(const struct coll_case *it, size_t elems)
{
    const size_t size = flc_type_bytes(it->type);
    struct buffer b = {.offset_bytes = GUARD_BYTES + it->offset_elems * size,
                       .elems_bytes = elems * size};
    b.bytes = b.offset_bytes + b.elems_bytes + GUARD_BYTES;
    b.memory = shared_alloc(b.bytes);
    memset(b.memory, GUARD_VALUE, b.bytes);
    b.elems = b.memory + b.offset_bytes;
    return b;
}

/* A part of a buffer, whose guards are that buffer's. */
static struct buffer part_of(const struct coll_case *it, struct buffer whole, size_t at,
                             size_t elems)
{
    const size_t size = flc_type_bytes(it->type);
    whole.elems += at * size;
    whole.elems_bytes = elems * size;
    return whole;
}

static int is_guard_intact(const struct buffer *b, size_t elems_bytes)
{
    int intact = 1;
    for (size_t i = 0; i < b->bytes; i++) {
        if (i == b->offset_bytes) {
            i += elems_bytes;
        }
        intact &= b->memory[i] == GUARD_VALUE;
    }
    return intact;
}

/* ---- Running ---- */

static int is_in_place(const struct coll_case *it, int rank)
{
    return it->is_in_place && it->kind != COLL_ALL_TO_ALL_V &&
           (it->kind != COLL_BROADCAST || rank == it->root);
}

static void prepare_rank(const struct coll_case *it, int ranks, int rank, struct attempt *a)
{
    const size_t send_elems = coll_case_send_elems(it, ranks, rank);
    const size_t recv_elems = coll_case_recv_elems(it, ranks, rank);
    const size_t at = coll_case_in_place_at(it, rank);
    const size_t size = flc_type_bytes(it->type);
    if (!is_in_place(it, rank)) {
        a->send[rank] = make_buffer(it, send_elems);
        a->recv[rank] = make_buffer(it, recv_elems);
    } else if (send_elems >= recv_elems) {
        a->send[rank] = make_buffer(it, send_elems);
        a->recv[rank] = part_of(it, a->send[rank], at, recv_elems);
    } else {
        a->recv[rank] = make_buffer(it, recv_elems);
        a->send[rank] = part_of(it, a->recv[rank], at, send_elems);
    }
    a->inputs[rank] = malloc(send_elems * size + 1);
    if (a->inputs[rank] == NULL) {
        abort();
    }
    test_fill_elems(it->type, a->inputs[rank], send_elems, it->data, it->seed + (uint64_t)rank);
    memcpy(a->send[rank].elems, a->inputs[rank], send_elems * size);
}

static void release(const struct coll_team *team, struct attempt *a)
{
    for (int rank = 0; rank < team->ranks; rank++) {
        if (a->recv[rank].memory != a->send[rank].memory) {
            shared_free(a->recv[rank].memory, a->recv[rank].bytes);
        }
        shared_free(a->send[rank].memory, a->send[rank].bytes);
        free(a->inputs[rank]);
    }
}

static void make_calls(int rank, struct run *run, flc_comm *comm)
{
    for (size_t i = 0; i < run->count; i++) {
        struct attempt *a = &run->attempts[i];
        a->status[rank] = coll_case_call(a->it, comm, a->send[rank].elems, a->recv[rank].elems);
        if (a->status[rank] == FLC_OK) {
            a->status[rank] = flc_comm_last_call(comm, &a->info[rank]);
        }
        if (a->status[rank] != FLC_OK) {
            (void)snprintf(a->sentence[rank], sizeof a->sentence[rank], "%s", flc_last_error(comm));
        }
    }
}

static void be_a_thread(int rank, void *context)
{
    struct run *run = context;
    make_calls(rank, run, run->comms[rank]);
}

static void be_a_process(int rank, void *context)
{
    struct run *run = context;
    flc_comm *comm = NULL;
    if (flc_comm_create_job(run->job, rank, run->team->ranks, &run->config, &comm) != FLC_OK) {
        run->attempts[0].status[rank] = FLC_ERR_SYSTEM;
        (void)snprintf(run->attempts[0].sentence[rank], sizeof run->attempts[0].sentence[rank],
                       "%s", flc_last_error(NULL));
        return;
    }
    make_calls(rank, run, comm);
    flc_comm_destroy(comm);
}

static void run_all(struct run *run)
{
    const int ranks = run->team->ranks;
    if (run->team->is_processes) {
        make_job_name(run->job);
        if (rank_processes_run(ranks, be_a_process, run) != 0) {
            run->attempts[0].status[0] = FLC_ERR_SYSTEM;
        }
        return;
    }
    if (flc_comm_create_local(ranks, &run->config, run->comms) != FLC_OK) {
        fprintf(stderr, "%s\n", flc_last_error(NULL));
        abort();
    }
    rank_threads_run(ranks, be_a_thread, run);
    for (int rank = 0; rank < ranks; rank++) {
        flc_comm_destroy(run->comms[rank]);
    }
}

/* ---- Judging ---- */

static int say(const struct coll_team *team, const struct attempt *a, int rank, const char *what)
{
    const struct coll_case *it = a->it;
    fprintf(stderr,
            "%s, %d %s, workspace %zu: %zu %s %s %s%s%s, root %d, offset %zu, %s data, seed %llu: "
            "rank %d: %s\n",
            coll_case_name(it), team->ranks, team->is_processes ? "processes" : "threads",
            team->workspace_bytes, it->count, flc_type_name(it->type), it->format,
            it->op == FLC_AVG ? "avg" : "sum", it->flags != 0 ? ", invariant" : "",
            it->is_in_place ? ", in place" : "", it->root, it->offset_elems,
            test_data_name(it->data), (unsigned long long)it->seed, rank, what);
    return 1;
}

static int judge_recv(const struct coll_team *team, const struct attempt *a, int rank)
{
    const struct buffer *send = &a->send[rank], *recv = &a->recv[rank];
    const int shared = send->memory == recv->memory;
    const size_t largest =
        send->elems_bytes > recv->elems_bytes ? send->elems_bytes : recv->elems_bytes;
    uint8_t *expected = malloc(recv->elems_bytes + 1);
    size_t at = 0;
    if (expected == NULL) {
        abort();
    }
    memset(expected, GUARD_VALUE, recv->elems_bytes);
    coll_case_expect(a->it, team->ranks, rank, (const void *const *)a->inputs, expected);
    while (at < recv->elems_bytes && recv->elems[at] == expected[at]) {
        at++;
    }
    free(expected);
    if (at < recv->elems_bytes) {
        char text[80];
        (void)snprintf(text, sizeof text, "element %zu differs from the reference",
                       at / flc_type_bytes(a->it->type));
        return say(team, a, rank, text);
    }
    if (!is_guard_intact(recv, shared ? largest : recv->elems_bytes) ||
        !is_guard_intact(send, shared ? largest : send->elems_bytes)) {
        return say(team, a, rank, "a byte outside of the buffers was written");
    }
    if (!shared && memcmp(send->elems, a->inputs[rank], send->elems_bytes) != 0) {
        return say(team, a, rank, "send was written");
    }
    return 0;
}

static int judge(const struct coll_team *team, const struct attempt *a, uint64_t number)
{
    for (int rank = 0; rank < team->ranks; rank++) {
        const flc_call_info *info = &a->info[rank];
        if (a->status[rank] != FLC_OK) {
            return say(team, a, rank, a->sentence[rank]);
        }
        if (judge_recv(team, a, rank)) {
            return 1;
        }
        if (strcmp(info->algorithm, team->ranks == 1 ? "copy" : "direct") != 0 ||
            info->call != number) {
            return say(team, a, rank, "the algorithm or the number of the call is wrong");
        }
        if (info->sent_bytes != coll_case_sent_bytes(a->it, team->ranks, rank) ||
            info->stats.groups != coll_case_groups(a->it, team->ranks, rank)) {
            return say(team, a, rank, "sent_bytes or groups is wrong");
        }
    }
    return 0;
}

int coll_team_run(const struct coll_team *team, const struct coll_case *cases, size_t case_count)
{
    const size_t bytes = case_count * sizeof(struct attempt);
    const size_t least = FLCI_MESSAGE_HEADER_BYTES + FLCI_BLOCK_MAX_BYTES;
    struct run run = {.team = team, .config = FLC_COMM_CONFIG_INIT, .count = case_count};
    int failed = 0;
    if (case_count == 0) {
        return 0;
    }
    run.config.timeout_ms = 60000;
    run.config.workspace_bytes =
        team->workspace_bytes == 1 ? 2 * (size_t)team->ranks * least : team->workspace_bytes;
    run.attempts = shared_alloc(bytes);
    for (size_t i = 0; i < case_count; i++) {
        run.attempts[i].it = &cases[i];
        for (int rank = 0; rank < team->ranks; rank++) {
            prepare_rank(&cases[i], team->ranks, rank, &run.attempts[i]);
        }
    }
    run_all(&run);
    for (size_t i = 0; i < case_count; i++) {
        failed += judge(team, &run.attempts[i], i + 1);
        release(team, &run.attempts[i]);
    }
    shared_free(run.attempts, bytes);
    return failed;
}
