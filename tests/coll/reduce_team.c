// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Running and judging all_reduce: reduce_team.h.
 */
#include "reduce_team.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/format.h"
#include "coll/call.h"
#include "elem_convert.h"
#include "rank_threads.h"
#include "reduce_check.h"
#include "reduce_reference.h"

#define GUARD_BYTES 64
#define GUARD_VALUE 0xa5

/* A buffer with guards on both sides: [guard and offset][elements][guard]. */
struct buffer {
    uint8_t *memory, *elems;
    size_t offset_bytes, elem_bytes;
};

/* What one case did on each rank. */
struct attempt {
    const struct reduce_case *it;
    struct reduce_call call;
    void *inputs[FLC_MAX_RANKS];
    struct buffer send[FLC_MAX_RANKS], recv[FLC_MAX_RANKS];
    flc_status status[FLC_MAX_RANKS];
    flc_call_info info[FLC_MAX_RANKS];
};

struct run {
    struct reduce_team *team;
    struct attempt *attempts;
    size_t count;
};

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (memory == NULL) {
        fprintf(stderr, "out of memory: %zu bytes\n", bytes);
        abort();
    }
    return memory;
}

static struct buffer make_buffer(const struct reduce_case *it, const void *content)
{
    const size_t size = flc_type_bytes(it->type);
    struct buffer b = {.offset_bytes = GUARD_BYTES + it->offset_elems * size,
                       .elem_bytes = it->count * size};
    const size_t bytes = b.offset_bytes + b.elem_bytes + GUARD_BYTES;
    b.memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (b.memory == NULL) {
        abort();
    }
    memset(b.memory, GUARD_VALUE, bytes);
    b.elems = b.memory + b.offset_bytes;
    if (content != NULL && b.elem_bytes > 0) {
        memcpy(b.elems, content, b.elem_bytes);
    }
    return b;
}

static int is_guard_intact(const struct buffer *b)
{
    int intact = 1;
    for (size_t i = 0; i < b->offset_bytes; i++) {
        intact &= b->memory[i] == GUARD_VALUE;
    }
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        intact &= b->elems[b->elem_bytes + i] == GUARD_VALUE;
    }
    return intact;
}

/* ---- Running ---- */

void reduce_team_create(struct reduce_team *team, int ranks, size_t workspace_bytes)
{
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    const size_t slot_bytes = FLCI_MESSAGE_HEADER_BYTES + FLCI_BLOCK_MAX_BYTES;
    memset(team, 0, sizeof *team);
    team->ranks = ranks;
    config.workspace_bytes =
        workspace_bytes == 1 ? 2 * (size_t)ranks * slot_bytes : workspace_bytes;
    config.timeout_ms = 60000;
    team->workspace_bytes = config.workspace_bytes;
    if (flc_comm_create_local(ranks, &config, team->comms) != FLC_OK) {
        fprintf(stderr, "%s\n", flc_last_error(NULL));
        abort();
    }
}

void reduce_team_destroy(struct reduce_team *team)
{
    for (int rank = 0; rank < team->ranks; rank++) {
        flc_comm_destroy(team->comms[rank]);
    }
}

static void prepare(const struct reduce_team *team, const struct reduce_case *it,
                    const void *const *inputs, struct attempt *a)
{
    const size_t bytes = it->count * flc_type_bytes(it->type);
    memset(a, 0, sizeof *a);
    a->it = it;
    a->call = (struct reduce_call){.ranks = team->ranks,
                                   .count = it->count,
                                   .type = it->type,
                                   .op = it->op,
                                   .flags = it->flags};
    a->call.is_oneshot = it->algorithm == NULL ? it->count <= FLC_BLOCK_ELEMS
                                               : strcmp(it->algorithm, "oneshot") == 0;
    if (flc_format_parse_pair(it->format, &a->call.reduce, &a->call.gather) != FLC_OK) {
        fprintf(stderr, "%s\n", flc_last_error(NULL));
        abort();
    }
    for (int rank = 0; rank < team->ranks; rank++) {
        a->inputs[rank] = allocate(bytes + 1);
        if (inputs == NULL) {
            test_fill_elems(it->type, a->inputs[rank], it->count, it->data,
                            it->seed + (uint64_t)rank);
        } else {
            memcpy(a->inputs[rank], inputs[rank], bytes);
        }
        a->send[rank] = make_buffer(it, a->inputs[rank]);
        a->recv[rank] = it->is_in_place ? a->send[rank] : make_buffer(it, NULL);
    }
}

