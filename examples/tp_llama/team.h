// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The ranks: threads of this process, each with its communicator and its shard of the model.
 */
#ifndef TP_LLAMA_TEAM_H
#define TP_LLAMA_TEAM_H

#include <flashcomm/flashcomm.h>

#include "failure.h"
#include "forward.h"
#include "model.h"

/* One rank, as its thread sees it. */
struct member {
    flc_comm *comm;
    struct forward forward;
    struct failure failure;
};

/* What a rank does with its member; the same on every rank. Returns 0, or -1 with
 * member->failure set. */
typedef int team_work(struct member *member, void *context);

/*
 * Run `work` on every rank and wait for all of them. A rank that fails ends the others' calls;
 * `failure` is then what the first one said.
 */
int team_run(const struct model *model, int ranks, team_work *work, void *context,
             struct failure *failure);

/* Sum `count` floats over all ranks, in place. */
int team_sum(struct member *member, const flc_coll_config *config, float *values, size_t count,
             struct failure *failure);

#endif
