// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The fast kernels of one width, FLCI_BITS (0: raw): compiled once for each.
 */
#include "coll/all_reduce/all_reduce_twostep_p2p.cuh"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

#if FLCI_BITS == 0
template <flc_type TYPE> using flcd_plain = flcd_raw<TYPE>;
#else
template <flc_type TYPE> using flcd_plain = flcd_even<FLCI_BITS, TYPE>;
#endif

/* Thread blocks that share a multiprocessor: loads hoisted over arithmetic matter more than
   occupancy, and 32-bit elements need more registers. */
template <flc_type TYPE> constexpr int blocks_a_sm = TYPE == FLC_FLOAT32 ? 3 : 4;

template <flc_type TYPE> static const void *plain(int ranks)
{
    return ranks == 2 ? (const void *)flcd_twostep_kernel<flcd_plain<TYPE>, TYPE, 2,
                                                          blocks_a_sm<TYPE>>
                      : (const void *)flcd_twostep_kernel<flcd_plain<TYPE>, TYPE, 0,
                                                          blocks_a_sm<TYPE>>;
}

extern "C" const void *JOIN(flci_twostep_p2p_kernel_, FLCI_BITS)(
    struct flci_twostep_p2p_choice choice)
{
    if (choice.has_spikes || choice.is_rotated) {
        return nullptr;
    }
    switch (choice.type) {
    case FLC_FLOAT32:
        return plain<FLC_FLOAT32>(choice.ranks);
    case FLC_FLOAT16:
        return plain<FLC_FLOAT16>(choice.ranks);
    default:
        return plain<FLC_BFLOAT16>(choice.ranks);
    }
}