static void release(const struct reduce_team *team, struct attempt *a)
{
    for (int rank = 0; rank < team->ranks; rank++) {
        free(a->inputs[rank]);
        free(a->send[rank].memory);
        if (!a->it->is_in_place) {
            free(a->recv[rank].memory);
        }
    }
}

static flc_coll_config config_of(const struct attempt *a)
{
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    config.reduce = a->call.reduce;
    config.gather = a->call.gather;
    config.algorithm = a->it->algorithm;
    config.flags = a->it->flags;
    return config;
}

static void run_rank(int rank, void *context)
{
    struct run *run = context;
    flc_comm *comm = run->team->comms[rank];
    for (size_t i = 0; i < run->count; i++) {
        struct attempt *a = &run->attempts[i];
        const flc_coll_config config = config_of(a);
        a->status[rank] = flc_all_reduce(comm, a->send[rank].elems, a->recv[rank].elems,
                                         a->it->count, a->it->type, a->it->op, &config);
        if (a->status[rank] == FLC_OK) {
            a->status[rank] = flc_comm_last_call(comm, &a->info[rank]);
        }
    }
}

/* ---- Judging ---- */

static int say(const struct reduce_team *team, const struct attempt *a, const char *what)
{
    const struct reduce_case *it = a->it;
    fprintf(stderr,
            "%d ranks, workspace %zu: %zu %s %s %s %s%s%s, offset %zu, %s data, seed %llu: %s\n",
            team->ranks, team->workspace_bytes, it->count, flc_type_name(it->type),
            it->op == FLC_AVG ? "avg" : "sum", it->format,
            it->algorithm == NULL ? "auto" : it->algorithm,
            (it->flags & FLC_INVARIANT) != 0 ? " invariant" : "",
            it->is_in_place ? " in place" : "", it->offset_elems, test_data_name(it->data),
            (unsigned long long)it->seed, what);
    return 1;
}

static int judge_bytes(const struct reduce_team *team, const struct attempt *a,
                       const uint8_t *expected)
{
    char text[160];
    for (int rank = 0; rank < team->ranks; rank++) {
        const uint8_t *got = a->recv[rank].elems;
        size_t at = 0;
        while (at < a->recv[rank].elem_bytes && got[at] == expected[at]) {
            at++;
        }
        if (at < a->recv[rank].elem_bytes) {
            (void)snprintf(text, sizeof text, "rank %d differs from the reference at element %zu",
                           rank, at / flc_type_bytes(a->it->type));
            return say(team, a, text);
        }
        if (!is_guard_intact(&a->recv[rank]) || !is_guard_intact(&a->send[rank])) {
            return say(team, a, "a byte outside of the buffers was written");
        }
        if (!a->it->is_in_place && a->it->count > 0 &&
            memcmp(a->send[rank].elems, a->inputs[rank], a->send[rank].elem_bytes) != 0) {
            return say(team, a, "send was written");
        }
    }
    return 0;
}

static int judge_info(const struct reduce_team *team, const struct attempt *a, uint64_t number)
{
    const char *algorithm = a->call.is_oneshot ? "oneshot" : "twostep";
    for (int rank = 0; rank < team->ranks; rank++) {
        const flc_call_info *info = &a->info[rank];
        if (strcmp(info->algorithm, team->ranks == 1 ? "copy" : algorithm) != 0) {
            return say(team, a, "another algorithm ran than was asked for");
        }
        if (info->call != number) {
            return say(team, a, "the number of the call is wrong");
        }
        if (info->sent_bytes != reduce_reference_sent_bytes(&a->call, rank) ||
            info->stats.groups != reduce_reference_groups(&a->call, rank)) {
            return say(team, a, "sent_bytes or groups is wrong");
        }
    }
    return 0;
}

