// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Collectives on device memory: check arguments, enqueue, keep what happened; and what kernels
 * report. What calls of the CPU check and keep, these do too: collectives.c.
 */
#include <stdio.h>
#include <string.h>

#include "api/arguments.h"
#include "api/cuda.h"
#include "base/error.h"
#include "base/log.h"
#include "coll/algorithm.h"
#include "coll/all_reduce/all_reduce_twostep_p2p.h"
#include "coll/partition.h"
#include "cuda/cuda_error.h"

static void keep_sentence(flc_comm *comm)
{
    (void)snprintf(comm->error, sizeof comm->error, "%s", flci_thread_error());
}

/* ---- Failures ---- */

static flc_status fail_as_reported(const flc_comm *comm, const struct flci_p2p_report *report,
                                   flc_status status)
{
    const char *stage = report->stage == 0 ? "reduce" : "gather";
    const char *what = status == FLC_ERR_TIMEOUT    ? "did not answer in time"
                       : status == FLC_ERR_MISMATCH ? "made a different call"
                       : status == FLC_ERR_ABORTED  ? "was waited for when one aborted"
                                                    : flc_strerror(status);
    return flci_fail(status,
                     "all_reduce on device memory, kernel %u, %s stage, on rank %d: rank "
                     "%u %s",
                     report->call, stage, comm->rank, report->rank, what);
}

/* Look at the report; the first look at a failure makes it the communicator's, with its sentence,
   and tells the transport, so that no peer's call on host memory waits for this rank. */
static flc_status look_at_report(flc_comm *comm)
{
    struct flci_cuda *cuda = flci_cuda_of(comm);
    const flc_status reported = (flc_status) - (int)flci_p2p_reported(&cuda->p2p);
    if (comm->failed != FLC_OK) {
        return comm->failed;
    }
    if (reported != FLC_OK) {
        comm->failed = fail_as_reported(comm, cuda->p2p.report, reported);
    } else if (atomic_load(&comm->is_aborted)) {
        comm->failed = flci_fail(FLC_ERR_ABORTED, "rank %d aborted the communicator", comm->rank);
    }
    if (comm->failed != FLC_OK) {
        keep_sentence(comm);
        if (comm->transport != NULL) {
            comm->transport->ops->fail(comm->transport, comm->failed, comm->rank);
        }
    }
    return comm->failed;
}

flc_status flc_comm_cuda_error(flc_comm *comm)
{
    if (comm == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "comm is NULL");
    }
    if (flci_cuda_of(comm) == NULL) {
        (void)flci_fail(FLC_ERR_INVALID_ARG, "comm has no GPU attached: flc_comm_attach_cuda");
        keep_sentence(comm);
        return FLC_ERR_INVALID_ARG;
    }
    return look_at_report(comm);
}

/* ---- Checks ---- */

static flc_status check_algorithm(const char *name)
{
    if (strcmp(name, "auto") != 0 && strcmp(name, flci_all_reduce_twostep.name) != 0) {
        return flci_fail(FLC_ERR_UNSUPPORTED,
                         "algorithm is '%s': all_reduce on device memory has auto and %s", name,
                         flci_all_reduce_twostep.name);
    }
    return FLC_OK;
}

/* Asks the runtime only, also while the stream is being captured. */
static flc_status check_memory(const char *name, const void *pointer, int device)
{
    struct cudaPointerAttributes attributes;
    FLCI_TRY(flci_cuda_check(cudaPointerGetAttributes(&attributes, pointer),
                             "asking what %s (%p) points to", name, pointer));
    if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is %p: host memory, device memory is needed",
                         name, pointer);
    }
    if (attributes.type == cudaMemoryTypeDevice && attributes.device != device) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "%s is %p: memory of device %d, this rank's is device %d", name, pointer,
                         attributes.device, device);
    }
    return FLC_OK;
}

static flc_status check_attached(flc_comm *comm)
{
    if (flci_cuda_of(comm) == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "comm has no GPU attached: flc_comm_attach_cuda");
    }
    if (comm->failed != FLC_OK) {
        return flci_fail(comm->failed, "this communicator failed earlier (%s): destroy it",
                         flc_strerror(comm->failed));
    }
    return look_at_report(comm);
}

/* ---- Running ---- */

