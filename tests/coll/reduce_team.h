// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks as threads that all-reduce a list of cases back to back, and a judge who compares each
 * result with the reference, with the documented bound and with what must not change.
 */
#ifndef REDUCE_TEAM_H
#define REDUCE_TEAM_H

#include "flashcomm/flashcomm.h"
#include "test_data.h"

struct reduce_case {
    size_t count;
    flc_type type;
    flc_op op;
    const char *format;    /* of both steps, or a pair */
    const char *algorithm; /* NULL: automatic */
    uint32_t flags;
    int is_in_place;
    size_t offset_elems; /* of the buffers behind a 64-byte boundary */
    enum test_data data;
    uint64_t seed;        /* rank r's input comes from seed + r */
    double least_sqnr_db; /* 0: not judged */
};

struct reduce_team {
    int ranks;
    size_t workspace_bytes;
    uint64_t calls; /* so far */
    flc_comm *comms[FLC_MAX_RANKS];
};

/* workspace_bytes 0: the default; 1: the least there can be. Ends the program on failure. */
void reduce_team_create(struct reduce_team *team, int ranks, size_t workspace_bytes);
void reduce_team_destroy(struct reduce_team *team);

/* Run the cases in order without a pause between them; returns how many failed, each printed. */
int reduce_team_run(struct reduce_team *team, const struct reduce_case *cases, size_t case_count);

/* Run one case on inputs of the caller's, [ranks] arrays of [count] elements, judged likewise.
   `result` [count] gets what all ranks received. 0 when all is right. */
int reduce_team_run_inputs(struct reduce_team *team, const struct reduce_case *it,
                           const void *const *inputs, void *result);

#endif
