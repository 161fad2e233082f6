// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The fused two-step all-reduce of two ranks: the algorithm, order and rings of
 * all_reduce_twostep_p2p.cuh, written for one peer.
 */
#ifndef FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_PAIR_CUH
#define FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_PAIR_CUH

#include "coll/all_reduce/all_reduce_twostep_p2p.cuh"

/* Every address is kept in a register, and what comes from the peer is loaded before it is needed.
 */
template <class CODEC, flc_type TYPE> struct flcd_pair_worker : flcd_worker<CODEC, TYPE> {
    using base = flcd_worker<CODEC, TYPE>;
    using base::ahead;
    using base::elem_bytes;
    using base::metadata;
    using base::places;
    using base::share;
    using base::vectors;
    using typename base::buffer;
    using typename base::elems;
    using typename base::packet;

    /* One of the two chunks: this lane's elements of its first block for this thread block. */
    struct chunk {
        uint32_t full_steps; /* steps in which its block is full */
        const uint8_t *send;
        uint8_t *recv;
    };

    __device__ __forceinline__ struct chunk chunk_of(int owner) const
    {
        const uint32_t full = places.full_blocks(owner), lane = places.lane;
        const uint64_t at = ((places.first_block(owner) + blockIdx.x) * FLC_BLOCK_ELEMS +
                             places.warp * FLCD_UNIT_ELEMS + 128 * (lane / 4) + 8 * (lane % 4)) *
                            elem_bytes;
        return {full > blockIdx.x ? (full - blockIdx.x + gridDim.x - 1) / gridDim.x : 0,
                places.args.send + at, places.args.recv + at};
    }

    /* From one step's block to the next one's. */
    __device__ __forceinline__ uint64_t after(uint32_t v) const
    {
        return (uint64_t)v * (gridDim.x * (FLC_BLOCK_ELEMS * elem_bytes));
    }

    __device__ __forceinline__ void begin(const struct chunk &chunk, uint32_t v, bool is_aligned,
                                          buffer &into) const
    {
        if (v < chunk.full_steps && is_aligned) {
            const uint8_t *from = chunk.send + after(v);
#pragma unroll
            for (int i = 0; i < vectors; i++) {
                flcd_copy_ahead(&into[i][places.lane], from + flcd_vector_at<TYPE>(0, i));
            }
        }
        flcd_copy_commit();
    }

    __device__ __forceinline__ void finish(const struct chunk &chunk, uint32_t v, bool is_aligned,
                                           const buffer &from, elems &x) const
    {
        flcd_copy_wait<1>();
        if (is_aligned) {
            base::read(from, x);
        } else {
            flcd_load_unit<TYPE>(chunk.send + after(v), false, 0, x);
        }
    }

    __device__ __forceinline__ void run(struct flcd_twostep_shared &shared, uint32_t epoch,
                                        uint32_t steps) const
    {
        const auto &args = places.args;
        const int me = args.window.rank, peer = 1 - me;
        const uint32_t lag = args.reduce_lag, gather_lag = args.gather_lag;
        const bool send_aligned = base::is_aligned(args.send);
        const bool recv_aligned = base::is_aligned(args.recv);
        const struct chunk mine = chunk_of(me), theirs = chunk_of(peer);
        uint8_t *const out0 = places.inbox(0, peer, me) + places.slot_of(0, args.reduce.stride);
        uint8_t *const out1 = places.inbox(1, peer, me) + places.slot_of(0, args.gather.stride);
        const uint8_t *const in0 =
            places.inbox(0, me, peer) + places.slot_of(0, args.reduce.stride);
        const uint8_t *const in1 =
            places.inbox(1, me, peer) + places.slot_of(0, args.gather.stride);
        struct flcd_watch watch = places.watch(epoch, steps);
        begin(theirs, 0, send_aligned, ahead->x);
        flcd_copy_commit(); /* in place of `own` */
        for (uint32_t v = 0; v < steps + gather_lag; v++) {
            const uint32_t r = v - lag, g = v - gather_lag; /* huge before their time */
            const bool reduces = r < mine.full_steps, gathers = g < theirs.full_steps;
            packet contribution, sum, p;
            elems x;
            watch.wait(places.args.window, v, places.args.signature);
            if (reduces) {
                CODEC::load(args.reduce, in0 + r % FLCI_TWOSTEP_SLOTS * args.reduce.stride,
                            places.warp, places.lane, contribution);
            }
            if (gathers) {
                CODEC::load(args.gather, in1 + g % FLCI_TWOSTEP_SLOTS * args.gather.stride,
                            places.warp, places.lane, sum);
            }
            if (v < theirs.full_steps) {
                finish(theirs, v, send_aligned, ahead->x, x);
            }
            begin(theirs, v + 1, send_aligned, ahead->x);
            if (v < theirs.full_steps) {
                uint8_t *wire = out0 + v % FLCI_TWOSTEP_SLOTS * args.reduce.stride;
                CODEC::encode_elems(args.reduce, places.lane, x, share, p);
                CODEC::store(args.reduce, wire, metadata.of(1, v, wire), places.warp, places.lane,
                             p);
                if (metadata.is_complete(1, v)) {
                    metadata.push(1, v, args.reduce, wire);
                }
            }
            if (v < steps) {
                places.report(shared, 0, v, steps);
            }
            if (reduces) {
                uint8_t *wire = out1 + r % FLCI_TWOSTEP_SLOTS * args.gather.stride;
                float y[32];
                finish(mine, r, send_aligned, ahead->own, x);
                flcd_widen<TYPE>(x, y);
                CODEC::template add<true>(args.reduce, places.lane, contribution, y);
                flcd_divide(y, args.divisor);
                CODEC::encode_sum(args.gather, places.lane, y, share, p, x);
                CODEC::store(args.gather, wire, metadata.of(2, r, wire), places.warp, places.lane,
                             p);
                if (metadata.is_complete(2, r)) {
                    metadata.push(2, r, args.gather, wire);
                }
                flcd_store_unit<TYPE>(mine.recv + after(r), recv_aligned, 0, x);
            }
            begin(mine, r + 1, send_aligned, ahead->own);
            if (r < steps) {
                places.report(shared, 1, r, steps);
            }
            if (gathers) {
                CODEC::decode(args.gather, places.lane, sum, x);
                flcd_store_unit<TYPE>(theirs.recv + after(g), recv_aligned, 0, x);
            }
        }
    }
};

#endif
