// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Windows whose handle is a file descriptor, by the driver's virtual memory management: for where
 * CUDA IPC is refused. The memory lives as long as anyone has it mapped.
 */
#include <cuda.h>
#include <cudaTypedefs.h>
#include <string.h>

#include "base/error.h"
#include "cuda/cuda_error.h"
#include "transport/cuda_p2p/p2p.h"

struct driver {
    PFN_cuGetErrorString_v6000 error_string;
    PFN_cuMemGetAllocationGranularity_v10020 granularity;
    PFN_cuMemCreate_v10020 create;
    PFN_cuMemRelease_v10020 release;
    PFN_cuMemAddressReserve_v10020 reserve;
    PFN_cuMemAddressFree_v10020 free_address;
    PFN_cuMemMap_v10020 map;
    PFN_cuMemUnmap_v10020 unmap;
    PFN_cuMemSetAccess_v10020 set_access;
    PFN_cuMemExportToShareableHandle_v10020 to_descriptor;
    PFN_cuMemImportFromShareableHandle_v10020 from_descriptor;
};

/* `function` is the address of a pointer to a function. */
static flc_status find(const char *name, unsigned int version, void *function)
{
    enum cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
    void *found = NULL;
#if CUDART_VERSION >= 12050
    FLCI_TRY(flci_cuda_check(
        cudaGetDriverEntryPointByVersion(name, &found, version, cudaEnableDefault, &result),
        "looking for %s", name));
#else
    (void)version;
    FLCI_TRY(flci_cuda_check(cudaGetDriverEntryPoint(name, &found, cudaEnableDefault, &result),
                             "looking for %s", name));
#endif
    if (result != cudaDriverEntryPointSuccess || found == NULL) {
        return flci_fail(FLC_ERR_UNSUPPORTED, "the driver has no %s", name);
    }
    memcpy(function, &found, sizeof found);
    return FLC_OK;
}

static flc_status load(struct driver *d)
{
    FLCI_TRY(find("cuGetErrorString", 6000, &d->error_string));
    FLCI_TRY(find("cuMemGetAllocationGranularity", 10020, &d->granularity));
    FLCI_TRY(find("cuMemCreate", 10020, &d->create));
    FLCI_TRY(find("cuMemRelease", 10020, &d->release));
    FLCI_TRY(find("cuMemAddressReserve", 10020, &d->reserve));
    FLCI_TRY(find("cuMemAddressFree", 10020, &d->free_address));
    FLCI_TRY(find("cuMemMap", 10020, &d->map));
    FLCI_TRY(find("cuMemUnmap", 10020, &d->unmap));
    FLCI_TRY(find("cuMemSetAccess", 10020, &d->set_access));
    FLCI_TRY(find("cuMemExportToShareableHandle", 10020, &d->to_descriptor));
    return find("cuMemImportFromShareableHandle", 10020, &d->from_descriptor);
}

static flc_status check(const struct driver *d, CUresult code, const char *what)
{
    const char *text = NULL;
    if (code == CUDA_SUCCESS) {
        return FLC_OK;
    }
    if (d->error_string(code, &text) != CUDA_SUCCESS || text == NULL) {
        text = "unknown error";
    }
    if (code == CUDA_ERROR_OUT_OF_MEMORY) {
        return flci_fail(FLC_ERR_NO_MEMORY, "%s: %s", what, text);
    }
    /* This is the last way there is. */
    return flci_fail(FLC_ERR_UNSUPPORTED,
                     "no way to share device memory between these processes: CUDA IPC was refused "
                     "to one of them, and so was %s: %s",
                     what, text);
}

static CUmemAllocationProp properties_of(int device)
{
    CUmemAllocationProp properties;
    memset(&properties, 0, sizeof properties);
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    properties.location.id = device;
    return properties;
}

