// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The fused two-step all-reduce: quantize, exchange, sum, requantize and gather in one kernel over
 * peer-mapped memory. Its staged twin, and oracle, is all_reduce_twostep.c.
 *
 * Rank r owns chunk r, whole blocks. A thread block takes every gridDim-th block of each chunk, one
 * of every chunk in a step, and each of its four working warps a quarter of it, a unit. In step v
 *
 *   1. send    block v: own elements of every peer's chunk, encoded
 *                                                        -> inbox 0 of the peer
 *   2. reduce  block v - reduce_lag: sum own elements and inbox 0, encode the sum
 *                                                        -> inbox 1 of all peers,
 *              and what it decodes to                    -> recv
 *   3. gather  block v - gather_lag: inbox 1 of every peer, decoded
 *                                                        -> recv
 *
 * so that flags, raised every flag_steps, have some steps' time to arrive before they are waited
 * for. Warps do not meet (but for the base exponent of compact blocks): each waits for flags by
 * itself, and a spare warp fences and signals (transport/cuda_p2p/peer_sync.cuh). Elements are
 * copied to shared memory a step ahead, each lane's own, so that their latency costs no registers.
 *
 * An inbox holds FLCI_TWOSTEP_SLOTS blocks of a thread block, in a ring: at least gather_lag +
 * flag_steps. Nothing more is waited for before a slot is used again. Inbox 0: before a warp sends
 * block v it has gathered block v - 1 - gather_lag, so its owner had reduced that block. Inbox 1:
 * the sum of block v goes out after a flag 0 of at least v + 1 was seen, which the peer set after
 * all its warps had gathered block v - 1 - gather_lag. Between calls: a kernel ends when it has
 * gathered everything, so all peers have reduced everything and inbox 0 is free; and inbox 1 is
 * written only after every peer's flag 0 of this call, that is after its last call ended. So
 * inboxes need no second buffer, and calls no barrier at their end.
 *
 * All thread blocks that wait for each other must be resident: the launcher sees to it.
 */
#ifndef FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_CUH
#define FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_CUH

#include "codec/cuda/unit_raw.cuh"
#include "codec/cuda/unit_rotated.cuh"
#include "codec/cuda/unit_spiked.cuh"
#include "coll/all_reduce/all_reduce_twostep_p2p_places.cuh"

/* The largest of the values that a block's warps have; two of these in turn need one barrier
   each. */
struct flcd_share {
    struct flcd_twostep_shared *shared;
    uint32_t warp, lane;
    uint32_t *turn;

    __device__ __forceinline__ float operator()(float x) const
    {
        *turn ^= 1;
        float *largest = shared->largest[*turn];
        for (int distance = 16; distance > 0; distance /= 2) {
            x = fmaxf(x, __shfl_xor_sync(FLCD_ALL_LANES, x, distance));
        }
        if (lane == 0) {
            largest[warp] = x;
        }
        flcd_barrier(1, 32 * FLCI_TWOSTEP_WORKERS);
        return fmaxf(fmaxf(largest[0], largest[1]), fmaxf(largest[2], largest[3]));
    }
};

/* Elements on their way to a lane: 16 bytes for each lane of a warp, so many times. */
template <flc_type TYPE> struct flcd_ahead {
    static constexpr int vectors = TYPE == FLC_FLOAT32 ? 8 : 4;
    uint4 x[vectors][32], own[vectors][32];
};

