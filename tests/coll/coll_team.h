// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks, as threads or as processes, that make a list of calls back to back on one communicator,
 * and a judge who compares what each rank received with the reference.
 */
#ifndef COLL_TEAM_H
#define COLL_TEAM_H

#include "coll_case.h"

struct coll_team {
    int ranks;
    size_t workspace_bytes; /* 0: the default; 1: the least there can be */
    int is_processes;
};

/* Make a communicator and run the cases on it in order; returns how many failed, each printed. */
int coll_team_run(const struct coll_team *team, const struct coll_case *cases, size_t case_count);

#endif