/* Memory `memory` at a new address, which `device` may use: window.bases[rank]. */
static flc_status place(const struct driver *d, struct flci_p2p *p2p, int rank,
                        CUmemGenericAllocationHandle memory, uint64_t bytes)
{
    CUmemAccessDesc access;
    CUdeviceptr address = 0;
    flc_status status;
    memset(&access, 0, sizeof access);
    access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    access.location.id = p2p->device;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    FLCI_TRY(check(d, d->reserve(&address, bytes, 0, 0, 0), "cuMemAddressReserve"));
    status = check(d, d->map(address, bytes, 0, memory, 0), "cuMemMap");
    if (status == FLC_OK) {
        status = check(d, d->set_access(address, bytes, &access, 1), "cuMemSetAccess");
        if (status != FLC_OK) {
            (void)d->unmap(address, bytes);
        }
    }
    if (status != FLC_OK) {
        (void)d->free_address(address, bytes);
        return status;
    }
    p2p->window.bases[rank] = (uint8_t *)(uintptr_t)address;
    p2p->mappings[rank] =
        (struct flci_p2p_mapping){.kind = FLCI_P2P_DESCRIPTOR, .bytes = bytes, .memory = memory};
    return FLC_OK;
}

static flc_status make_on_device(struct flci_p2p *p2p, struct flci_p2p_facts *facts, int *fd)
{
    const CUmemAllocationProp properties = properties_of(p2p->device);
    const int rank = p2p->window.rank;
    struct driver d;
    CUmemGenericAllocationHandle memory = 0;
    size_t granularity = 0;
    uint64_t bytes = flci_p2p_window_bytes(p2p->window.ranks, p2p->window.inbox_bytes);
    flc_status status;
    FLCI_TRY(load(&d));
    FLCI_TRY(check(&d,
                   d.granularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED),
                   "cuMemGetAllocationGranularity"));
    bytes = (bytes + granularity - 1) / granularity * granularity;
    FLCI_TRY(check(&d, d.create(&memory, bytes, &properties, 0), "cuMemCreate"));
    status = place(&d, p2p, rank, memory, bytes);
    if (status != FLC_OK) {
        (void)d.release(memory);
        return status;
    }
    facts->base = (uint64_t)(uintptr_t)p2p->window.bases[rank];
    facts->window_bytes = bytes;
    FLCI_TRY(check(&d, d.to_descriptor(fd, memory, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0),
                   "cuMemExportToShareableHandle"));
    return flci_p2p_clear(p2p);
}

flc_status flci_p2p_make_shared(struct flci_p2p *p2p, struct flci_p2p_facts *facts, int *fd)
{
    int previous = 0;
    flc_status status;
    FLCI_TRY(flci_cuda_enter(p2p->device, &previous));
    status = make_on_device(p2p, facts, fd);
    flci_cuda_leave(previous);
    return status;
}

static flc_status import_on_device(struct flci_p2p *p2p, int peer, uint64_t bytes, int fd)
{
    struct driver d;
    CUmemGenericAllocationHandle memory = 0;
    flc_status status;
    FLCI_TRY(load(&d));
    FLCI_TRY(check(
        &d,
        d.from_descriptor(&memory, (void *)(intptr_t)fd, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR),
        "cuMemImportFromShareableHandle"));
    status = place(&d, p2p, peer, memory, bytes);
    if (status != FLC_OK) {
        (void)d.release(memory);
    }
    return status;
}

flc_status flci_p2p_import(struct flci_p2p *p2p, int peer, const struct flci_p2p_facts *facts,
                           int fd)
{
    int previous = 0;
    flc_status status;
    FLCI_TRY(flci_cuda_enter(p2p->device, &previous));
    status = import_on_device(p2p, peer, facts[peer].window_bytes, fd);
    flci_cuda_leave(previous);
    return status;
}

void flci_p2p_unmap_shared(struct flci_p2p *p2p, int rank)
{
    const struct flci_p2p_mapping *mapping = &p2p->mappings[rank];
    const CUdeviceptr address = (CUdeviceptr)(uintptr_t)p2p->window.bases[rank];
    struct driver d;
    if (load(&d) == FLC_OK) {
        (void)cudaDeviceSynchronize(); /* unlike cudaFree, cuMemUnmap does not wait */
        (void)d.unmap(address, mapping->bytes);
        (void)d.free_address(address, mapping->bytes);
        (void)d.release(mapping->memory);
    }
}
