// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The fused two-step all-reduce: which kernel, on which grid.
 */
#include "coll/all_reduce/all_reduce_twostep_p2p.h"

#include "base/error.h"
#include "coll/all_reduce/all_reduce_twostep_p2p_args.h"
#include "cuda/cuda_error.h"

/* ---- Kernels ---- */

static flci_twostep_p2p_kernel *const widths[9] = {
    flci_twostep_p2p_kernel_0,
#if defined(FLC_HAS_BITS_1)
    [1] = flci_twostep_p2p_kernel_1,
#endif
#if defined(FLC_HAS_BITS_2)
    [2] = flci_twostep_p2p_kernel_2,
#endif
#if defined(FLC_HAS_BITS_3)
    [3] = flci_twostep_p2p_kernel_3,
#endif
#if defined(FLC_HAS_BITS_4)
    [4] = flci_twostep_p2p_kernel_4,
#endif
#if defined(FLC_HAS_BITS_5)
    [5] = flci_twostep_p2p_kernel_5,
#endif
#if defined(FLC_HAS_BITS_6)
    [6] = flci_twostep_p2p_kernel_6,
#endif
#if defined(FLC_HAS_BITS_7)
    [7] = flci_twostep_p2p_kernel_7,
#endif
#if defined(FLC_HAS_BITS_8)
    [8] = flci_twostep_p2p_kernel_8,
#endif
};

static const void *fast_kernel(int bits, enum flcd_codec codec, flc_type type, int ranks)
{
    return widths[bits] == NULL ? NULL : widths[bits](codec, type, ranks);
}

/* Two formats that one compiled codec serves; what is common for one only goes the general way. */
static enum flcd_codec codec_for(flc_format a, flc_format b)
{
    const enum flcd_codec codec = flcd_codec_of(a), other = flcd_codec_of(b);
    const int is_alike = a.bits == b.bits && a.spikes == b.spikes &&
                         (a.scheme == FLC_ROTATED) == (b.scheme == FLC_ROTATED);
    if (!is_alike || other == FLCD_NO_CODEC) {
        return FLCD_NO_CODEC;
    }
    return codec < other ? codec : other; /* the general one of each kind comes first */
}

/* Formats that differ in what is compiled in, and a contribution of one's own that is not exact, go
   the slow way. */
static const void *kernel_of(const struct flci_all_reduce_p2p *call, int ranks)
{
    const enum flcd_codec codec = codec_for(call->reduce, call->gather);
    const int is_raw = call->reduce.bits == 0 && call->gather.bits == 0;
    const void *kernel = NULL;
    if ((is_raw || codec != FLCD_NO_CODEC) && (call->flags & FLC_INVARIANT) == 0) {
        kernel = fast_kernel(call->reduce.bits, codec, call->type, ranks);
    }
    return kernel == NULL ? flci_twostep_p2p_kernel_any() : kernel;
}

/* Load one, and let it have its shared memory. */
static flc_status load(const void *kernel)
{
    struct cudaFuncAttributes attributes;
    cudaError_t error = cudaFuncGetAttributes(&attributes, kernel);
    if (error == cudaSuccess && kernel == flci_twostep_p2p_kernel_any()) {
        error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     FLCI_TWOSTEP_ANY_SHARED);
    }
    return flci_cuda_check(error, "loading an all-reduce kernel");
}

flc_status flci_all_reduce_p2p_load(const struct flci_p2p *p2p)
{
    FLCI_TRY(load(flci_twostep_p2p_kernel_any()));
    for (int bits = 0; bits <= 8; bits++) {
        for (int i = 0; i < 3 * FLCD_CODECS; i++) {
            const void *kernel =
                fast_kernel(bits, (enum flcd_codec)(i / 3), (flc_type)(i % 3), p2p->window.ranks);
            if (kernel != NULL) {
                FLCI_TRY(load(kernel));
            }
        }
    }
    return FLC_OK;
}

/* ---- Launch ---- */

/* Measured best for 4 bits on two H200 (docs/performance.md): under load a flag arrives two to
   three steps after its data was stored, and flags are for four steps. */
#define REDUCE_LAG 6
#define GATHER_LAG 11
#define FLAG_STEPS 4
_Static_assert(GATHER_LAG + FLAG_STEPS <= FLCI_TWOSTEP_SLOTS, "the ring of an inbox");

/* Dynamic shared memory beside a kernel's own, two units of elements for each worker and less than
   1 KiB: up to 48 KiB in all nothing has to be asked for. */
static size_t shared_limit(flc_type type)
{
    const size_t elems = 2 * FLCI_TWOSTEP_WORKERS * (FLC_BLOCK_ELEMS / 4);
    return 49152 - 1024 - elems * flc_type_bytes(type);
}