static uint64_t wire_bytes(flc_format format, const struct flci_call *call, int ranks, int rank)
{
    const struct flci_span chunk = flci_partition_chunk(call->count, ranks, rank);
    size_t bytes = 0;
    (void)flc_format_wire_bytes(format, call->type, chunk.count, &bytes);
    return bytes;
}

/* What this rank pushes: its part of each peer's chunk, and its own chunk's sum to each. */
static uint64_t bytes_sent(const flc_comm *comm, const struct flci_call *call)
{
    uint64_t bytes =
        (uint64_t)(comm->ranks - 1) * wire_bytes(call->gather, call, comm->ranks, comm->rank);
    for (int rank = 0; rank < comm->ranks; rank++) {
        bytes += rank == comm->rank ? 0 : wire_bytes(call->reduce, call, comm->ranks, rank);
    }
    return bytes;
}

static flc_status enqueue_on_device(const flc_comm *comm, const struct flci_p2p *p2p,
                                    const struct flci_call *call, cudaStream_t stream)
{
    const struct flci_all_reduce_p2p fused = {.send = call->send,
                                              .recv = call->recv,
                                              .count = call->count,
                                              .type = call->type,
                                              .op = call->op,
                                              .reduce = call->reduce,
                                              .gather = call->gather,
                                              .flags = call->flags};
    FLCI_TRY(check_memory("send", call->send, p2p->device));
    FLCI_TRY(check_memory("recv", call->recv, p2p->device));
    if (comm->ranks > 1) {
        return flci_all_reduce_p2p_launch(p2p, &fused, stream);
    }
    if (call->send == call->recv) {
        return FLC_OK;
    }
    return flci_cuda_check(cudaMemcpyAsync(call->recv, call->send,
                                           call->count * flc_type_bytes(call->type),
                                           cudaMemcpyDeviceToDevice, stream),
                           "enqueueing a copy");
}

static void keep_call(flc_comm *comm, const struct flci_call *call)
{
    const int is_alone = comm->ranks == 1;
    comm->last_call = (flc_call_info){
        .transport = is_alone ? "self" : "cuda_p2p",
        .algorithm = is_alone ? "copy" : flci_all_reduce_twostep.name,
        .reason = is_alone ? "one rank" : "the algorithm for device memory",
        .call = ++comm->calls,
        .sent_bytes = is_alone ? 0 : bytes_sent(comm, call),
    };
    flci_log(FLCI_LOG_TRACE, "rank %d call %llu: all_reduce on device memory, %zu elements",
             comm->rank, (unsigned long long)comm->calls, call->count);
}

static flc_status run(flc_comm *comm, struct flci_call *call, const flc_coll_config *config,
                      cudaStream_t stream)
{
    struct flci_settings settings;
    struct flci_p2p *p2p;
    int previous = 0;
    flc_status status;
    FLCI_TRY(flci_arguments_check(call, comm->rank, comm->ranks));
    FLCI_TRY(flci_settings_for_call(&comm->settings, config, &settings));
    FLCI_TRY(check_algorithm(settings.algorithm));
    FLCI_TRY(check_attached(comm));
    if (call->count == 0) {
        return FLC_OK;
    }
    call->reduce = settings.reduce;
    call->gather = settings.gather;
    call->flags = settings.flags;
    p2p = &flci_cuda_of(comm)->p2p;
    FLCI_TRY(flci_cuda_enter(p2p->device, &previous));
    status = enqueue_on_device(comm, p2p, call, stream);
    flci_cuda_leave(previous);
    if (status == FLC_OK) {
        keep_call(comm, call);
    } else if (status == FLC_ERR_CUDA || status == FLC_ERR_NO_MEMORY) {
        /* The peers' kernels must not wait for this one. */
        comm->failed = status;
        flci_p2p_fail(p2p, status);
    }
    return status;
}

flc_status flc_all_reduce_cuda(flc_comm *comm, const void *send, void *recv, size_t count,
                               flc_type type, flc_op op, const flc_coll_config *config,
                               cudaStream_t stream)
{
    struct flci_call call = {.collective = FLCI_ALL_REDUCE,
                             .send = send,
                             .recv = recv,
                             .count = count,
                             .type = type,
                             .op = op};
    flc_status status;
    if (comm == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "comm is NULL");
    }
    status = run(comm, &call, config, stream);
    if (status != FLC_OK) {
        keep_sentence(comm);
    }
    return status;
}
