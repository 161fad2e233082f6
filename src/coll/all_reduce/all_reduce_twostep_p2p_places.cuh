// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the kernels of the fused two-step all-reduce share: where blocks lie, the signalling warp,
 * and the frame of a thread block. all_reduce_twostep_p2p.cuh has the algorithm.
 */
#ifndef FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_PLACES_CUH
#define FLCI_COLL_ALL_REDUCE_ALL_REDUCE_TWOSTEP_P2P_PLACES_CUH

#include "coll/all_reduce/all_reduce_twostep_p2p_any.cuh"

/* What warps of a thread block share. */
struct flcd_twostep_shared {
    uint32_t progress[2][FLCI_TWOSTEP_WORKERS]; /* steps sent, and reduced, by each warp */
    float largest[2][FLCI_TWOSTEP_WORKERS];     /* of a compact block, by its warps in turn */
};

/* Step v of a thread block is on block blockIdx + v gridDim of every chunk. */
struct flcd_twostep_places {
    const struct flci_twostep_p2p_args &args;
    uint32_t warp, lane;

    /* Steps of this thread block: the longest chunk's blocks. */
    __device__ __forceinline__ uint32_t steps(void) const
    {
        return (args.longest_chunk - blockIdx.x + gridDim.x - 1) / gridDim.x;
    }

    __device__ __forceinline__ uint32_t block_in_chunk(uint32_t v) const
    {
        return blockIdx.x + v * gridDim.x;
    }

    __device__ __forceinline__ uint64_t first_block(int owner) const
    {
        const uint32_t r = (uint32_t)owner;
        return (uint64_t)args.chunk_blocks * r + min(r, args.longer_chunks);
    }

    /* Blocks of a chunk, with or without the buffer's short one. */
    __device__ __forceinline__ uint32_t all_blocks(int owner) const
    {
        return args.chunk_blocks + ((uint32_t)owner < args.longer_chunks);
    }

    __device__ __forceinline__ uint32_t full_blocks(int owner) const
    {
        return all_blocks(owner) - (owner == args.short_owner);
    }

    /* Place of step v in the ring of an inbox. */
    __device__ __forceinline__ uint64_t slot_of(uint32_t v, uint32_t stride) const
    {
        return (uint64_t)(blockIdx.x * FLCI_TWOSTEP_SLOTS + v % FLCI_TWOSTEP_SLOTS) * stride;
    }

    /* The inbox of rank `to` for what rank `from` sends it in a stage. */
    __device__ __forceinline__ uint8_t *inbox(int stage, int to, int from) const
    {
        return args.window.bases[to] +
               flci_p2p_inbox_at(args.window.ranks, args.window.inbox_bytes, stage, to, from);
    }

    __device__ __forceinline__ struct flcd_watch watch(uint32_t epoch, uint32_t all_steps) const
    {
        struct flcd_watch watch;
        watch.begin(args.window, epoch, all_steps, args.reduce_lag, args.gather_lag, lane);
        return watch;
    }

    /* This warp is done with step v of a stage: told every flag_steps, and at the end. */
    __device__ __forceinline__ void report(struct flcd_twostep_shared &shared, int stage,
                                           uint32_t v, uint32_t all_steps) const
    {
        if (((v + 1) & (args.flag_steps - 1)) == 0 || v + 1 == all_steps) {
            __syncwarp();
            if (lane == 0) {
                flcd_st_release_block_u32(&shared.progress[stage][warp], v + 1);
            }
        }
    }
};

/* ---- Metadata ---- */

/*
 * A unit's metadata is a part of a line, and on a link that costs as much as a whole line: so the
 * warps of a block put theirs together in shared memory, and the one that comes last pushes it. No
 * one waits. There is a place for each block of the ring, and for each peer in stage 0: when a warp
 * comes round to it again, the flags it has seen since say that all warps are done with it.
 *
 *   uint32_t  arrived [ranks][FLCI_TWOSTEP_SLOTS], zero at first: peers in stage 0, then stage 1
 *   uint8_t   gathered [ranks][FLCI_TWOSTEP_SLOTS][metadata_bytes]
 */