/* Whether some sum comes near the end of the type's range, or of float32's on the way: then it may
   be infinite or NaN, and no bound speaks of it. */
static int may_overflow(const struct reduce_team *team, const struct attempt *a)
{
    const double limit = a->it->type == FLC_FLOAT16 ? 65504.0 : (double)FLT_MAX;
    double total = 0.0;
    for (int rank = 0; rank < team->ranks; rank++) {
        double largest = 0.0;
        for (size_t i = 0; i < a->it->count; i++) {
            const double x = fabs(elem_value(a->it->type, a->inputs[rank], i));
            largest = isfinite(x) && x > largest ? x : largest;
        }
        total += largest;
    }
    return total > 0.5 * limit;
}

static int judge_accuracy(const struct reduce_team *team, const struct attempt *a)
{
    const flc_coll_config config = config_of(a);
    struct flc_reduce_check check;
    char text[160];
    if (may_overflow(team, a)) {
        return 0;
    }
    if (flc_reduce_check((const void *const *)a->inputs, team->ranks, a->it->count, a->it->type,
                         a->it->op, &config, a->info[0].algorithm, a->recv[0].elems, &check) != 0) {
        return say(team, a, "out of memory");
    }
    if (check.out_of_bound != 0) {
        (void)snprintf(text, sizeof text, "%zu elements are out of bound, the largest error is %g",
                       check.out_of_bound, check.max_abs_error);
        return say(team, a, text);
    }
    if (a->it->least_sqnr_db > 0.0 && check.sqnr_db < a->it->least_sqnr_db) {
        (void)snprintf(text, sizeof text, "SQNR is %.2f dB, %.2f expected", check.sqnr_db,
                       a->it->least_sqnr_db);
        return say(team, a, text);
    }
    return 0;
}

static int judge(struct reduce_team *team, const struct attempt *a)
{
    const uint64_t number = ++team->calls;
    uint8_t *expected;
    int failed;
    for (int rank = 0; rank < team->ranks; rank++) {
        if (a->status[rank] != FLC_OK) {
            fprintf(stderr, "rank %d: %s\n", rank, flc_last_error(team->comms[rank]));
            return say(team, a, flc_strerror(a->status[rank]));
        }
    }
    expected = allocate(a->recv[0].elem_bytes + 1);
    reduce_reference(&a->call, (const void *const *)a->inputs, expected);
    failed =
        judge_bytes(team, a, expected) || judge_info(team, a, number) || judge_accuracy(team, a);
    free(expected);
    return failed;
}

int reduce_team_run(struct reduce_team *team, const struct reduce_case *cases, size_t case_count)
{
    struct run run = {.team = team, .count = case_count};
    int failed = 0;
    run.attempts = allocate(case_count * sizeof *run.attempts);
    for (size_t i = 0; i < case_count; i++) {
        prepare(team, &cases[i], NULL, &run.attempts[i]);
    }
    rank_threads_run(team->ranks, run_rank, &run);
    for (size_t i = 0; i < case_count; i++) {
        failed += judge(team, &run.attempts[i]);
        release(team, &run.attempts[i]);
    }
    free(run.attempts);
    return failed;
}

int reduce_team_run_inputs(struct reduce_team *team, const struct reduce_case *it,
                           const void *const *inputs, void *result)
{
    struct attempt a;
    struct run run = {.team = team, .attempts = &a, .count = 1};
    int failed;
    prepare(team, it, inputs, &a);
    rank_threads_run(team->ranks, run_rank, &run);
    failed = judge(team, &a);
    memcpy(result, a.recv[0].elems, a.recv[0].elem_bytes);
    release(team, &a);
    return failed;
}
