// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks that make different calls: all of them end with MISMATCH long before the time-out, the
 * sentences name rank, stage, call and what differs, and no buffer is written beyond its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "expect_failure.h"
#include "fault_team.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define RANKS         3
#define TIMEOUT_MS    30000
#define QUICK_MS      3000

struct difference {
    const char *part; /* of the sentence of who finds out */
    size_t count, other_count;
    flc_type type;
    flc_op op;
    uint8_t reduce_bits, gather_bits;
    const char *algorithm;
    uint32_t flags;
    enum fault_collective collective, other_collective;
    int root;
    size_t more_sent, more_received;
};

static const struct difference differences[] = {
    {.part = "count is", .count = 100, .other_count = 101},
    {.part = "count is", .count = 100, .other_count = 0},
    {.part = "count is", .count = 4096, .other_count = 4097}, /* another algorithm */
    {.part = "count is", .count = 30000, .other_count = 10},
    {.part = "count is", .count = 30000, .other_count = 29999},
    {.part = "type is", .count = 100, .type = FLC_BFLOAT16},
    {.part = "op is", .count = 30000, .op = FLC_AVG},
    {.part = "format is", .count = 100, .reduce_bits = 4},
    {.part = "format is", .count = 30000, .gather_bits = 8},
    {.part = "algorithm is", .count = 100, .algorithm = "twostep"},
    {.part = "algorithm is", .count = 30000, .algorithm = "oneshot"},
    {.part = "flags are", .count = 30000, .flags = FLC_INVARIANT},
    {.part = "collective is", .count = 100, .other_collective = FAULT_REDUCE_SCATTER},
    {.part = "collective is", .count = 30000, .other_collective = FAULT_ALL_GATHER},
    {.part = "collective is", .count = 30000, .other_collective = FAULT_BROADCAST},
    {.part = "collective is", .count = 0, .other_collective = FAULT_ALL_TO_ALL},
};

/* Each is tried with every collective other than all_reduce. */
static const struct difference differences_of_any[] = {
    {.part = "count is", .count = 20000, .other_count = 19999},
    {.part = "count is", .count = 0, .other_count = 1},
    {.part = "type is", .count = 100, .type = FLC_BFLOAT16},
    {.part = "format is", .count = 20000, .reduce_bits = 4},
    {.part = "format is", .count = 20000, .gather_bits = 8},
    {.part = "flags are", .count = 100, .flags = FLC_INVARIANT},
    {.part = "op is", .count = 20000, .op = FLC_AVG, .collective = FAULT_REDUCE_SCATTER},
    {.part = "root is", .count = 100, .root = 1, .collective = FAULT_BROADCAST},
    {.part = "root is", .count = 30000, .root = 2, .collective = FAULT_BROADCAST},
    {.part = "send_counts[", .count = 9, .more_sent = 1, .collective = FAULT_ALL_TO_ALL_V},
    {.part = "recv_counts[", .count = 0, .more_received = 9000, .collective = FAULT_ALL_TO_ALL_V},
    {.part = "send_counts[", .count = 9000, .more_sent = 5000, .collective = FAULT_ALL_TO_ALL_V},
};

static void make_differ(struct fault_call *call, const struct difference *d)
{
    if (strcmp(d->part, "collective is") == 0) {
        call->collective = d->other_collective;
    }
    call->root = d->root;
    call->more_sent = d->more_sent;
    call->more_received = d->more_received;
    call->count = strcmp(d->part, "count is") == 0 ? d->other_count : d->count;
    call->type = d->type;
    call->op = d->op;
    if (d->reduce_bits != 0) {
        call->config.reduce = (flc_format){.bits = d->reduce_bits, .group = 128};
    }
    if (d->gather_bits != 0) {
        call->config.gather = (flc_format){.bits = d->gather_bits, .group = 128};
    }
    call->config.algorithm = d->algorithm;
    call->config.flags = d->flags;
}

/* All ranks end with MISMATCH; one at least says what differs, on a line that names the call.
   Counts of a pair of ranks that differ do not tell which of the two is wrong. */
static void expect_mismatch(const struct fault_team *team, int odd, const char *part, int call)
{
    const int is_pair = strstr(part, "_counts[") != NULL;
    char name[48], culprit[32];
    int found = 0;
    (void)snprintf(culprit, sizeof culprit, "rank %d made a different call", odd);
    for (int rank = 0; rank < team->ranks; rank++) {
        (void)snprintf(name, sizeof name, "%s call %d, ",
                       fault_collective_name(team->script[rank].call[call - 1].collective), call);
        fault_team_expect(team, rank, FLC_ERR_MISMATCH, "made a different call", 0, QUICK_MS);
        expect_sentence(team->sentence[rank], " stage");
        expect_sentence(team->sentence[rank], name);
        /* The odd one sees others who differ. */
        found |= rank != odd && strstr(team->sentence[rank], part) != NULL &&
                 strstr(team->sentence[rank], culprit) != NULL;
        found |= (rank == odd || is_pair) && strstr(team->sentence[rank], part) != NULL;
    }
    assert_true(found);
}

