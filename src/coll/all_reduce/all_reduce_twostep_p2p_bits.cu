// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The fast kernels of one width, FLCI_BITS (0: raw): compiled once for each.
 */
#include <type_traits>

#include "coll/all_reduce/all_reduce_twostep_p2p_pair.cuh"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

template <class CODEC, flc_type TYPE, int RANKS, int BLOCKS_A_SM>
__global__ void __launch_bounds__(FLCI_TWOSTEP_THREADS, BLOCKS_A_SM)
    flcd_twostep_kernel(const __grid_constant__ struct flci_twostep_p2p_args args)
{
    __shared__ struct flcd_twostep_shared shared;
    __shared__ struct flcd_ahead<TYPE> ahead[FLCI_TWOSTEP_WORKERS];
    extern __shared__ __align__(16) uint8_t gathered[];
    const uint32_t warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    uint32_t turn = 0;
    using worker_of =
        std::conditional_t<RANKS == 2, flcd_pair_worker<CODEC, TYPE>, flcd_worker<CODEC, TYPE>>;
    const flcd_worker<CODEC, TYPE> common = {
        {args, warp, lane},
        ahead + warp % FLCI_TWOSTEP_WORKERS,
        {&shared, warp, lane, &turn},
        {gathered, (uint32_t)args.window.ranks, args.metadata_bytes, lane}};
    const worker_of worker = {common};
    common.metadata.clear();
    flcd_twostep_run<CODEC::kind>(args, shared, worker);
}

/* Thread blocks that share a multiprocessor: many registers, or many warps. */
template <flc_type TYPE, int RANKS>
constexpr int blocks_a_sm = TYPE == FLC_FLOAT32 ? 2
                            : RANKS == 2        ? 4
                                                : 3;

/* The kernel of any number of ranks, and for two ranks, where there is one, a quicker one. */
template <class CODEC, flc_type TYPE, bool HAS_PAIR> static const void *kernel_of(int ranks)
{
    if constexpr (HAS_PAIR) {
        if (ranks == 2) {
            return (const void *)flcd_twostep_kernel<CODEC, TYPE, 2, blocks_a_sm<TYPE, 2>>;
        }
    }
    return (const void *)flcd_twostep_kernel<CODEC, TYPE, 0, blocks_a_sm<TYPE, 0>>;
}

/* What is compiled: all types of the common formats, bf16 alone of the others where it adds up;
   the pair kernel for bf16. */
template <flc_type TYPE> static const void *kernel_for(enum flcd_codec codec, int ranks)
{
    constexpr bool is_bf16 = TYPE == FLC_BFLOAT16;
#if FLCI_BITS == 0
    (void)codec;
    return kernel_of<flcd_raw<TYPE>, TYPE, is_bf16>(ranks);
#else
    if (codec == FLCD_EVEN_COMMON) {
        return kernel_of<flcd_even<FLCI_BITS, TYPE, true>, TYPE, is_bf16>(ranks);
    }
    if (codec == FLCD_EVEN) {
        return kernel_of<flcd_even<FLCI_BITS, TYPE, false>, TYPE, false>(ranks);
    }
    if (codec == FLCD_SPIKED_COMMON) {
        return kernel_of<flcd_spiked<FLCI_BITS, TYPE, true>, TYPE, is_bf16>(ranks);
    }
    if (codec == FLCD_ROTATED_COMMON) {
        return kernel_of<flcd_rotated<FLCI_BITS, TYPE, true>, TYPE, is_bf16>(ranks);
    }
    if constexpr (is_bf16) {
        if (codec == FLCD_SPIKED) {
            return kernel_of<flcd_spiked<FLCI_BITS, TYPE, false>, TYPE, false>(ranks);
        }
        if (codec == FLCD_ROTATED) {
            return kernel_of<flcd_rotated<FLCI_BITS, TYPE, false>, TYPE, false>(ranks);
        }
    }
    return nullptr;
#endif
}

extern "C" const void *JOIN(flci_twostep_p2p_kernel_, FLCI_BITS)(enum flcd_codec codec,
                                                                 flc_type type, int ranks)
{
    switch (type) {
    case FLC_FLOAT32:
        return kernel_for<FLC_FLOAT32>(codec, ranks);
    case FLC_FLOAT16:
        return kernel_for<FLC_FLOAT16>(codec, ranks);
    default:
        return kernel_for<FLC_BFLOAT16>(codec, ranks);
    }
}
