// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The slow kernel of the two-step all-reduce: any format in either step, any type, any flags.
 * The same steps, a warp a block, with the codec of single blocks; FLCI_TWOSTEP_ANY_SHARED bytes of
 * shared memory, a scratch for every worker. The workers take the short block too: the host names
 * no owner of it.
 */
#include "coll/all_reduce/all_reduce_twostep_p2p_places.cuh"

static_assert(FLCI_TWOSTEP_ANY_SHARED == FLCI_TWOSTEP_WORKERS * sizeof(struct flcd_any_scratch),
              "one scratch a worker");

struct flcd_slow_worker {
    struct flcd_twostep_places places;
    struct flcd_any_scratch *scratch;

    __device__ __forceinline__ void send(uint32_t v, uint32_t block) const
    {
        const struct flci_twostep_p2p_args &args = places.args;
        const int me = args.window.rank, ranks = args.window.ranks;
        for (int turn = 1; turn < ranks; turn++) {
            const int to = (me + turn) % ranks;
            if (block < places.all_blocks(to)) {
                flcd_any_send<FLCD_KIND_ANY>(args, scratch, places.first_block(to) + block,
                                             places.inbox(0, to, me) +
                                                 places.slot_of(v, args.reduce.stride));
            }
        }
    }

    __device__ __forceinline__ void reduce(uint32_t v, uint32_t block) const
    {
        const struct flci_twostep_p2p_args &args = places.args;
        if (block < places.all_blocks(args.window.rank)) {
            flcd_any_reduce<FLCD_KIND_ANY>(
                args, scratch, places.first_block(args.window.rank) + block,
                places.slot_of(v, args.reduce.stride), places.slot_of(v, args.gather.stride));
        }
    }

    __device__ __forceinline__ void gather(uint32_t v, uint32_t block) const
    {
        const struct flci_twostep_p2p_args &args = places.args;
        const int me = args.window.rank, ranks = args.window.ranks;
        for (int turn = 1; turn < ranks; turn++) {
            const int from = (me + turn) % ranks;
            if (block < places.all_blocks(from)) {
                flcd_any_gather<FLCD_KIND_ANY>(args, scratch, places.first_block(from) + block,
                                               places.inbox(1, me, from) +
                                                   places.slot_of(v, args.gather.stride));
            }
        }
    }

    __device__ __forceinline__ bool takes(uint32_t v) const
    {
        return v % FLCI_TWOSTEP_WORKERS == places.warp;
    }

    __device__ __forceinline__ void run(struct flcd_twostep_shared &shared, uint32_t epoch,
                                        uint32_t steps) const
    {
        const uint32_t lag = places.args.reduce_lag, gather_lag = places.args.gather_lag;
        struct flcd_watch watch = places.watch(epoch, steps);
        for (uint32_t v = 0; v < steps + gather_lag; v++) {
            watch.wait(places.args.window, v, places.args.signature);
            if (v < steps) {
                if (takes(v)) {
                    send(v, places.block_in_chunk(v));
                }
                places.report(shared, 0, v, steps);
            }
            if (v >= lag && v - lag < steps) {
                if (takes(v - lag)) {
                    reduce(v - lag, places.block_in_chunk(v - lag));
                }
                places.report(shared, 1, v - lag, steps);
            }
            if (v >= gather_lag && takes(v - gather_lag)) {
                gather(v - gather_lag, places.block_in_chunk(v - gather_lag));
            }
        }
    }
};

static __global__ void __launch_bounds__(FLCI_TWOSTEP_THREADS, 1)
    flcd_twostep_any_kernel(const __grid_constant__ struct flci_twostep_p2p_args args)
{
    extern __shared__ __align__(16) uint8_t scratches[];
    __shared__ struct flcd_twostep_shared shared;
    const uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const struct flcd_slow_worker worker = {
        {args, warp, lane}, (struct flcd_any_scratch *)scratches + warp % FLCI_TWOSTEP_WORKERS};
    flcd_twostep_run<FLCD_KIND_ANY>(args, shared, worker);
}

extern "C" const void *flci_twostep_p2p_kernel_any(void)
{
    return (const void *)flcd_twostep_any_kernel;
}