/* Of any number of ranks. */
template <class CODEC, flc_type TYPE> struct flcd_worker {
    static constexpr uint32_t elem_bytes = TYPE == FLC_FLOAT32 ? 4 : 2;
    static constexpr int vectors = flcd_ahead<TYPE>::vectors;
    using packet = typename CODEC::packet;
    using elems = flcd_elems<TYPE>;
    using buffer = uint4[vectors][32];

    struct flcd_twostep_places places;
    struct flcd_ahead<TYPE> *ahead;
    struct flcd_share share;
    struct flcd_metadata metadata;

    __device__ __forceinline__ int ranks(void) const
    {
        return places.args.window.ranks;
    }

    __device__ __forceinline__ int rank(void) const
    {
        return places.args.window.rank;
    }

    /* Peers in an order in which no two ranks meet at the same one: turn 1 to ranks - 1. */
    __device__ __forceinline__ int peer(int turn) const
    {
        return (rank() + turn) % ranks();
    }

    /* ---- Elements ---- */

    /* This warp's unit of a block of a chunk, in bytes from the start of the buffer. */
    __device__ __forceinline__ uint64_t unit_at(int owner, uint32_t block) const
    {
        return ((places.first_block(owner) + block) * FLC_BLOCK_ELEMS +
                places.warp * FLCD_UNIT_ELEMS) *
               elem_bytes;
    }

    __device__ __forceinline__ bool is_aligned(const void *buffer_start) const
    {
        return ((uintptr_t)buffer_start & 15) == 0;
    }

    /* Begin to copy a unit's elements, if there are any; always one group of copies. */
    __device__ __forceinline__ void begin(bool is_there, int owner, uint32_t block,
                                          buffer &into) const
    {
        const uint8_t *send = places.args.send;
        if (is_there && block < places.full_blocks(owner) && is_aligned(send)) {
            const uint8_t *from = send + unit_at(owner, block);
#pragma unroll
            for (int i = 0; i < vectors; i++) {
                flcd_copy_ahead(&into[i][places.lane], from + flcd_vector_at<TYPE>(places.lane, i));
            }
        }
        flcd_copy_commit();
    }

    __device__ __forceinline__ void read(const buffer &from, elems &x) const
    {
#pragma unroll
        for (int i = 0; i < vectors; i++) {
            const uint4 v = from[i][places.lane];
            x.words[4 * i] = v.x;
            x.words[4 * i + 1] = v.y;
            x.words[4 * i + 2] = v.z;
            x.words[4 * i + 3] = v.w;
        }
    }

    /* What begin() copied, all groups but the last `later` ones being complete. */
    template <int LATER>
    __device__ __forceinline__ void finish(int owner, uint32_t block, const buffer &from,
                                           elems &x) const
    {
        const uint8_t *send = places.args.send;
        flcd_copy_wait<LATER>();
        if (is_aligned(send)) {
            read(from, x);
        } else {
            flcd_load_unit<TYPE>(send + unit_at(owner, block), false, places.lane, x);
        }
    }

    __device__ __forceinline__ void store(int owner, uint32_t block, const elems &x) const
    {
        uint8_t *recv = places.args.recv;
        flcd_store_unit<TYPE>(recv + unit_at(owner, block), is_aligned(recv), places.lane, x);
    }

    __device__ __forceinline__ void load(int stage, int from, uint32_t v,
                                         const struct flcd_layout &layout, packet &p) const
    {
        CODEC::load(layout, places.inbox(stage, rank(), from) + places.slot_of(v, layout.stride),
                    places.warp, places.lane, p);
    }

    /* ---- Steps ---- */

    __device__ __forceinline__ void send(uint32_t v, uint32_t steps) const
    {
        const struct flcd_layout &layout = places.args.reduce;
        const uint32_t block = places.block_in_chunk(v);
        for (int turn = 1; turn < ranks(); turn++) {
            const int to = peer(turn);
            const bool is_full = v < steps && block < places.full_blocks(to);
            const bool is_last = turn + 1 == ranks();
            elems x;
            if (is_full) { /* the first one's copy is older than that of `own` */
                if (turn == 1) {
                    finish<1>(to, block, ahead->x, x);
                } else {
                    finish<0>(to, block, ahead->x, x);
                }
            }
            begin(v + is_last < steps, is_last ? peer(1) : peer(turn + 1),
                  is_last ? places.block_in_chunk(v + 1) : block, ahead->x);
            if (is_full) {
                uint8_t *wire = places.inbox(0, to, rank()) + places.slot_of(v, layout.stride);
                packet p;
                CODEC::encode_elems(layout, places.lane, x, share, p);
                CODEC::store(layout, wire, metadata.of(turn, v, wire), places.warp, places.lane, p);
                if (metadata.is_complete(turn, v)) {
                    metadata.push(turn, v, layout, wire);
                }
            }
        }
    }

    /* Sum over the ranks in order. */
    __device__ __forceinline__ void sum(uint32_t v, const elems &own, float (&x)[32]) const
    {
        const struct flcd_layout &layout = places.args.reduce;
#pragma unroll
        for (int i = 0; i < 32; i++) {
            x[i] = -0.0f; /* the one start that leaves the first rank's value as it is */
        }
        for (int from = 0; from < ranks(); from++) {
            if (from == rank()) {
                float y[32];
                flcd_widen<TYPE>(own, y);
#pragma unroll
                for (int i = 0; i < 32; i++) {
                    x[i] += y[i];
                }
            } else {
                packet p;
                load(0, from, v, layout, p);
                CODEC::template add<true>(layout, places.lane, p, x);
            }
        }
    }

    /* Where the sum of block v goes. */
    __device__ __forceinline__ uint8_t *sum_wire(int turn, uint32_t v) const
    {
        return places.inbox(1, peer(turn), rank()) + places.slot_of(v, places.args.gather.stride);
    }

    __device__ __forceinline__ void reduce(uint32_t v, uint32_t block) const
    {
        const struct flcd_layout &layout = places.args.gather;
        elems own;
        packet p;
        float x[32];
        finish<1>(rank(), block, ahead->own, own);
        sum(v, own, x);
        flcd_divide(x, places.args.divisor);
        CODEC::encode_sum(layout, places.lane, x, share, p, own);
        for (int turn = 1; turn < ranks(); turn++) {
            uint8_t *wire = sum_wire(turn, v);
            CODEC::store(layout, wire, metadata.of(ranks(), v, wire), places.warp, places.lane, p);
        }
        if (metadata.is_complete(ranks(), v)) {
            for (int turn = 1; turn < ranks(); turn++) {
                metadata.push(ranks(), v, layout, sum_wire(turn, v));
            }
        }
        store(rank(), block, own);
    }

    __device__ __forceinline__ void gather(uint32_t v, uint32_t block) const
    {
        const struct flcd_layout &layout = places.args.gather;
        for (int turn = 1; turn < ranks(); turn++) {
            const int from = peer(turn);
            elems x;
            packet p;
            if (block < places.full_blocks(from)) {
                load(1, from, v, layout, p);
                CODEC::decode(layout, places.lane, p, x);
                store(from, block, x);
            }
        }
    }

    __device__ __forceinline__ void run(struct flcd_twostep_shared &shared, uint32_t epoch,
                                        uint32_t steps) const
    {
        const uint32_t lag = places.args.reduce_lag, gather_lag = places.args.gather_lag;
        struct flcd_watch watch = places.watch(epoch, steps);
        begin(true, peer(1), places.block_in_chunk(0), ahead->x);
        flcd_copy_commit(); /* in place of `own` */
        for (uint32_t v = 0; v < steps + gather_lag; v++) {
            const bool reduces = v >= lag && v - lag < steps;
            const uint32_t to_reduce = places.block_in_chunk(v - lag);
            watch.wait(places.args.window, v, places.args.signature);
            send(v, steps);
            if (v < steps) {
                places.report(shared, 0, v, steps);
            }
            if (reduces && to_reduce < places.full_blocks(rank())) {
                reduce(v - lag, to_reduce);
            }
            begin(v + 1 >= lag && v + 1 - lag < steps, rank(), places.block_in_chunk(v + 1 - lag),
                  ahead->own);
            if (reduces) {
                places.report(shared, 1, v - lag, steps);
            }
            if (v >= gather_lag) {
                gather(v - gather_lag, places.block_in_chunk(v - gather_lag));
            }
        }
    }
};

#endif
