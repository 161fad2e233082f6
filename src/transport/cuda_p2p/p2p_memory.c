// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A rank's own window and pinned memory, its peers' windows by address or IPC, and their end.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "cuda/cuda_error.h"
#include "transport/cuda_p2p/p2p.h"

/* cudaMalloc cuts smaller requests out of a shared piece of this size, and IPC would map that. */
#define PIECE_BYTES ((uint64_t)2 << 20)

/* How long the device may take for a few copies while a rank attaches. Ample for a busy one; some
   PCIe switches never complete what crosses them. */
#define WAIT_US INT64_C(30000000)

_Static_assert(sizeof(cudaIpcMemHandle_t) == sizeof(((struct flci_p2p_facts *)0)->ipc_handle),
               "an IPC handle fits");
_Static_assert(sizeof(cudaUUID_t) == sizeof(((struct flci_p2p_facts *)0)->uuid), "a UUID fits");

/* ---- Preparing ---- */

static flc_status check_device(int device)
{
    int devices = 0;
    FLCI_TRY(flci_cuda_check(cudaGetDeviceCount(&devices), "counting devices"));
    if (device < 0 || device >= devices) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "device is %d: this process has %d, allowed are 0 to %d", device, devices,
                         devices - 1);
    }
    return FLC_OK;
}

static flc_status look_at_device(struct flci_p2p *p2p, struct flci_p2p_facts *facts)
{
    struct cudaDeviceProp properties;
    struct stat pid_namespace;
    FLCI_TRY(flci_cuda_check(cudaGetDeviceProperties(&properties, p2p->device),
                             "asking for the properties of device %d", p2p->device));
    if (!properties.unifiedAddressing || !properties.canMapHostMemory) {
        return flci_fail(FLC_ERR_UNSUPPORTED, "device %d has no unified addressing", p2p->device);
    }
    memcpy(facts->uuid, &properties.uuid, sizeof facts->uuid);
    facts->multiprocessors = properties.multiProcessorCount;
    facts->capability = p2p->capability = 10 * properties.major + properties.minor;
    facts->device = p2p->device;
    facts->max_blocks = p2p->max_blocks;
    facts->layout_bytes = FLCI_P2P_INBOXES_AT;
    facts->pid = getpid();
    facts->pid_namespace =
        stat("/proc/self/ns/pid", &pid_namespace) == 0 ? (uint64_t)pid_namespace.st_ino : 0;
    return FLC_OK;
}

static flc_status make_pinned(struct flci_p2p *p2p)
{
    void *host = NULL, *seen_by_device = NULL;
    FLCI_TRY(flci_cuda_check(cudaStreamCreateWithFlags(&p2p->stream, cudaStreamNonBlocking),
                             "making a stream on device %d", p2p->device));
    FLCI_TRY(flci_cuda_check(
        cudaHostAlloc(&host, sizeof *p2p->pinned, cudaHostAllocMapped | cudaHostAllocPortable),
        "allocating %zu bytes of pinned memory", sizeof *p2p->pinned));
    memset(host, 0, sizeof *p2p->pinned);
    p2p->pinned = host;
    p2p->report = &p2p->pinned->report;
    FLCI_TRY(flci_cuda_check(cudaHostGetDevicePointer(&seen_by_device, p2p->report, 0),
                             "mapping pinned memory to device %d", p2p->device));
    p2p->window.report = seen_by_device;
    return FLC_OK;
}

