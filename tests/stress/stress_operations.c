// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The operations: how each is called, and what it must write, as docs/algorithms.md and the public
 * header say it, computed one rank after the other without messages or pieces.
 */
#include <string.h>

#include "reduce_reference.h"
#include "stress.h"

static flc_status run_all_reduce(const struct stress_call *call, flc_comm *comm, const void *send,
                                 void *recv, const flc_coll_config *config)
{
    return flc_all_reduce(comm, send, recv, call->count, call->type, call->op, config);
}

static void expect_all_reduce(const struct stress_call *call, const void *const *inputs,
                              void *const *outputs)
{
    const struct reduce_call reduce = {
        .ranks = call->ranks,
        .count = call->count,
        .type = call->type,
        .op = call->op,
        .reduce = call->reduce,
        .gather = call->gather,
        .flags = call->flags,
        .is_oneshot = strcmp(call->ran, "oneshot") == 0,
    };
    reduce_reference(&reduce, inputs, outputs[0]);
    for (int rank = 1; rank < call->ranks && call->count > 0; rank++) {
        memcpy(outputs[rank], outputs[0], call->count * flc_type_bytes(call->type));
    }
}

static const struct stress_operation operations[] = {
    {
        .name = "all_reduce",
        .is_reduction = 1,
        .run = run_all_reduce,
        .expect = expect_all_reduce,
    },
};

const struct stress_operation *stress_operation_at(size_t index)
{
    return index < sizeof operations / sizeof operations[0] ? &operations[index] : NULL;
}
