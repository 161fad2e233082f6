// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The stress test's model: a case is one communicator and a few calls on it, back to back, all of
 * it drawn from a seed and an index (stress_draw.c), run by ranks (stress_run.c), and compared
 * with what the documents say the call writes (stress_operations.c).
 */
#ifndef STRESS_H
#define STRESS_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/flashcomm.h"
#include "test_data.h"

#define STRESS_RANKS_MAX 16
#define STRESS_CALLS_MAX 5

struct stress_call {
    const struct stress_operation *operation;
    int ranks;
    size_t count; /* as the call takes it */
    flc_type type;
    flc_op op;
    flc_format reduce, gather;
    uint32_t flags;
    char algorithm[32]; /* "": the communicator's */
    int has_config;     /* else the communicator's, which says the same */
    int is_in_place;
    int root;
    /* all_to_all_v: chunk d of rank s has counts[s][d] elements, at send_at[s][d] of what s sends
       and at recv_at[d][s] of what d receives. */
    size_t counts[STRESS_RANKS_MAX][STRESS_RANKS_MAX];
    size_t send_at[STRESS_RANKS_MAX][STRESS_RANKS_MAX], recv_at[STRESS_RANKS_MAX][STRESS_RANKS_MAX];
    size_t front_elems[STRESS_RANKS_MAX]; /* before the buffers: how they are aligned */
    size_t guard_bytes; /* behind the buffers; 0 lets the address sanitizer see reads past them */
    enum test_data data;
    uint64_t seed; /* rank r's input comes from seed + r */
    char ran[32];  /* out: the algorithm that ran */
};

struct stress_operation {
    const char *name;
    int is_send_world, is_recv_world; /* buffers of [ranks * count], else [count] */
    int has_own_counts;               /* those of all_to_all_v */
    int is_reduction;
    /* Where a rank's smaller buffer lies in the larger one when in place: at chunk `rank`. */
    int is_in_place_at_rank;
    flc_status (*run)(const struct stress_call *call, flc_comm *comm, const void *send, void *recv,
                      const flc_coll_config *config);
    uint64_t (*sent_bytes)(const struct stress_call *call, int rank); /* as in flc_call_info */
    /* inputs [ranks], as they were sent; outputs [ranks]: what recv was before, to be overwritten
       where the call writes. */
    void (*expect)(const struct stress_call *call, const void *const *inputs, void *const *outputs);
};

/* The table, NULL behind the last. */
const struct stress_operation *stress_operation_at(size_t index);

enum stress_world {
    STRESS_THREADS = 0,
    STRESS_JOB,       /* processes that know a name */
    STRESS_BOOTSTRAP, /* processes that have an allgather */
    STRESS_WORLDS
};

struct stress_case {
    uint64_t seed, index;
    enum stress_world world;
    int ranks;
    size_t workspace_bytes; /* 0: the default */
    char row[32];           /* codec row; "": the fastest */
    char algorithm[32];     /* the communicator's, as the rest of `coll` */
    flc_coll_config coll;
    int calls;
    struct stress_call call[STRESS_CALLS_MAX];
};

/* Equal seeds and indices give equal cases. */
void stress_draw(uint64_t seed, uint64_t index, struct stress_case *c);

/* Elements of a rank's buffers. */
size_t stress_send_elems(const struct stress_call *call, int rank);
size_t stress_recv_elems(const struct stress_call *call, int rank);

/* Whether the table of algorithms has `name` for `operation`. */
int stress_has_algorithm(const struct stress_operation *operation, const char *name);

/* Run and judge a case; 0 when all is right, else what is wrong is printed. */
int stress_run(struct stress_case *c);

/* One line on stderr for the case and each call. */
void stress_print(const struct stress_case *c);

#endif