static flc_status make_window(struct flci_p2p *p2p, struct flci_p2p_facts *facts)
{
    struct flci_p2p_window *window = &p2p->window;
    cudaIpcMemHandle_t handle;
    void *base = NULL;
    uint64_t bytes;
    window->inbox_bytes = flci_p2p_inbox_bytes(facts->staging_bytes, window->ranks);
    bytes = flci_p2p_window_bytes(window->ranks, window->inbox_bytes);
    bytes = (bytes + PIECE_BYTES - 1) / PIECE_BYTES * PIECE_BYTES;
    FLCI_TRY(flci_cuda_check(cudaMalloc(&base, bytes), "allocating %llu bytes on device %d",
                             (unsigned long long)bytes, p2p->device));
    window->bases[window->rank] = base;
    p2p->mappings[window->rank] = (struct flci_p2p_mapping){.kind = FLCI_P2P_OWN, .bytes = bytes};
    facts->base = (uint64_t)(uintptr_t)base;
    facts->window_bytes = bytes;
    if (cudaIpcGetMemHandle(&handle, base) == cudaSuccess) {
        memcpy(facts->ipc_handle, &handle, sizeof handle);
    } else {
        (void)cudaGetLastError();
        facts->is_refused = 1;
    }
    return flci_p2p_clear(p2p);
}

static flc_status prepare_on_device(struct flci_p2p *p2p, struct flci_p2p_facts *facts)
{
    FLCI_TRY(look_at_device(p2p, facts));
    FLCI_TRY(make_pinned(p2p));
    return p2p->window.ranks == 1 ? FLC_OK : make_window(p2p, facts);
}

flc_status flci_p2p_prepare(struct flci_p2p *p2p, int rank, int ranks, struct flci_p2p_facts *facts)
{
    int previous = 0;
    flc_status status;
    p2p->window.rank = rank;
    p2p->window.ranks = ranks;
    FLCI_TRY(check_device(p2p->device));
    FLCI_TRY(flci_cuda_enter(p2p->device, &previous));
    status = prepare_on_device(p2p, facts);
    flci_cuda_leave(previous);
    return status;
}

flc_status flci_p2p_clear(struct flci_p2p *p2p)
{
    const int rank = p2p->window.rank;
    FLCI_TRY(flci_cuda_check(
        cudaMemsetAsync(p2p->window.bases[rank], 0, p2p->mappings[rank].bytes, p2p->stream),
        "clearing the window of rank %d", rank));
    return flci_p2p_wait(p2p, "clearing the window");
}

flc_status flci_p2p_wait(struct flci_p2p *p2p, const char *what)
{
    const struct timespec nap = {.tv_nsec = 20000};
    const int64_t deadline_us = flci_now_us() + WAIT_US;
    cudaError_t code;
    while ((code = cudaStreamQuery(p2p->stream)) == cudaErrorNotReady) {
        (void)cudaGetLastError();
        if (flci_now_us() >= deadline_us) {
            p2p->is_stuck = 1;
            return flci_fail(FLC_ERR_TIMEOUT, "%s did not end on device %d within %lld s", what,
                             p2p->device, (long long)(WAIT_US / 1000000));
        }
        (void)nanosleep(&nap, NULL);
    }
    return flci_cuda_check(code, "%s on device %d", what, p2p->device);
}

/* ---- Mapping ---- */

/* Let this rank's device, which is current, reach that of a peer in this process. */
static flc_status enable_access(int rank, int peer, const struct flci_p2p_facts *all)
{
    cudaError_t code;
    if (all[rank].device == all[peer].device) {
        return FLC_OK;
    }
    code = cudaDeviceEnablePeerAccess(all[peer].device, 0);
    if (code == cudaErrorPeerAccessAlreadyEnabled) { /* by someone else in this process */
        (void)cudaGetLastError();
        return FLC_OK;
    }
    if (code == cudaSuccess) {
        return FLC_OK;
    }
    (void)cudaGetLastError();
    return flci_fail(FLC_ERR_UNSUPPORTED,
                     "no peer access from rank %d (device %d) to rank %d (device %d): %s", rank,
                     all[rank].device, peer, all[peer].device, cudaGetErrorString(code));
}