struct flcd_metadata {
    uint8_t *memory;
    uint32_t ranks, bytes, lane;

    __device__ __forceinline__ void clear(void) const
    {
        for (uint32_t i = threadIdx.x; bytes > 0 && i < ranks * FLCI_TWOSTEP_SLOTS;
             i += blockDim.x) {
            ((uint32_t *)memory)[i] = 0;
        }
    }

    /* Of block v, for peer `turn` in stage 0, for all in stage 1 with the turn `ranks`; in its
       place in `wire` where nothing is gathered. */
    __device__ __forceinline__ uint8_t *of(int turn, uint32_t v, uint8_t *wire) const
    {
        const uint32_t at = (uint32_t)(turn - 1) * FLCI_TWOSTEP_SLOTS + v % FLCI_TWOSTEP_SLOTS;
        return bytes == 0 ? wire : memory + ranks * FLCI_TWOSTEP_SLOTS * 4 + at * bytes;
    }

    /* This warp has put its part: is it the last of the block? All lanes. */
    __device__ __forceinline__ bool is_complete(int turn, uint32_t v) const
    {
        const uint32_t at = (uint32_t)(turn - 1) * FLCI_TWOSTEP_SLOTS + v % FLCI_TWOSTEP_SLOTS;
        uint32_t before = 0;
        if (bytes == 0) {
            return false;
        }
        __syncwarp();
        if (lane == 0) {
            __threadfence_block();
            before = atomicAdd((uint32_t *)memory + at, 1u);
            __threadfence_block();
        }
        before = __shfl_sync(FLCD_ALL_LANES, before, 0);
        return before % FLCI_TWOSTEP_WORKERS == FLCI_TWOSTEP_WORKERS - 1;
    }

    /* What is in front of the planes, to its place. */
    __device__ __forceinline__ void push(int turn, uint32_t v, const struct flcd_layout &layout,
                                         uint8_t *wire) const
    {
        const uint8_t *from = of(turn, v, wire);
        for (uint32_t at = 16 * lane; at < layout.planes; at += 16 * FLCD_LANES) {
            *(uint4 *)(wire + at) = *(const uint4 *)(from + at);
        }
    }
};

/* ---- The short block ---- */

/*
 * The last block of a buffer, where it is not full. The signalling warp of its thread block codes
 * it, before it tells the peers of the step that the block belongs to: so the workers know full
 * blocks only. It comes in the last step or the last but one, and nothing overtakes it in the ring.
 */
template <int KIND> struct flcd_short_block {
    struct flcd_twostep_places places;
    struct flcd_watch watch;
    struct flcd_any_scratch *scratch;
    uint32_t end; /* the count of steps with it; none here: UINT32_MAX */
    uint64_t block;

    __device__ __forceinline__ void find(void)
    {
        const struct flci_twostep_p2p_args &args = places.args;
        end = ~0u;
        if (args.short_owner >= 0) {
            const uint32_t in_chunk = places.full_blocks(args.short_owner);
            if (in_chunk % gridDim.x == blockIdx.x) {
                end = in_chunk / gridDim.x + 1;
                block = places.first_block(args.short_owner) + in_chunk;
            }
        }
    }

    __device__ __forceinline__ void send(void) const
    {
        const struct flci_twostep_p2p_args &args = places.args;
        if (args.window.rank != args.short_owner) {
            flcd_any_send<KIND>(args, scratch, block,
                                places.inbox(0, args.short_owner, args.window.rank) +
                                    places.slot_of(end - 1, args.reduce.stride));
        }
    }

    __device__ __forceinline__ void reduce(void)
    {
        const struct flci_twostep_p2p_args &args = places.args;
        if (args.window.rank == args.short_owner) {
            watch.wait_for(args.window, 0, end, args.signature);
            flcd_any_reduce<KIND>(args, scratch, block, places.slot_of(end - 1, args.reduce.stride),
                                  places.slot_of(end - 1, args.gather.stride));
        }
    }

    __device__ __forceinline__ void gather(void)
    {
        const struct flci_twostep_p2p_args &args = places.args;
        if (args.window.rank != args.short_owner) {
            watch.wait_for(args.window, 1, end, args.signature);
            flcd_any_gather<KIND>(args, scratch, block,
                                  places.inbox(1, args.window.rank, args.short_owner) +
                                      places.slot_of(end - 1, args.gather.stride));
        }
    }
};

