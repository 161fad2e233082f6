// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The collectives: check arguments, choose an algorithm, run it, keep what happened.
 */
#include <stdio.h>
#include <string.h>

#include "api/comm.h"
#include "base/fpenv.h"
#include "base/log.h"
#include "coll/algorithm.h"

static flc_status check_buffers(const void *send, const void *recv, size_t count, flc_type type)
{
    const size_t size = flc_type_bytes(type);
    const uintptr_t send_at = (uintptr_t)send, recv_at = (uintptr_t)recv;
    FLCI_TRY(flci_type_check(type));
    if (count == 0) {
        return FLC_OK;
    }
    if (count > SIZE_MAX / size / 2) {
        return flci_fail(FLC_ERR_INVALID_ARG, "count is %zu: allowed are up to %zu", count,
                         SIZE_MAX / size / 2);
    }
    if (send == NULL || recv == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is NULL", send == NULL ? "send" : "recv");
    }
    if (send_at % size != 0 || recv_at % size != 0) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is %p: not aligned to an element of %s",
                         send_at % size != 0 ? "send" : "recv", send_at % size != 0 ? send : recv,
                         flc_type_name(type));
    }
    if (send_at != recv_at && send_at < recv_at + count * size &&
        recv_at < send_at + count * size) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "send and recv overlap: they must be equal (in place) or apart");
    }
    return FLC_OK;
}

static flc_status check_reduction(flc_op op, const void *send, const void *recv, size_t count,
                                  flc_type type)
{
    if (op != FLC_SUM && op != FLC_AVG) {
        return flci_fail(FLC_ERR_INVALID_ARG, "op is %d: allowed are FLC_SUM and FLC_AVG", (int)op);
    }
    return check_buffers(send, recv, count, type);
}

/* Run a call whose arguments are sound; a failure in it is the communicator's. */
static flc_status run_call(flc_comm *comm, struct flci_call *call)
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

static flc_status reduce(flc_comm *comm, struct flci_call *call, const flc_coll_config *config)
{
    struct flci_settings settings;
    const char *reason;
    FLCI_TRY(flci_settings_for_call(&comm->settings, config, &settings));
    FLCI_TRY(flci_policy_choose(call->collective, settings.algorithm, call->count, &call->algorithm,
                                &reason));
    if (comm->ranks == 1 && atomic_load(&comm->is_aborted)) {
        comm->failed = FLC_ERR_ABORTED;
    }
    if (comm->failed != FLC_OK) {
        return flci_fail(comm->failed, "this communicator failed earlier (%s): destroy it",
                         flc_strerror(comm->failed));
    }
    call->transport = comm->transport;
    call->row = comm->row;
    call->number = ++comm->calls;
    call->reduce = settings.reduce;
    call->gather = settings.gather;
    call->flags = settings.flags;
    call->sum = comm->sum;
    call->part = comm->part;
    call->wires = comm->wires;
    if (comm->ranks > 1) {
        FLCI_TRY(run_call(comm, call));
    } else if (call->count > 0 && call->recv != call->send) {
        memcpy(call->recv, call->send, call->count * flc_type_bytes(call->type));
    }
    comm->last_call = (flc_call_info){
        .transport = comm->ranks > 1 ? comm->transport->ops->name : "self",
        .algorithm = comm->ranks > 1 ? call->algorithm->name : "copy",
        .reason = comm->ranks > 1 ? reason : "one rank",
        .call = call->number,
        .sent_bytes = call->sent_bytes,
        .stats = call->stats,
    };
    flci_log(FLCI_LOG_TRACE, "rank %d call %llu: %zu elements, %s (%s)", comm->rank,
             (unsigned long long)call->number, call->count, comm->last_call.algorithm,
             comm->last_call.reason);
    return FLC_OK;
}

flc_status flc_all_reduce(flc_comm *comm, const void *send, void *recv, size_t count, flc_type type,
                          flc_op op, const flc_coll_config *config)
{
    struct flci_call call = {
        .collective = FLCI_ALL_REDUCE,
        .send = send,
        .recv = recv,
        .count = count,
        .type = type,
        .op = op,
    };
    flc_status status;
    if (comm == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "comm is NULL");
    }
    status = check_reduction(op, send, recv, count, type);
    if (status == FLC_OK) {
        status = reduce(comm, &call, config);
    }
    if (status != FLC_OK) {
        (void)snprintf(comm->error, sizeof comm->error, "%s", flci_thread_error());
    }
    return status;
}
