// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The fused two-step all-reduce: quantize, exchange, sum, requantize and gather in one kernel over
 * peer-mapped memory. Its staged twin, and oracle, is all_reduce_twostep.c.
 *
 * Rank r owns chunk r, whole blocks. A thread block takes every gridDim-th tile: tile t is
 * `tile_blocks` blocks of every chunk, at the same place in each. It works in steps; in step i
 *
 *   1. send    tile i: own elements of every peer's chunk, encoded      -> inbox 0 of that peer
 *   2. reduce  tile i - 1: sum own elements and inbox 0, encode the sum -> inbox 1 of all peers,
 *              and what it decodes to                                   -> recv
 *   3. gather  tile i - 2: inbox 1 of every peer, decoded               -> recv
 *
 * so that a flag has a step's time to arrive before it is waited for. Warps never meet inside a
 * step: each waits for flags by itself, and a spare warp fences and signals (transport/cuda_p2p/peer_sync.cuh).
 *
 * An inbox holds FLCI_TWOSTEP_SLOTS tiles of a thread block, in a ring. Nothing more is waited for
 * before a slot is used again. Inbox 0: in step i a warp has seen flag 1 of tile i - 3, set when
 * the peer had reduced that tile. Inbox 1: the sum of tile j goes out after flag 0 of tile j was
 * seen, which the peer set after all its warps had gathered tile j - 3. Between calls: a kernel
 * ends when it has gathered everything, so all peers have reduced everything and inbox 0 is free;
 * and inbox 1 is written only after every peer's flag 0 of this call, that is after its last call
 * ended. So inboxes need no second buffer, and calls no barrier at their end.
 *
 * All thread blocks that wait for each other must be resident: the launcher sees to it.
 */
#ifndef FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_CUH
#define FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_CUH

#include "coll/all_reduce/all_reduce_twostep_p2p_any.cuh"
#include <type_traits>

#include "codec/cuda/unit_raw.cuh"

/* Where a unit of work is: which block of a chunk, which unit of that block. */
struct flcd_work {
    uint32_t block, unit;
};

/* What warps of a thread block share. */
struct flcd_twostep_shared {
    uint32_t progress[2][FLCI_TWOSTEP_WORKERS]; /* tiles sent, and reduced, by each warp */
    float largest[2][FLCI_TWOSTEP_WORKERS];
};

/* The largest of all warps' values; two of these in turn need one barrier each. */
struct flcd_share {
    struct flcd_twostep_shared *shared;
    uint32_t warp, lane;
    uint32_t *turn;

