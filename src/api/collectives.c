// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The collectives: check arguments, choose an algorithm, run it, keep what happened.
 */
#include <stdio.h>
#include <string.h>

#include "api/arguments.h"
#include "api/comm.h"
#include "base/fpenv.h"
#include "base/log.h"
#include "coll/algorithm.h"

/* Run a call whose arguments are sound; a failure in it is the communicator's. */
static flc_status run_on_ranks(flc_comm *comm, struct flci_call *call)
{
    const flci_fpenv saved = flci_fpenv_enter();
    const flc_status status = call->algorithm->run(call);
    flci_fpenv_leave(saved);
    if (status != FLC_OK) {
        comm->failed = status;
        comm->transport->ops->fail(comm->transport, status, comm->rank); /* if not told yet */
        return status;
    }
    comm->transport->ops->finish(comm->transport);
    return FLC_OK;
}

/* With one rank every collective is an exact copy. */
static flc_status run_alone(flc_comm *comm, struct flci_call *call)
{
    struct flci_span chunk = {0, call->count};
    size_t at = 0;
    if (call->collective == FLCI_ALL_TO_ALL_V) {
        chunk = (struct flci_span){call->send_offsets[0], call->send_counts[0]};
        at = call->recv_offsets[0];
        if (call->send_counts[0] != call->recv_counts[0]) {
            comm->failed = FLC_ERR_MISMATCH;
            return flci_fail(FLC_ERR_MISMATCH,
                             "all_to_all_v call %llu: send_counts[0] is %zu and recv_counts[0] is "
                             "%zu, both on rank 0",
                             (unsigned long long)call->number, call->send_counts[0],
                             call->recv_counts[0]);
        }
    }
    flci_call_copy(call, chunk, at);
    return FLC_OK;
}

/* The names a collective's algorithms have, for a sentence. */
static const char *algorithm_names(enum flci_collective collective, char *text, size_t text_bytes)
{
    const struct flci_algorithm *row;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; (row = flci_algorithm_at(i)) != NULL; i++) {
        if (row->collective == collective && used < text_bytes) {
            used += (size_t)snprintf(text + used, text_bytes - used, ", %s", row->name);
        }
    }
    return text;
}

/* A name given with the call must be one of this collective's. The communicator's, or that of
   FLC_ALGO, speaks for the collectives that have it; it leaves the others automatic. */
static flc_status choose(struct flci_call *call, const char *asked,
                         const struct flci_settings *settings, const char **reason)
{
    char names[128];
    if (flci_policy_choose(call->collective, settings->algorithm, call->count, &call->algorithm,
                           reason) == FLC_OK) {
        return FLC_OK;
    }
    if (asked != NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "algorithm is '%s': allowed for %s are auto%s", asked,
                         flci_collective_name(call->collective),
                         algorithm_names(call->collective, names, sizeof names));
    }
    return flci_policy_choose(call->collective, "auto", call->count, &call->algorithm, reason);
}

/* Elements of recv, in all chunks. */
static size_t elems_received(const struct flci_call *call, int ranks)
{
    size_t elems = call->count;
    if (call->collective == FLCI_ALL_GATHER || call->collective == FLCI_ALL_TO_ALL) {
        elems *= (size_t)ranks;
    }
    for (int rank = 0; call->collective == FLCI_ALL_TO_ALL_V && rank < ranks; rank++) {
        elems += call->recv_counts[rank];
    }
    return elems;
}

static void keep_call(flc_comm *comm, const struct flci_call *call, const char *reason)
{
    const int is_alone = comm->ranks == 1;
    comm->last_call = (flc_call_info){
        .transport = is_alone ? "self" : comm->transport->ops->name,
        .algorithm = is_alone ? "copy" : call->algorithm->name,
        .reason = is_alone ? "one rank" : reason,
        .call = call->number,
        .sent_bytes = call->sent_bytes,
        .stats = call->stats,
    };
    flci_log(FLCI_LOG_TRACE, "rank %d call %llu: %s, %zu elements received, %s (%s)", comm->rank,
             (unsigned long long)call->number, flci_collective_name(call->collective),
             call->recv_elems, comm->last_call.algorithm, comm->last_call.reason);
}

