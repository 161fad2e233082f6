// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Attaching GPUs to a communicator: with_cuda.h. p2p.h tells how ranks go through it together, and
 * why one that fails takes part to the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cuda.h"
#include "base/error.h"
#include "base/log.h"
#include "base/param.h"
#include "coll/all_reduce/all_reduce_twostep_p2p.h"
#include "cuda/cuda_error.h"

_Static_assert(FLC_CUDA_MAX_RANKS == FLCI_P2P_MAX_RANKS, "the public limit is the window's");

static void abort_kernels(struct flci_attached *attached)
{
    flci_p2p_fail(&((struct flci_cuda *)attached)->p2p, FLC_ERR_ABORTED);
}

static void destroy(struct flci_attached *attached)
{
    struct flci_cuda *cuda = (struct flci_cuda *)attached;
    flci_p2p_close(&cuda->p2p);
    free(cuda);
}

/* ---- One rank ---- */

static flc_status check_config(const flc_cuda_config *config, size_t *staging_bytes,
                               int *max_blocks)
{
    const struct flci_param *staging = flci_param_at(FLCI_PARAM_CUDA_STAGING_BYTES);
    int64_t bytes = 0;
    FLCI_TRY(flci_param_int(FLCI_PARAM_CUDA_STAGING_BYTES, &bytes));
    *staging_bytes = (size_t)bytes;
    *max_blocks = 0;
    if (config == NULL) {
        return FLC_OK;
    }
    if (config->struct_bytes != sizeof *config) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "flc_cuda_config.struct_bytes is %zu: %zu expected, from "
                         "FLC_CUDA_CONFIG_INIT",
                         config->struct_bytes, sizeof *config);
    }
    if (config->staging_bytes != 0 && (config->staging_bytes < (uint64_t)staging->min ||
                                       config->staging_bytes > (uint64_t)staging->max)) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "flc_cuda_config.staging_bytes is %zu: allowed are 0 (default) and %lld "
                         "to %lld",
                         config->staging_bytes, (long long)staging->min, (long long)staging->max);
    }
    if (config->max_blocks < 0 || config->max_blocks > FLCI_P2P_MAX_BLOCKS) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "flc_cuda_config.max_blocks is %d: allowed are 0 (as many as fit) to %d",
                         config->max_blocks, FLCI_P2P_MAX_BLOCKS);
    }
    *staging_bytes = config->staging_bytes != 0 ? config->staging_bytes : *staging_bytes;
    *max_blocks = config->max_blocks;
    return FLC_OK;
}

/* What a rank brings along; its memory comes later. */
static flc_status start(flc_comm *comm, int device, const flc_cuda_config *config,
                        struct flci_p2p_attach *a, struct flci_cuda **made)
{
    struct flci_cuda *cuda;
    size_t staging_bytes = 0;
    int max_blocks = 0;
    if (flci_cuda_of(comm) != NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "comm has a GPU attached: device %d",
                         flci_cuda_of(comm)->p2p.device);
    }
    FLCI_TRY(check_config(config, &staging_bytes, &max_blocks));
    cuda = calloc(1, sizeof *cuda);
    if (cuda == NULL) {
        return flci_fail(FLC_ERR_NO_MEMORY, "no memory for a GPU's state (%zu bytes)",
                         sizeof *cuda);
    }
    cuda->base.abort = abort_kernels;
    cuda->base.destroy = destroy;
    cuda->p2p.device = device;
    cuda->p2p.max_blocks = max_blocks;
    cuda->p2p.window.timeout_ns = (uint64_t)comm->settings.timeout_ms * 1000000;
    a->p2p[comm->rank] = &cuda->p2p;
    a->facts[comm->rank].staging_bytes = staging_bytes;
    *made = cuda;
    return FLC_OK;
}

/* Every kernel, before any of another rank waits for this one. */
static flc_status load_kernels(const struct flci_p2p *p2p)
{
    int previous = 0;
    flc_status status;
    if (p2p->window.ranks == 1) {
        return FLC_OK;
    }
    FLCI_TRY(flci_cuda_enter(p2p->device, &previous));
    status = flci_all_reduce_p2p_load(p2p);
    flci_cuda_leave(previous);
    return status;
}

static void publish(flc_comm *comm, struct flci_cuda *cuda)
{
    const struct flci_p2p *p2p = &cuda->p2p;
    atomic_store(&comm->attached, &cuda->base);
    if (atomic_load(&comm->is_aborted)) { /* it may have come too early to see what is attached */
        abort_kernels(&cuda->base);
    }
    flci_log(FLCI_LOG_INFO,
             "rank %d of %d attached device %d: compute capability %d, %d multiprocessors, "
             "%llu-byte inboxes",
             comm->rank, comm->ranks, p2p->device, p2p->capability, p2p->sms,
             (unsigned long long)p2p->window.inbox_bytes);
}