    __device__ __forceinline__ float operator()(float x) const
    {
        float *largest = shared->largest[*turn ^= 1];
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

static __device__ __forceinline__ void flcd_report_progress(uint32_t *progress, uint32_t tiles,
                                                            uint32_t lane)
{
    __syncwarp();
    if (lane == 0) {
        flcd_st_release_block_u32(progress, tiles);
    }
}

template <class CODEC, flc_type TYPE, int RANKS> struct flcd_twostep {
    static constexpr uint32_t elem_bytes = TYPE == FLC_FLOAT32 ? 4 : 2;
    using packet = typename CODEC::packet;

    const struct flci_twostep_p2p_args &args;
    struct flcd_any_scratch *scratch; /* the window's: a buffer has one short block at most */
    struct flcd_share share;
    uint32_t lane, warp;
    bool send_aligned, recv_aligned;

    __device__ __forceinline__ int ranks() const
    {
        return RANKS != 0 ? RANKS : args.window.ranks;
    }

    __device__ __forceinline__ int rank() const
    {
        return args.window.rank;
    }

    /* Unit `step` of this warp in a tile: whole blocks for a warp, or, where the warps of a block
       share its base exponent, a quarter of each. */
    __device__ __forceinline__ struct flcd_work work_at(uint32_t step, bool shares) const
    {
        const uint32_t v =
            shares ? FLCI_TWOSTEP_WORKERS * step + warp : warp * units_a_warp() + step;
        return {v / FLCD_UNITS, v % FLCD_UNITS};
    }

    __device__ __forceinline__ uint32_t units_a_warp() const
    {
        return args.tile_blocks * FLCD_UNITS / FLCI_TWOSTEP_WORKERS;
    }

    /* Place of a block in an inbox. */
    __device__ __forceinline__ uint64_t slot_of(uint32_t step, uint32_t block, uint32_t stride) const
    {
        const uint32_t slot = blockIdx.x * FLCI_TWOSTEP_SLOTS + step % FLCI_TWOSTEP_SLOTS;
        return (uint64_t)(slot * args.tile_blocks + block) * stride;
    }

    __device__ __forceinline__ uint8_t *inbox(int stage, int to, int from) const
    {
        return args.window.bases[to] +
               flci_p2p_inbox_at(ranks(), args.window.inbox_bytes, stage, to, from);
    }

    /* Block of the buffer that is block `block` of a tile in a rank's chunk; false if there is no
       such block. */
    __device__ __forceinline__ bool find(int owner, uint32_t tile, uint32_t block,
                                         uint64_t *found) const
    {
        const uint32_t in_chunk = tile * args.tile_blocks + block, r = (uint32_t)owner;
        *found = (uint64_t)args.chunk_blocks * r + min(r, args.longer_chunks) + in_chunk;
        return in_chunk < args.chunk_blocks + (r < args.longer_chunks);
    }

    __device__ __forceinline__ bool is_short(uint64_t block) const
    {
        return (block + 1) * FLC_BLOCK_ELEMS > args.count;
    }

    __device__ __forceinline__ uint64_t byte_of(uint64_t block, uint32_t unit) const
    {
        return (block * FLC_BLOCK_ELEMS + unit * FLCD_UNIT_ELEMS) * elem_bytes;
    }

    /* ---- 1. send ---- */

    __device__ __forceinline__ void send(uint32_t step, uint32_t tile) const
    {
        const bool shares = args.reduce.format.metadata == FLC_COMPACT;
        for (int turn = 1; turn < ranks(); turn++) { /* no two ranks start at the same peer */
            const int to = (rank() + turn) % ranks();
            uint8_t *peer = inbox(0, to, rank());
            for (uint32_t i = 0; i < units_a_warp(); i++) {
                const struct flcd_work work = work_at(i, shares);
                uint64_t block;
                if (!find(to, tile, work.block, &block)) {
                    continue;
                }
                uint8_t *wire = peer + slot_of(step, work.block, args.reduce.stride);
                if (is_short(block)) {
                    if (work.unit == 0) {
                        flcd_any_send(args, scratch, block, wire);
                    }
                    continue;
                }
                flcd_elems<TYPE> elems;
                packet p;
                flcd_load_unit<TYPE>(args.send + byte_of(block, work.unit), send_aligned, lane,
                                     elems);
                CODEC::encode_elems(args.reduce, lane, elems, share, p);
                CODEC::store(args.reduce, wire, work.unit, lane, p);
            }
        }
    }

    /* ---- 2. reduce ---- */

    __device__ __forceinline__ void load_from(int from, uint32_t step, const struct flcd_work &work,
                                              packet &p) const
    {
        CODEC::load(args.reduce,
                    inbox(0, rank(), from) + slot_of(step, work.block, args.reduce.stride),
                    work.unit, lane, p);
    }

    /* Sum over the ranks in order. With two the order makes no difference. */
    __device__ __forceinline__ void sum(uint32_t step, const struct flcd_work &work,
                                        const flcd_elems<TYPE> &own, float (&x)[32]) const
    {
        packet p;
        if constexpr (RANKS == 2) {
            load_from(1 - rank(), step, work, p);
            flcd_widen<TYPE>(own, x);
            CODEC::template add<true>(args.reduce, lane, p, x);
        } else {
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
                    load_from(from, step, work, p);
                    CODEC::template add<true>(args.reduce, lane, p, x);
                }
            }
        }
    }

    __device__ __forceinline__ void reduce(uint32_t step, uint32_t tile) const
    {
        const bool shares = args.gather.format.metadata == FLC_COMPACT;
        for (uint32_t i = 0; i < units_a_warp(); i++) {
            const struct flcd_work work = work_at(i, shares);
            const uint64_t slot = slot_of(step, work.block, args.gather.stride);
            uint64_t block;
            if (!find(rank(), tile, work.block, &block)) {
                continue;
            }
            if (is_short(block)) {
                if (work.unit == 0) {
                    flcd_any_reduce(args, scratch, block,
                                    slot_of(step, work.block, args.reduce.stride), slot);
                }
                continue;
            }
            flcd_elems<TYPE> elems;
            packet p;
            float x[32];
            flcd_load_unit<TYPE>(args.send + byte_of(block, work.unit), send_aligned, lane, elems);
            sum(step, work, elems, x);
            if (args.divisor != 1.0f) {
#pragma unroll
                for (int j = 0; j < 32; j++) {
                    x[j] = x[j] / args.divisor;
                }
            }
            CODEC::encode_sum(args.gather, lane, x, share, p, elems);
            for (int turn = 1; turn < ranks(); turn++) {
                const int to = (rank() + turn) % ranks();
                CODEC::store(args.gather, inbox(1, to, rank()) + slot, work.unit, lane, p);
            }
            flcd_store_unit<TYPE>(args.recv + byte_of(block, work.unit), recv_aligned, lane, elems);
        }
    }

