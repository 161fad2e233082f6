// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Threads with scripts: fault_team.h.
 */
#define _GNU_SOURCE
#include "fault_team.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "expect_failure.h"
#include "rank_threads.h"

#define GUARD_BYTES 256
#define GUARD_VALUE 0x5a
/* Small slots, so that calls have several pieces and failures find them midway. */
#define WORKSPACE_BYTES 200000

void pause_ms(int ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    while (nanosleep(&left, &left) != 0) {
    }
}

int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void fault_team_init(struct fault_team *team, int ranks, int64_t timeout_ms)
{
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    memset(team, 0, sizeof *team);
    config.timeout_ms = timeout_ms;
    config.workspace_bytes = WORKSPACE_BYTES;
    team->ranks = ranks;
    assert_int_equal(flc_comm_create_local(ranks, &config, team->comms), FLC_OK);
}

void fault_team_fini(struct fault_team *team)
{
    for (int rank = 0; rank < team->ranks; rank++) {
        flc_comm_destroy(team->comms[rank]);
    }
}

int fault_team_add(struct fault_team *team, size_t count)
{
    const int index = team->script[0].calls;
    for (int rank = 0; rank < team->ranks; rank++) {
        struct fault_call *call = &team->script[rank].call[index];
        call->count = count;
        call->config = (flc_coll_config)FLC_COLL_CONFIG_INIT;
        team->script[rank].calls = index + 1;
    }
    return index;
}

const char *fault_collective_name(enum fault_collective collective)
{
    static const char *const names[FAULT_COLLECTIVES] = {
        "all_reduce", "reduce_scatter", "all_gather", "all_to_all", "all_to_all_v", "broadcast"};
    return names[collective];
}

static flc_status call_with_counts(flc_comm *comm, const struct fault_call *call, const void *send,
                                   void *recv)
{
    const int ranks = flc_comm_ranks(comm), next = (flc_comm_rank(comm) + 1) % ranks;
    size_t send_counts[FAULT_RANKS], recv_counts[FAULT_RANKS], offsets[FAULT_RANKS];
    for (int rank = 0; rank < ranks; rank++) {
        send_counts[rank] = call->count + (rank == next ? call->more_sent : 0);
        recv_counts[rank] = call->count + (rank == next ? call->more_received : 0);
        offsets[rank] = (size_t)rank * FAULT_COUNT_MAX;
    }
    return flc_all_to_all_v(comm, send, send_counts, offsets, recv, recv_counts, offsets,
                            call->type, &call->config);
}

static flc_status call_collective(flc_comm *comm, const struct fault_call *call, const void *send,
                                  void *recv)
{
    const flc_coll_config *config = &call->config;
    switch (call->collective) {
    case FAULT_REDUCE_SCATTER:
        return flc_reduce_scatter(comm, send, recv, call->count, call->type, call->op, config);
    case FAULT_ALL_GATHER:
        return flc_all_gather(comm, send, recv, call->count, call->type, config);
    case FAULT_ALL_TO_ALL:
        return flc_all_to_all(comm, send, recv, call->count, call->type, config);
    case FAULT_ALL_TO_ALL_V:
        return call_with_counts(comm, call, send, recv);
    case FAULT_BROADCAST:
        return flc_broadcast(comm, send, recv, call->count, call->type, call->root, config);
    default:
        return flc_all_reduce(comm, send, recv, call->count, call->type, call->op, config);
    }
}

/* Elements recv has at the most. */
static size_t recv_elems(const struct fault_team *team, const struct fault_call *call)
{
    switch (call->collective) {
    case FAULT_ALL_GATHER:
    case FAULT_ALL_TO_ALL:
        return (size_t)team->ranks * call->count;
    case FAULT_ALL_TO_ALL_V:
        return (size_t)team->ranks * FAULT_COUNT_MAX;
    default:
        return call->count;
    }
}

static void make_call(struct fault_team *team, int rank, const struct fault_call *call)
{
    const size_t bytes = recv_elems(team, call) * flc_type_bytes(call->type);
    float *send = calloc((size_t)FAULT_RANKS * FAULT_COUNT_MAX, sizeof *send);
    uint8_t *recv = malloc(GUARD_BYTES + bytes + GUARD_BYTES);
    int64_t start_ms;
    if (send == NULL || recv == NULL) {
        abort();
    }
    memset(recv, GUARD_VALUE, GUARD_BYTES + bytes + GUARD_BYTES);
    pause_ms(call->delay_ms);
    start_ms = now_ms();
    team->status[rank] = call_collective(team->comms[rank], call, send, recv + GUARD_BYTES);
    team->took_ms[rank] = now_ms() - start_ms;
    if (team->status[rank] != FLC_OK) {
        (void)snprintf(team->sentence[rank], sizeof team->sentence[rank], "%s",
                       flc_last_error(team->comms[rank]));
    }
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        team->is_guard_broken[rank] |=
            recv[i] != GUARD_VALUE || recv[GUARD_BYTES + bytes + i] != GUARD_VALUE;
    }
    free(send);
    free(recv);
}

static void follow_script(int rank, void *context)
{
    struct fault_team *team = context;
    const struct fault_script *script = &team->script[rank];
    for (int i = 0; i < script->calls && team->status[rank] == FLC_OK; i++) {
        make_call(team, rank, &script->call[i]);
    }
    pause_ms(script->end_delay_ms);
    if (script->end == FAULT_DESTROY) {
        flc_comm_destroy(team->comms[rank]);
        team->comms[rank] = NULL;
    } else if (script->end == FAULT_ABORT) {
        flc_comm_abort(team->comms[rank]);
    }
}

void fault_team_run(struct fault_team *team)
{
    rank_threads_run(team->ranks, follow_script, team);
    for (int rank = 0; rank < team->ranks; rank++) {
        assert_false(team->is_guard_broken[rank]);
    }
}

void fault_team_expect(const struct fault_team *team, int rank, flc_status status, const char *part,
                       int64_t least_ms, int64_t most_ms)
{
    if (team->status[rank] != status) {
        fail_msg("rank %d ended with %d, %d expected: '%s'", rank, (int)team->status[rank],
                 (int)status, team->sentence[rank]);
    }
    if (part != NULL) {
        expect_sentence(team->sentence[rank], part);
    }
    if (team->took_ms[rank] < least_ms || team->took_ms[rank] > most_ms) {
        fail_msg("rank %d took %d ms, %d to %d expected: '%s'", rank, (int)team->took_ms[rank],
                 (int)least_ms, (int)most_ms, team->sentence[rank]);
    }
}