static flc_status run_checked(flc_comm *comm, struct flci_call *call, const flc_coll_config *config)
{
    struct flci_settings settings;
    const char *reason;
    FLCI_TRY(flci_settings_for_call(&comm->settings, config, &settings));
    FLCI_TRY(choose(call, config == NULL ? NULL : config->algorithm, &settings, &reason));
    if (comm->ranks == 1 && atomic_load(&comm->is_aborted)) {
        comm->failed = FLC_ERR_ABORTED;
    }
    if (comm->failed != FLC_OK) {
        return flci_fail(comm->failed, "this communicator failed earlier (%s): destroy it",
                         flc_strerror(comm->failed));
    }
    call->recv_elems = elems_received(call, comm->ranks);
    call->transport = comm->transport;
    call->row = comm->row;
    call->number = ++comm->calls;
    call->reduce = settings.reduce;
    call->gather = settings.gather;
    call->flags = settings.flags;
    call->sum = comm->sum;
    call->part = comm->part;
    call->wires = comm->wires;
    FLCI_TRY(comm->ranks == 1 ? run_alone(comm, call) : run_on_ranks(comm, call));
    keep_call(comm, call, reason);
    return FLC_OK;
}

static flc_status run(flc_comm *comm, struct flci_call call, const flc_coll_config *config)
{
    flc_status status;
    if (comm == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "comm is NULL");
    }
    status = flci_arguments_check(&call, comm->rank, comm->ranks);
    if (status == FLC_OK) {
        status = run_checked(comm, &call, config);
    }
    if (status != FLC_OK) {
        (void)snprintf(comm->error, sizeof comm->error, "%s", flci_thread_error());
    }
    return status;
}

flc_status flc_all_reduce(flc_comm *comm, const void *send, void *recv, size_t count, flc_type type,
                          flc_op op, const flc_coll_config *config)
{
    const struct flci_call call = {.collective = FLCI_ALL_REDUCE,
                                   .send = send,
                                   .recv = recv,
                                   .count = count,
                                   .type = type,
                                   .op = op};
    return run(comm, call, config);
}

flc_status flc_reduce_scatter(flc_comm *comm, const void *send, void *recv, size_t recv_count,
                              flc_type type, flc_op op, const flc_coll_config *config)
{
    const struct flci_call call = {.collective = FLCI_REDUCE_SCATTER,
                                   .send = send,
                                   .recv = recv,
                                   .count = recv_count,
                                   .type = type,
                                   .op = op};
    return run(comm, call, config);
}

flc_status flc_all_gather(flc_comm *comm, const void *send, void *recv, size_t send_count,
                          flc_type type, const flc_coll_config *config)
{
    const struct flci_call call = {.collective = FLCI_ALL_GATHER,
                                   .send = send,
                                   .recv = recv,
                                   .count = send_count,
                                   .type = type};
    return run(comm, call, config);
}

flc_status flc_all_to_all(flc_comm *comm, const void *send, void *recv, size_t count, flc_type type,
                          const flc_coll_config *config)
{
    const struct flci_call call = {
        .collective = FLCI_ALL_TO_ALL, .send = send, .recv = recv, .count = count, .type = type};
    return run(comm, call, config);
}

flc_status flc_all_to_all_v(flc_comm *comm, const void *send, const size_t *send_counts,
                            const size_t *send_offsets, void *recv, const size_t *recv_counts,
                            const size_t *recv_offsets, flc_type type,
                            const flc_coll_config *config)
{
    const struct flci_call call = {.collective = FLCI_ALL_TO_ALL_V,
                                   .send = send,
                                   .recv = recv,
                                   .type = type,
                                   .send_counts = send_counts,
                                   .send_offsets = send_offsets,
                                   .recv_counts = recv_counts,
                                   .recv_offsets = recv_offsets};
    return run(comm, call, config);
}

flc_status flc_broadcast(flc_comm *comm, const void *send, void *recv, size_t count, flc_type type,
                         int root, const flc_coll_config *config)
{
    const struct flci_call call = {.collective = FLCI_BROADCAST,
                                   .send = send,
                                   .recv = recv,
                                   .count = count,
                                   .type = type,
                                   .root = root};
    return run(comm, call, config);
}