    /* ---- 3. gather ---- */

    __device__ __forceinline__ void gather(uint32_t step, uint32_t tile) const
    {
        for (int turn = 1; turn < ranks(); turn++) {
            const int from = (rank() + turn) % ranks();
            const uint8_t *own = inbox(1, rank(), from);
            for (uint32_t i = 0; i < units_a_warp(); i++) {
                const struct flcd_work work = work_at(i, false);
                uint64_t block;
                if (!find(from, tile, work.block, &block)) {
                    continue;
                }
                const uint8_t *wire = own + slot_of(step, work.block, args.gather.stride);
                if (is_short(block)) {
                    if (work.unit == 0) {
                        flcd_any_gather(args, scratch, block, wire);
                    }
                    continue;
                }
                flcd_elems<TYPE> elems;
                packet p;
                CODEC::load(args.gather, wire, work.unit, lane, p);
                CODEC::decode(args.gather, lane, p, elems);
                flcd_store_unit<TYPE>(args.recv + byte_of(block, work.unit), recv_aligned, lane,
                                      elems);
            }
        }
    }

    __device__ __forceinline__ void steps(struct flcd_twostep_shared &shared, uint32_t epoch,
                                          uint32_t tiles) const
    {
        const uint32_t lag = args.lag, stride = gridDim.x;
        for (uint32_t step = 0; step < tiles + 2 * lag; step++) {
            const uint32_t tile = blockIdx.x + step * stride;
            const bool reduces = step >= lag && step - lag < tiles, gathers = step >= 2 * lag;
            if (step < tiles) {
                send(step, tile);
                flcd_report_progress(&shared.progress[0][warp], step + 1, lane);
            }
            flcd_wait_peers(args.window,
                            {epoch, reduces ? epoch + step - lag + 1 : epoch,
                             gathers ? epoch + step - 2 * lag + 1 : epoch},
                            args.signature, lane);
            if (reduces) {
                reduce(step - lag, tile - lag * stride);
                flcd_report_progress(&shared.progress[1][warp], step - lag + 1, lane);
            }
            if (gathers) {
                gather(step - 2 * lag, tile - 2 * lag * stride);
            }
        }
    }
};

/* The spare warp: tells the peers how far the slowest worker is. */
static __device__ __forceinline__ void flcd_twostep_signal(const struct flci_twostep_p2p_args &args,
                                                           const struct flcd_twostep_shared &shared,
                                                           uint32_t epoch, uint32_t tiles,
                                                           uint32_t lane)
{
    const uint32_t *own = &shared.progress[0][0] + lane % (2 * FLCI_TWOSTEP_WORKERS);
    uint32_t sent = 0, reduced = 0;
    while (reduced < tiles) {
        const uint32_t seen = flcd_ld_acquire_block_u32(own);
        const bool is_first = lane % (2 * FLCI_TWOSTEP_WORKERS) < FLCI_TWOSTEP_WORKERS;
        const uint32_t all_sent = __reduce_min_sync(FLCD_ALL_LANES, is_first ? seen : ~0u);
        const uint32_t all_reduced = __reduce_min_sync(FLCD_ALL_LANES, is_first ? ~0u : seen);
        __syncwarp();
        if (all_sent == sent && all_reduced == reduced) {
            __nanosleep(32);
            continue;
        }
        flcd_fence_sys();
        if (all_sent != sent) {
            flcd_signal_peers(args.window, 0, epoch + all_sent, args.signature, lane);
        }
        if (all_reduced != reduced) {
            flcd_signal_peers(args.window, 1, epoch + all_reduced, args.signature, lane);
        }
        sent = all_sent;
        reduced = all_reduced;
    }
}

/* ---- Two ranks ---- */

/*
 * The same steps for two ranks, cut finer: a warp takes one unit of one block at a time, so that
 * what its next arithmetic needs can be loaded before it waits for anything. Step v is unit
 * v % tile_blocks of tile v / tile_blocks; flags are for tiles.
 */
