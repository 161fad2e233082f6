// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as threads whose calls go wrong: each follows a script of its own, and what it ended with,
 * and when, is kept.
 */
#ifndef FAULT_TEAM_H
#define FAULT_TEAM_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/flashcomm.h"

#define FAULT_RANKS     4
#define FAULT_COUNT_MAX 30000
#define FAULT_CALLS_MAX 4

enum fault_collective {
    FAULT_ALL_REDUCE = 0,
    FAULT_REDUCE_SCATTER,
    FAULT_ALL_GATHER,
    FAULT_ALL_TO_ALL,
    FAULT_ALL_TO_ALL_V,
    FAULT_BROADCAST,
    FAULT_COLLECTIVES
};

struct fault_call {
    int delay_ms; /* before it */
    enum fault_collective collective;
    size_t count; /* of the buffer, or of each chunk */
    flc_type type;
    flc_op op;
    int root;
    size_t more_sent, more_received; /* of all_to_all_v: to and from the next rank */
    flc_coll_config config;
};

/* What a rank does after its calls. */
enum fault_end {
    FAULT_STAY = 0,
    FAULT_DESTROY, /* its communicator, at once */
    FAULT_ABORT,   /* its communicator */
};

struct fault_script {
    int calls;
    struct fault_call call[FAULT_CALLS_MAX];
    int end_delay_ms;
    enum fault_end end;
};

struct fault_team {
    int ranks;
    flc_comm *comms[FAULT_RANKS];
    struct fault_script script[FAULT_RANKS];
    /* Of each rank's last call that was made; calls end at the first that fails. */
    flc_status status[FAULT_RANKS];
    char sentence[FAULT_RANKS][512];
    int64_t took_ms[FAULT_RANKS];
    int is_guard_broken[FAULT_RANKS]; /* something was written outside of recv */
};

/* Threads, a small workspace, and scripts of no calls. */
void fault_team_init(struct fault_team *team, int ranks, int64_t timeout_ms);
void fault_team_fini(struct fault_team *team);

/* Add a call to every rank's script, raw and automatic; returns its index. */
int fault_team_add(struct fault_team *team, size_t count);

void fault_team_run(struct fault_team *team);

const char *fault_collective_name(enum fault_collective collective);

/* Assert that a rank ended with `status` after `least_ms` to `most_ms`, and that its sentence has
   `part` (or NULL). */
void fault_team_expect(const struct fault_team *team, int rank, flc_status status, const char *part,
                       int64_t least_ms, int64_t most_ms);

void pause_ms(int ms);
int64_t now_ms(void);

#endif