/* ---- The signalling warp ---- */

/* Tells the peers how far the slowest worker is. */
template <int KIND> struct flcd_signaller {
    struct flcd_twostep_places places;
    struct flcd_twostep_shared &shared;

    __device__ __forceinline__ void run(uint32_t epoch, uint32_t steps) const
    {
        const struct flci_twostep_p2p_args &args = places.args;
        const uint32_t own = places.lane % (2 * FLCI_TWOSTEP_WORKERS);
        struct flcd_short_block<KIND> last = {
            places, places.watch(epoch, steps), nullptr, 0, 0
        };
        uint32_t sent = 0, reduced = 0;
        last.scratch =
            (struct flcd_any_scratch *)(args.window.bases[args.window.rank] + FLCI_P2P_SCRATCH_AT);
        last.find();
        while (sent < steps || reduced < steps) { /* a stale `sent` costs one more round */
            const uint32_t seen = flcd_ld_acquire_block_u32(&shared.progress[0][0] + own);
            const bool is_first = own < FLCI_TWOSTEP_WORKERS;
            const uint32_t all_sent = __reduce_min_sync(FLCD_ALL_LANES, is_first ? seen : ~0u);
            const uint32_t all_reduced = __reduce_min_sync(FLCD_ALL_LANES, is_first ? ~0u : seen);
            __syncwarp();
            if (all_sent == sent && all_reduced == reduced) {
                __nanosleep(20);
                continue;
            }
            if (sent < last.end && last.end <= all_sent) {
                last.send();
            }
            if (reduced < last.end && last.end <= all_reduced) {
                last.reduce();
            }
            flcd_fence_sys();
            if (all_sent != sent) {
                flcd_signal_peers(args.window, 0, epoch + all_sent, args.signature, places.lane);
            }
            if (all_reduced != reduced) {
                flcd_signal_peers(args.window, 1, epoch + all_reduced, args.signature, places.lane);
            }
            sent = all_sent;
            reduced = all_reduced;
        }
        if (last.end <= steps) {
            last.gather();
        }
    }
};

/* ---- The frame ---- */

template <int KIND, class WORKER>
static __device__ __forceinline__ void flcd_twostep_run(const struct flci_twostep_p2p_args &args,
                                                        struct flcd_twostep_shared &shared,
                                                        const WORKER &worker)
{
    uint32_t *epochs = (uint32_t *)(args.window.bases[args.window.rank] + FLCI_P2P_EPOCHS_AT);
    const uint32_t epoch = epochs[blockIdx.x];
    const uint32_t steps = worker.places.steps();
    if (threadIdx.x < 2 * FLCI_TWOSTEP_WORKERS) {
        (&shared.progress[0][0])[threadIdx.x] = 0;
    }
    __syncthreads();
    if (worker.places.warp == FLCI_TWOSTEP_WORKERS) {
        const struct flcd_signaller<KIND> signaller = {
            worker.places, shared
        };
        signaller.run(epoch, steps);
    } else {
        worker.run(shared, epoch, steps);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        epochs[blockIdx.x] = epoch + steps;
        if (blockIdx.x == 0) {
            flcd_state_of(args.window, args.window.rank)->calls++;
        }
    }
}

#endif