template <class CODEC, flc_type TYPE> struct flcd_pair : flcd_twostep<CODEC, TYPE, 2> {
    using base = flcd_twostep<CODEC, TYPE, 2>;
    using packet = typename base::packet;

    /* A block of a chunk that is this warp's to work on. */
    struct place {
        uint64_t block; /* of the buffer */
        uint32_t slot;  /* block of the ring */
        bool is_full, is_short;
    };

    __device__ __forceinline__ struct place place_of(int owner, uint32_t v) const
    {
        const uint32_t tile = v / this->args.tile_blocks, block = v % this->args.tile_blocks;
        struct place place;
        const bool is_there =
            this->find(owner, blockIdx.x + tile * gridDim.x, block, &place.block);
        place.slot = (blockIdx.x * FLCI_TWOSTEP_SLOTS + tile % FLCI_TWOSTEP_SLOTS) *
                         this->args.tile_blocks +
                     block;
        place.is_short = is_there && this->is_short(place.block);
        place.is_full = is_there && !place.is_short;
        return place;
    }

    __device__ __forceinline__ void load(const struct place &place, flcd_elems<TYPE> &x) const
    {
        if (place.is_full) {
            flcd_load_unit<TYPE>(this->args.send + this->byte_of(place.block, this->warp),
                                 this->send_aligned, this->lane, x);
        }
    }

    __device__ __forceinline__ void store(const struct place &place,
                                          const flcd_elems<TYPE> &x) const
    {
        flcd_store_unit<TYPE>(this->args.recv + this->byte_of(place.block, this->warp),
                              this->recv_aligned, this->lane, x);
    }

    __device__ __forceinline__ void send(const struct place &place, uint8_t *inbox,
                                         const flcd_elems<TYPE> &x) const
    {
        const auto &args = this->args;
        uint8_t *wire = inbox + (uint64_t)place.slot * args.reduce.stride;
        if (place.is_full) {
            packet p;
            CODEC::encode_elems(args.reduce, this->lane, x, this->share, p);
            CODEC::store(args.reduce, wire, this->warp, this->lane, p);
        } else if (place.is_short && this->warp == 0) {
            flcd_any_send(args, this->scratch, place.block, wire);
        }
    }

    __device__ __forceinline__ void reduce(const struct place &place, uint8_t *inbox,
                                           flcd_elems<TYPE> &own, const packet &theirs) const
    {
        const auto &args = this->args;
        const uint64_t at = (uint64_t)place.slot * args.gather.stride;
        if (place.is_full) {
            float x[32];
            packet p;
            flcd_widen<TYPE>(own, x);
            CODEC::template add<true>(args.reduce, this->lane, theirs, x);
            if (args.divisor != 1.0f) {
#pragma unroll
                for (int i = 0; i < 32; i++) {
                    x[i] *= 0.5f; /* exactly as a division by 2 */
                }
            }
            CODEC::encode_sum(args.gather, this->lane, x, this->share, p, own);
            CODEC::store(args.gather, inbox + at, this->warp, this->lane, p);
            store(place, own);
        } else if (place.is_short && this->warp == 0) {
            flcd_any_reduce(args, this->scratch, place.block,
                            (uint64_t)place.slot * args.reduce.stride, at);
        }
    }

    __device__ __forceinline__ void gather(const struct place &place, const uint8_t *inbox,
                                           const packet &theirs) const
    {
        const auto &args = this->args;
        if (place.is_full) {
            flcd_elems<TYPE> x;
            CODEC::decode(args.gather, this->lane, theirs, x);
            store(place, x);
        } else if (place.is_short && this->warp == 0) {
            flcd_any_gather(args, this->scratch, place.block,
                            inbox + (uint64_t)place.slot * args.gather.stride);
        }
    }

    __device__ __forceinline__ void steps(struct flcd_twostep_shared &shared, uint32_t epoch,
                                          uint32_t tiles) const
    {
        const auto &args = this->args;
        const int me = this->rank(), peer = 1 - me;
        const uint32_t lane = this->lane, a_tile = args.tile_blocks;
        const uint32_t units = tiles * a_tile, lag = args.lag * a_tile;
        uint8_t *const their_inbox0 = this->inbox(0, peer, me);
        uint8_t *const their_inbox1 = this->inbox(1, peer, me);
        const uint8_t *const inbox0 = this->inbox(0, me, peer);
        const uint8_t *const inbox1 = this->inbox(1, me, peer);
        struct place sending = place_of(peer, 0);
        flcd_elems<TYPE> x;
        load(sending, x);
        for (uint32_t v = 0; v < units + 2 * lag; v++) {
            const bool reduces = v >= lag && v - lag < units, gathers = v >= 2 * lag;
            struct place reducing = {0, 0, false, false}, gathering = {0, 0, false, false};
            flcd_elems<TYPE> own;
            packet theirs, sum;
            if (v < units) {
                send(sending, their_inbox0, x);
                if ((v + 1) % a_tile == 0) {
                    flcd_report_progress(&shared.progress[0][this->warp], (v + 1) / a_tile, lane);
                }
            }
            if (reduces) {
                reducing = place_of(me, v - lag);
                load(reducing, own);
            }
            if (v + 1 < units) {
                sending = place_of(peer, v + 1);
                load(sending, x);
            }
            if (v % a_tile == 0) {
                flcd_wait_peers(args.window,
                                {epoch, reduces ? epoch + (v - lag) / a_tile + 1 : epoch,
                                 gathers ? epoch + (v - 2 * lag) / a_tile + 1 : epoch},
                                args.signature, lane);
            }
            if (reducing.is_full) {
                CODEC::load(args.reduce, inbox0 + (uint64_t)reducing.slot * args.reduce.stride,
                            this->warp, lane, theirs);
            }
            if (gathers) {
                gathering = place_of(peer, v - 2 * lag);
                if (gathering.is_full) {
                    CODEC::load(args.gather,
                                inbox1 + (uint64_t)gathering.slot * args.gather.stride, this->warp,
                                lane, sum);
                }
            }
            if (reduces) {
                reduce(reducing, their_inbox1, own, theirs);
                if ((v - lag + 1) % a_tile == 0) {
                    flcd_report_progress(&shared.progress[1][this->warp], (v - lag + 1) / a_tile,
                                         lane);
                }
            }
            gather(gathering, inbox1, sum);
        }
    }
};

