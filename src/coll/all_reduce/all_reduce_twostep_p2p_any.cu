// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The slow kernel of the two-step all-reduce: any format in either step, any type, any flags.
 * The same steps, a warp a block, with the codec of single blocks; FLCI_TWOSTEP_ANY_SHARED bytes of
 * shared memory, a scratch for every worker.
 */
#include "coll/all_reduce/all_reduce_twostep_p2p.cuh"

static_assert(FLCI_TWOSTEP_ANY_SHARED == FLCI_TWOSTEP_WORKERS * sizeof(struct flcd_any_scratch),
              "one scratch a worker");

/* Places are those of the fast kernels, codecs aside. */
struct flcd_twostep_slow : flcd_twostep<flcd_raw<FLC_FLOAT32>, FLC_FLOAT32, 0> {
    /* Each block of the tile that is this warp's, in the chunk of `owner`. */
    template <typename WORK>
    __device__ __forceinline__ void each_block(int owner, uint32_t tile, WORK work) const
    {
        for (uint32_t i = warp; i < args.tile_blocks; i += FLCI_TWOSTEP_WORKERS) {
            uint64_t block;
            if (find(owner, tile, i, &block)) {
                work(i, block);
            }
        }
    }

    __device__ __forceinline__ void send(uint32_t step, uint32_t tile) const
    {
        for (int turn = 1; turn < ranks(); turn++) {
            const int to = (rank() + turn) % ranks();
            each_block(to, tile, [&](uint32_t i, uint64_t block) {
                flcd_any_send(args, scratch, block,
                              inbox(0, to, rank()) + slot_of(step, i, args.reduce.stride));
            });
        }
    }

    __device__ __forceinline__ void reduce(uint32_t step, uint32_t tile) const
    {
        each_block(rank(), tile, [&](uint32_t i, uint64_t block) {
            flcd_any_reduce(args, scratch, block, slot_of(step, i, args.reduce.stride),
                            slot_of(step, i, args.gather.stride));
        });
    }

    __device__ __forceinline__ void gather(uint32_t step, uint32_t tile) const
    {
        for (int turn = 1; turn < ranks(); turn++) {
            const int from = (rank() + turn) % ranks();
            each_block(from, tile, [&](uint32_t i, uint64_t block) {
                flcd_any_gather(args, scratch, block,
                                inbox(1, rank(), from) + slot_of(step, i, args.gather.stride));
            });
        }
    }
};

static __global__ void __launch_bounds__(FLCI_TWOSTEP_THREADS, 1)
    flcd_twostep_any_kernel(const __grid_constant__ struct flci_twostep_p2p_args args)
{
    extern __shared__ __align__(16) uint8_t scratches[];
    __shared__ struct flcd_twostep_shared shared;
    const uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const flcd_twostep_slow worker = {{args,
                                       (struct flcd_any_scratch *)scratches +
                                           warp % FLCI_TWOSTEP_WORKERS,
                                       {&shared, warp, lane, nullptr},
                                       lane,
                                       warp,
                                       false,
                                       false}};
    flcd_twostep_run(args, shared, worker, warp, lane);
}

extern "C" const void *flci_twostep_p2p_kernel_any(void)
{
    return (const void *)flcd_twostep_any_kernel;
}
