// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A block of the fused two-step all-reduce in any format and of any length, by one warp: the last
 * block of a buffer, which may be short, and formats without a fast path.
 *
 * KIND is what is known of both formats; steps as in all_reduce_twostep_p2p.cuh, for one block of
 * the buffer; `scratch` is the warp's.
 */
#ifndef FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_ANY_CUH
#define FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_ANY_CUH

#include "codec/cuda/block_any.cuh"
#include "coll/all_reduce/all_reduce_twostep_p2p_args.h"
#include "transport/cuda_p2p/peer_sync.cuh"

struct flcd_any_scratch {
    struct flcd_scratch codec;
    float sum[FLC_BLOCK_ELEMS];
    uint8_t wire[FLCI_BLOCK_MAX_BYTES];
};
static_assert(sizeof(struct flcd_any_scratch) <= FLCI_P2P_SCRATCH_BYTES, "the window's scratch");

static __device__ __forceinline__ uint32_t flcd_any_elems(const struct flci_twostep_p2p_args &args,
                                                          uint64_t block)
{
    const uint64_t left = args.count - block * FLC_BLOCK_ELEMS;
    return left < FLC_BLOCK_ELEMS ? (uint32_t)left : FLC_BLOCK_ELEMS;
}

static __device__ __forceinline__ uint64_t flcd_any_byte(const struct flci_twostep_p2p_args &args,
                                                         uint64_t block)
{
    return block * FLC_BLOCK_ELEMS * (args.type == FLC_FLOAT32 ? 4 : 2);
}

/* Own elements, encoded, to a peer. */
template <int KIND>
FLCD_ANY void flcd_any_send(const struct flci_twostep_p2p_args &args,
                            struct flcd_any_scratch *scratch, uint64_t block, uint8_t *wire)
{
    const uint32_t n = flcd_any_elems(args, block);
    flcd_any_load(args.type, args.send + flcd_any_byte(args, block), n, scratch->codec.x);
    flcd_any_encode<KIND>(args.reduce.format, args.type, n, &scratch->codec, wire);
}

/* Own contribution to a sum, as its owner adds it, into scratch->codec.x. */
template <int KIND>
static __device__ __forceinline__ void flcd_any_own(const struct flci_twostep_p2p_args &args,
                                                    struct flcd_any_scratch *scratch,
                                                    uint64_t block, uint32_t n)
{
    const flc_format format = args.reduce.format;
    float *x = scratch->codec.x;
    flcd_any_load(args.type, args.send + flcd_any_byte(args, block), n, x);
    if ((args.flags & FLC_INVARIANT) != 0) {
        flcd_any_encode<KIND>(format, args.type, n, &scratch->codec, scratch->wire);
        flcd_any_decode<KIND>(format, args.type, n, scratch->wire, &scratch->codec, x);
    }
}

/* The sum's wire, in scratch->wire, to all peers: `bytes` in steps of 16. */
static __device__ __forceinline__ void flcd_any_push(const struct flci_twostep_p2p_args &args,
                                                     const struct flcd_any_scratch *scratch,
                                                     uint32_t bytes, uint64_t slot)
{
    const struct flci_p2p_window &window = args.window;
    for (int turn = 1; turn < window.ranks; turn++) {
        const int to = (window.rank + turn) % window.ranks;
        uint8_t *wire = window.bases[to] + slot +
                        flci_p2p_inbox_at(window.ranks, window.inbox_bytes, 1, to, window.rank);
        for (uint32_t at = 16 * flcd_lane(); at < bytes; at += 16 * FLCD_LANES) {
            *(uint4 *)(wire + at) = *(const uint4 *)(scratch->wire + at);
        }
    }
}

/* Sum, encode, tell everyone, and keep what it decodes to. */
template <int KIND>
FLCD_ANY void flcd_any_reduce(const struct flci_twostep_p2p_args &args,
                              struct flcd_any_scratch *scratch, uint64_t block,
                              uint64_t reduce_slot, uint64_t gather_slot)
{
    const struct flci_p2p_window &window = args.window;
    const flc_format format = args.gather.format;
    const uint32_t n = flcd_any_elems(args, block);
    float *x = scratch->codec.x, *sum = scratch->sum;
    for (int from = 0; from < window.ranks; from++) {
        if (from == window.rank) {
            flcd_any_own<KIND>(args, scratch, block, n);
        } else {
            const uint8_t *wire =
                window.bases[window.rank] + reduce_slot +
                flci_p2p_inbox_at(window.ranks, window.inbox_bytes, 0, window.rank, from);
            flcd_any_decode<KIND>(args.reduce.format, args.type, n, wire, &scratch->codec, x);
        }
        for (uint32_t i = flcd_lane(); i < n; i += FLCD_LANES) {
            sum[i] = from == 0 ? x[i] : sum[i] + x[i];
        }
        __syncwarp();
    }
    for (uint32_t i = flcd_lane(); i < n; i += FLCD_LANES) {
        x[i] = args.divisor == 1.0f ? sum[i] : sum[i] / args.divisor;
    }
    __syncwarp();
    if (format.bits == 0) {
        flcd_any_store(args.type, x, n, scratch->wire);
    } else {
        flcd_any_encode<KIND>(format, args.type, n, &scratch->codec, scratch->wire);
    }
    flcd_any_push(args, scratch,
                  format.bits == 0 ? n * (args.type == FLC_FLOAT32 ? 4 : 2)
                                   : flci_layout_of(format, n).bytes,
                  gather_slot);
    flcd_any_decode<KIND>(format, args.type, n, scratch->wire, &scratch->codec, x);
    flcd_any_store(args.type, x, n, args.recv + flcd_any_byte(args, block));
}

/* What an owner sent, decoded. */
template <int KIND>
FLCD_ANY void flcd_any_gather(const struct flci_twostep_p2p_args &args,
                              struct flcd_any_scratch *scratch, uint64_t block, const uint8_t *wire)
{
    const uint32_t n = flcd_any_elems(args, block);
    float *x = scratch->codec.x;
    flcd_any_decode<KIND>(args.gather.format, args.type, n, wire, &scratch->codec, x);
    flcd_any_store(args.type, x, n, args.recv + flcd_any_byte(args, block));
}

#endif