/* Dynamic shared memory: the slow kernel's scratch, or the fast one's gathered metadata, where it
   fits. */
static size_t plan_shared(const void *kernel, struct flci_twostep_p2p_args *args)
{
    const uint32_t a = args->reduce.planes, b = args->gather.planes, most = a > b ? a : b;
    const size_t bytes =
        (size_t)args->window.ranks * FLCI_TWOSTEP_SLOTS * (sizeof(uint32_t) + most);
    args->metadata_bytes = 0;
    if (kernel == flci_twostep_p2p_kernel_any()) {
        return FLCI_TWOSTEP_ANY_SHARED;
    }
    if (most == 0 || bytes > shared_limit(args->type)) {
        return 0;
    }
    args->metadata_bytes = most;
    return bytes;
}

/* What all ranks must agree on, in 32 bits. */
static uint32_t signature_of(const struct flci_all_reduce_p2p *call, uint32_t thread_blocks,
                             int is_slow)
{
    const uint64_t parts[] = {
        call->count,
        (uint64_t)call->type | (uint64_t)call->op << 8 | (uint64_t)call->flags << 16,
        (uint64_t)call->reduce.bits | (uint64_t)call->reduce.scheme << 8 |
            (uint64_t)call->reduce.spikes << 16 | (uint64_t)call->reduce.metadata << 24 |
            (uint64_t)call->reduce.group << 32 | (uint64_t)call->reduce.search << 48,
        (uint64_t)call->gather.bits | (uint64_t)call->gather.scheme << 8 |
            (uint64_t)call->gather.spikes << 16 | (uint64_t)call->gather.metadata << 24 |
            (uint64_t)call->gather.group << 32 | (uint64_t)call->gather.search << 48,
        /* Libraries built for other widths would lay out what they stage in another way. */
        (uint64_t)thread_blocks | (uint64_t)is_slow << 32,
    };
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        hash = (hash ^ parts[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return (uint32_t)hash;
}

flc_status flci_all_reduce_p2p_launch(const struct flci_p2p *p2p,
                                      const struct flci_all_reduce_p2p *call, cudaStream_t stream)
{
    const void *kernel = kernel_of(call, p2p->window.ranks);
    const int is_slow = kernel == flci_twostep_p2p_kernel_any();
    const uint64_t blocks = (call->count - 1) / FLC_BLOCK_ELEMS + 1;
    struct flci_twostep_p2p_args args = {
        .window = p2p->window,
        .send = call->send,
        .recv = call->recv,
        .count = call->count,
        .chunk_blocks = (uint32_t)(blocks / (uint64_t)p2p->window.ranks),
        .longer_chunks = (uint32_t)(blocks % (uint64_t)p2p->window.ranks),
        .short_owner = -1,
        .type = call->type,
        .flags = call->flags,
        .divisor = call->op == FLC_AVG ? (float)p2p->window.ranks : 1.0f,
        .reduce = flcd_staging_layout_of(call->reduce, call->type),
        .gather = flcd_staging_layout_of(call->gather, call->type),
    };
    struct flci_twostep_space space;
    void *params[] = {&args};
    const size_t shared_bytes = plan_shared(kernel, &args);
    int blocks_a_sm = 0;
    uint32_t thread_blocks;
    FLCI_TRY(flci_cuda_check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                                 &blocks_a_sm, kernel, FLCI_TWOSTEP_THREADS, shared_bytes),
                             "asking for an all-reduce kernel's occupancy"));
    if (!is_slow && call->count % FLC_BLOCK_ELEMS != 0) {
        args.short_owner =
            blocks < (uint64_t)p2p->window.ranks ? (int)blocks - 1 : p2p->window.ranks - 1;
    }
    args.longest_chunk = args.chunk_blocks + (args.longer_chunks > 0);
    space = (struct flci_twostep_space){
        .chunk_blocks = args.longest_chunk,
        .stride = args.reduce.stride > args.gather.stride ? args.reduce.stride : args.gather.stride,
        .inbox_bytes = p2p->window.inbox_bytes,
        .sms = p2p->sms,
        .resident = p2p->sms * blocks_a_sm,
        .max_blocks = p2p->max_blocks,
    };
    thread_blocks = flci_twostep_thread_blocks(&space);
    args.reduce_lag = REDUCE_LAG;
    args.gather_lag = GATHER_LAG;
    args.flag_steps = FLAG_STEPS;
    args.signature = signature_of(call, thread_blocks, is_slow);
    return flci_cuda_check(cudaLaunchKernel(kernel, (dim3){thread_blocks, 1, 1},
                                            (dim3){FLCI_TWOSTEP_THREADS, 1, 1}, params,
                                            shared_bytes, stream),
                           "launching an all-reduce kernel");
}