static void try_difference(const struct difference *d, enum fault_collective collective, int odd,
                           int late)
{
    struct fault_team team;
    int call;
    fault_team_init(&team, RANKS, TIMEOUT_MS);
    (void)fault_team_add(&team, 50); /* a good one before it */
    call = fault_team_add(&team, d->count);
    for (int rank = 0; rank < RANKS; rank++) {
        team.script[rank].call[call].collective = collective;
    }
    make_differ(&team.script[odd].call[call], d);
    team.script[late].call[call].delay_ms = 20;
    fault_team_run(&team);
    expect_mismatch(&team, odd, d->part, 2);
    fault_team_fini(&team);
}

static void different_calls_end_on_all_ranks(void **state)
{
    (void)state;
    for (size_t k = 0; k < LENGTH(differences) * RANKS; k++) {
        try_difference(&differences[k / RANKS], FAULT_ALL_REDUCE, (int)(k % RANKS),
                       (int)(k / 2 % RANKS));
    }
}

/* all_to_all_v has no common count: its counts differ by pairs. */
static int is_tried(const struct difference *d, enum fault_collective collective)
{
    return d->collective != FAULT_ALL_REDUCE
               ? d->collective == collective
               : collective != FAULT_ALL_TO_ALL_V || strcmp(d->part, "count is") != 0;
}

static void different_calls_of_any_collective_end_on_all_ranks(void **state)
{
    (void)state;
    for (int collective = 1; collective < FAULT_COLLECTIVES; collective++) {
        for (size_t k = 0; k < LENGTH(differences_of_any); k++) {
            const struct difference *d = &differences_of_any[k];
            for (int odd = 0; odd < RANKS; odd++) {
                if (is_tried(d, (enum fault_collective)collective)) {
                    try_difference(d, (enum fault_collective)collective, odd,
                                   (odd + (int)k) % RANKS);
                }
            }
        }
    }
}

static void a_call_too_few_is_a_mismatch(void **state)
{
    (void)state;
    for (int odd = 0; odd < RANKS; odd++) {
        struct fault_team team;
        fault_team_init(&team, RANKS, TIMEOUT_MS);
        (void)fault_team_add(&team, 20000);
        (void)fault_team_add(&team, 7);
        team.script[odd].call[0] = team.script[odd].call[1];
        team.script[odd].calls = 1;
        fault_team_run(&team);
        expect_mismatch(&team, odd, "count is", 1);
        fault_team_fini(&team);
    }
}

/* The same call, but one rank makes fewer of them and leaves: no time-out either. */
static void try_leaving(enum fault_collective collective, int odd)
{
    struct fault_team team;
    char culprit[32], name[48];
    fault_team_init(&team, RANKS, TIMEOUT_MS);
    for (int call = 0; call < 2; call++) {
        (void)fault_team_add(&team, 20000);
        for (int rank = 0; rank < RANKS; rank++) {
            team.script[rank].call[call].collective = collective;
        }
    }
    team.script[odd].calls = 1;
    team.script[odd].end = FAULT_DESTROY;
    team.script[odd].end_delay_ms = odd * 50;
    fault_team_run(&team);
    (void)snprintf(culprit, sizeof culprit, "rank %d (", odd);
    (void)snprintf(name, sizeof name, "%s call 2, ", fault_collective_name(collective));
    for (int rank = 0; rank < RANKS; rank++) {
        if (rank != odd) {
            fault_team_expect(&team, rank, FLC_ERR_PEER, culprit, 0, QUICK_MS);
            expect_sentence(team.sentence[rank], name);
            expect_sentence(team.sentence[rank], "is gone");
        }
    }
    fault_team_expect(&team, odd, FLC_OK, NULL, 0, QUICK_MS);
    fault_team_fini(&team);
}

static void a_rank_that_leaves_early_is_named(void **state)
{
    (void)state;
    for (int collective = 0; collective < FAULT_COLLECTIVES; collective++) {
        for (int odd = 0; odd < RANKS; odd++) {
            try_leaving((enum fault_collective)collective, odd);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(different_calls_end_on_all_ranks),
        cmocka_unit_test(different_calls_of_any_collective_end_on_all_ranks),
        cmocka_unit_test(a_call_too_few_is_a_mismatch),
        cmocka_unit_test(a_rank_that_leaves_early_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