static flc_status map_on_device(struct flci_p2p *p2p, int peer, struct flci_p2p_facts *all)
{
    const int rank = p2p->window.rank;
    cudaIpcMemHandle_t handle;
    void *base = NULL;
    enum flci_p2p_kind kind = FLCI_P2P_ADDRESS;
    if (flci_p2p_is_same_process(&all[rank], &all[peer])) {
        FLCI_TRY(enable_access(rank, peer, all));
        base = (void *)(uintptr_t)all[peer].base;
    } else if (all[peer].is_refused) {
        return FLC_OK;
    } else {
        memcpy(&handle, all[peer].ipc_handle, sizeof handle);
        kind = FLCI_P2P_IPC;
        if (cudaIpcOpenMemHandle(&base, handle, cudaIpcMemLazyEnablePeerAccess) != cudaSuccess) {
            (void)cudaGetLastError();
            all[rank].is_refused = 1;
            return FLC_OK;
        }
    }
    p2p->window.bases[peer] = base;
    p2p->mappings[peer] = (struct flci_p2p_mapping){.kind = kind, .bytes = all[peer].window_bytes};
    return FLC_OK;
}

flc_status flci_p2p_map(struct flci_p2p *p2p, int peer, struct flci_p2p_facts *facts)
{
    int previous = 0;
    flc_status status;
    FLCI_TRY(flci_cuda_enter(p2p->device, &previous));
    status = map_on_device(p2p, peer, facts);
    flci_cuda_leave(previous);
    return status;
}

/* ---- The end ---- */

void flci_p2p_unmap(struct flci_p2p *p2p, int rank)
{
    struct flci_p2p_mapping *mapping = &p2p->mappings[rank];
    int previous = 0;
    if (mapping->kind == FLCI_P2P_NONE || p2p->is_stuck ||
        flci_cuda_enter(p2p->device, &previous) != FLC_OK) {
        return;
    }
    /* Access between devices stays enabled: others in the process may rely on it. */
    if (mapping->kind == FLCI_P2P_OWN) {
        (void)cudaFree(p2p->window.bases[rank]);
    } else if (mapping->kind == FLCI_P2P_IPC) {
        (void)cudaIpcCloseMemHandle(p2p->window.bases[rank]);
    } else if (mapping->kind == FLCI_P2P_DESCRIPTOR) {
        flci_p2p_unmap_shared(p2p, rank);
    }
    (void)cudaGetLastError();
    flci_cuda_leave(previous);
    mapping->kind = FLCI_P2P_NONE;
    p2p->window.bases[rank] = NULL;
}

void flci_p2p_close(struct flci_p2p *p2p)
{
    int previous = 0;
    if (p2p->is_stuck) {
        return;
    }
    for (int rank = 0; rank < p2p->window.ranks; rank++) {
        if (rank != p2p->window.rank) {
            flci_p2p_unmap(p2p, rank);
        }
    }
    flci_p2p_unmap(p2p, p2p->window.rank);
    if (p2p->stream == NULL || flci_cuda_enter(p2p->device, &previous) != FLC_OK) {
        return;
    }
    (void)cudaStreamDestroy(p2p->stream);
    (void)cudaFreeHost(p2p->pinned);
    (void)cudaGetLastError();
    flci_cuda_leave(previous);
    p2p->stream = NULL;
    p2p->pinned = NULL;
    p2p->report = NULL;
}

/* ---- Failures ---- */

void flci_p2p_fail(struct flci_p2p *p2p, flc_status status)
{
    int previous = 0;
    __atomic_store_n(&p2p->report->is_aborted, 1, __ATOMIC_RELEASE);
    if (p2p->window.ranks == 1 || flci_cuda_enter(p2p->device, &previous) != FLC_OK) {
        return;
    }
    /* A peer's kernel may wait for one that this rank never launches. */
    __atomic_store_n(&p2p->pinned->failure, (uint32_t)-status, __ATOMIC_RELEASE);
    for (int rank = 0; rank < p2p->window.ranks; rank++) {
        (void)cudaMemcpyAsync(p2p->window.bases[rank] + FLCI_P2P_STATE_AT, &p2p->pinned->failure,
                              sizeof p2p->pinned->failure, cudaMemcpyDefault, p2p->stream);
    }
    (void)cudaGetLastError();
    flci_cuda_leave(previous);
}

uint32_t flci_p2p_reported(const struct flci_p2p *p2p)
{
    return __atomic_load_n(&p2p->report->status, __ATOMIC_ACQUIRE);
}