/* ---- All of this thread's ranks ---- */

static flc_status attach_and_load(struct flci_p2p_attach *a)
{
    FLCI_TRY(flci_p2p_connect(a));
    for (int rank = a->first; rank < a->first + a->count; rank++) {
        const flc_status status = load_kernels(a->p2p[rank]);
        if (status != FLC_OK) {
            flci_p2p_refuse(a, rank, status);
        }
    }
    return flci_p2p_agree(a);
}

static void keep_sentence(flc_comm *comm)
{
    (void)snprintf(comm->error, sizeof comm->error, "%s", flci_thread_error());
}

/* A communicator whose ranks can still talk goes on without GPUs. */
static void give_up(const struct flci_p2p_attach *a, flc_comm *const *comms, flc_status status)
{
    for (int i = 0; i < a->count; i++) {
        keep_sentence(comms[i]);
        if (a->is_cut_off) {
            comms[i]->failed = status;
        }
    }
}

/* comms [count] and devices [count]: of ranks `first` on. */
static flc_status attach(int ranks, int first, int count, flc_comm *const *comms,
                         const int *devices, const flc_cuda_config *config)
{
    struct flci_transport *transport = count == ranks ? NULL : comms[0]->transport;
    struct flci_cuda *made[FLCI_P2P_MAX_RANKS] = {NULL};
    struct flci_p2p_attach a;
    flc_status status;
    flci_p2p_begin(&a, ranks, first, count, transport);
    for (int i = 0; i < count; i++) {
        status = start(comms[i], devices[i], config, &a, &made[i]);
        if (status != FLC_OK) {
            flci_p2p_refuse(&a, first + i, status);
        }
    }
    status = attach_and_load(&a);
    if (status != FLC_OK) {
        give_up(&a, comms, status);
        flci_p2p_undo(&a);
    }
    if (transport != NULL && !a.is_cut_off) {
        transport->ops->finish(transport);
    }
    for (int i = 0; i < count; i++) {
        if (status == FLC_OK) {
            publish(comms[i], made[i]);
        } else {
            free(made[i]);
        }
    }
    return status;
}

static flc_status check_ranks(int ranks)
{
    if (ranks > FLC_CUDA_MAX_RANKS) {
        return flci_fail(FLC_ERR_UNSUPPORTED,
                         "the communicator has %d ranks: GPUs can be attached to up to %d", ranks,
                         FLC_CUDA_MAX_RANKS);
    }
    return FLC_OK;
}

static flc_status check_usable(const flc_comm *comm)
{
    if (comm->failed != FLC_OK) {
        return flci_fail(comm->failed, "this communicator failed earlier (%s): destroy it",
                         flc_strerror(comm->failed));
    }
    return FLC_OK;
}

flc_status flc_comm_attach_cuda(flc_comm *comm, int device, const flc_cuda_config *config)
{
    flc_status status;
    if (comm == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "comm is NULL");
    }
    status = check_ranks(comm->ranks);
    if (status == FLC_OK) {
        status = check_usable(comm);
    }
    if (status != FLC_OK) {
        keep_sentence(comm);
        return status;
    }
    return attach(comm->ranks, comm->rank, 1, &comm, &device, config);
}

flc_status flc_comm_attach_cuda_local(int ranks, flc_comm *const *comms, const int *devices,
                                      const flc_cuda_config *config)
{
    if (comms == NULL || devices == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is NULL", comms == NULL ? "comms" : "devices");
    }
    if (ranks < 1) {
        return flci_fail(FLC_ERR_INVALID_ARG, "ranks is %d: allowed are 1 to %d", ranks,
                         FLC_CUDA_MAX_RANKS);
    }
    FLCI_TRY(check_ranks(ranks));
    for (int rank = 0; rank < ranks; rank++) {
        if (comms[rank] == NULL) {
            return flci_fail(FLC_ERR_INVALID_ARG, "comms[%d] is NULL", rank);
        }
        if (comms[rank]->rank != rank || comms[rank]->ranks != ranks) {
            return flci_fail(FLC_ERR_INVALID_ARG,
                             "comms[%d] is rank %d of %d: rank %d of %d expected, all of one "
                             "flc_comm_create_local",
                             rank, comms[rank]->rank, comms[rank]->ranks, rank, ranks);
        }
        FLCI_TRY(check_usable(comms[rank]));
    }
    return attach(ranks, 0, ranks, comms, devices, config);
}
