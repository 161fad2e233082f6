// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The fast kernels of one width, FLCI_BITS (0: raw): compiled once for each.
 */
#include "coll/all_reduce/all_reduce_twostep_p2p.cuh"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

/* Thread blocks that share a multiprocessor: loads hoisted over arithmetic matter more than
   occupancy, and 32-bit elements need more registers. */
template <flc_type TYPE> constexpr int blocks_a_sm = TYPE == FLC_FLOAT32 ? 2 :
#ifdef FLCD_BPS
 FLCD_BPS;
#else
3;
#endif

#if FLCI_BITS >= 2 && FLCI_BITS <= FLCI_NARROW_BITS
template <flc_type TYPE> using flcd_common = flcd_narrow_unit<FLCI_BITS, TYPE>;
#elif FLCI_BITS > 0
template <flc_type TYPE> using flcd_common = flcd_even<FLCI_BITS, TYPE, true>;
#endif

template <class CODEC, flc_type TYPE> static const void *kernel_of(int ranks)
{
    return ranks == 2 ? (const void *)flcd_twostep_kernel<CODEC, TYPE, 2, blocks_a_sm<TYPE>>
                      : (const void *)flcd_twostep_kernel<CODEC, TYPE, 0, blocks_a_sm<TYPE>>;
}

template <flc_type TYPE> static const void *kernel_for(struct flci_twostep_p2p_choice choice)
{
#if FLCI_BITS == 0
    return kernel_of<flcd_raw<TYPE>, TYPE>(choice.ranks);
#else
    if (choice.has_spikes || choice.is_rotated) {
        return nullptr;
    }
    return choice.is_common ? kernel_of<flcd_common<TYPE>, TYPE>(choice.ranks)
                            : kernel_of<flcd_even<FLCI_BITS, TYPE, false>, TYPE>(choice.ranks);
#endif
}

extern "C" const void *JOIN(flci_twostep_p2p_kernel_, FLCI_BITS)(
    struct flci_twostep_p2p_choice choice)
{
    switch (choice.type) {
    case FLC_FLOAT32:
        return kernel_for<FLC_FLOAT32>(choice);
    case FLC_FLOAT16:
        return kernel_for<FLC_FLOAT16>(choice);
    default:
        return kernel_for<FLC_BFLOAT16>(choice);
    }
}