/* ---- Kernels ---- */

template <class WORKER>
static __device__ __forceinline__ void
flcd_twostep_run(const struct flci_twostep_p2p_args &args, struct flcd_twostep_shared &shared,
                 const WORKER &worker, uint32_t warp, uint32_t lane)
{
    uint32_t *epochs = (uint32_t *)(args.window.bases[args.window.rank] + FLCI_P2P_EPOCHS_AT);
    const uint32_t epoch = epochs[blockIdx.x];
    const uint32_t tiles = (args.tiles - blockIdx.x + gridDim.x - 1) / gridDim.x;
    if (threadIdx.x < 2 * FLCI_TWOSTEP_WORKERS) {
        (&shared.progress[0][0])[threadIdx.x] = 0;
    }
    __syncthreads();
    if (warp == FLCI_TWOSTEP_WORKERS) {
        flcd_twostep_signal(args, shared, epoch, tiles, lane);
    } else {
        worker.steps(shared, epoch, tiles);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        epochs[blockIdx.x] = epoch + tiles;
        if (blockIdx.x == 0) {
            flcd_state_of(args.window, args.window.rank)->calls++;
        }
    }
}

template <class CODEC, flc_type TYPE, int RANKS, int BLOCKS_A_SM>
__global__ void __launch_bounds__(FLCI_TWOSTEP_THREADS, BLOCKS_A_SM)
    flcd_twostep_kernel(const __grid_constant__ struct flci_twostep_p2p_args args)
{
    __shared__ struct flcd_twostep_shared shared;
    const uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    uint32_t turn = 0;
#ifdef FLCD_NO_PAIR
    using worker_of = flcd_twostep<CODEC, TYPE, RANKS>;
#else
    using worker_of = std::conditional_t<RANKS == 2, flcd_pair<CODEC, TYPE>,
                                         flcd_twostep<CODEC, TYPE, RANKS>>;
#endif
    const flcd_twostep<CODEC, TYPE, RANKS> places = {
        args,
        (struct flcd_any_scratch *)(args.window.bases[args.window.rank] + FLCI_P2P_SCRATCH_AT),
        {&shared, warp, lane, &turn},
        lane,
        warp,
        ((uintptr_t)args.send & 15) == 0,
        ((uintptr_t)args.recv & 15) == 0};
    const worker_of worker = {places};
    flcd_twostep_run(args, shared, worker, warp, lane);
}

#endif
