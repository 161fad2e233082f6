// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How thread blocks of different GPUs wait for each other: flags that only grow, bounded waits.
 *
 * Memory order. A warp's stores to a peer come before its report of progress (release, block);
 * the signalling warp reads all reports (acquire, block), then fences (acq_rel, system), then
 * stores the flag at the peer (relaxed, system). A waiting lane reads the flag (acquire, system)
 * and meets its warp (__syncwarp) before any lane reads the data. Causality order is transitive
 * over these steps, so the data is seen. The fence waits behind everything this GPU has queued on
 * the link: only the signalling warp ever waits for it.
 *
 * A flag has the count of finished steps in its low half, from the base that the window's epochs
 * keep, and the signature of the call in its high half: a peer that makes another call is found
 * out at the first flag.
 */
#ifndef FLCI_TRANSPORT_CUDA_P2P_PEER_SYNC_CUH
#define FLCI_TRANSPORT_CUDA_P2P_PEER_SYNC_CUH

#include "cuda/ptx.cuh"
#include "flashcomm/status.h"
#include "transport/cuda_p2p/p2p_window.h"

/* Polls between two looks at the clock, the abort flag and the failures of others. */
#define FLCD_POLLS_A_LOOK  256

#define FLCD_POLL_PAUSE_NS 64

static __device__ __forceinline__ struct flci_p2p_state *
flcd_state_of(const struct flci_p2p_window &window, int rank)
{
    return (struct flci_p2p_state *)(window.bases[rank] + FLCI_P2P_STATE_AT);
}

/* The first failure of this rank, to the host; false: it has one already. */
static __device__ __forceinline__ bool flcd_report(const struct flci_p2p_window &window,
                                                   uint32_t negated_status, int culprit, int stage)
{
    struct flci_p2p_state *mine = flcd_state_of(window, window.rank);
    struct flci_p2p_report *report = window.report;
    if (atomicCAS(&mine->failed, 0u, negated_status) != 0) {
        return false;
    }
    flcd_st_relaxed_sys_u32(&report->rank, (uint32_t)culprit);
    flcd_st_relaxed_sys_u32(&report->stage, (uint32_t)stage);
    flcd_st_relaxed_sys_u32(&report->call, flcd_ld_relaxed_sys_u32(&mine->calls) + 1);
    flcd_fence_sys();
    flcd_st_relaxed_sys_u32(&report->status, negated_status);
    return true;
}

/* This rank has failed: tell the host, and all peers. */
static __device__ __noinline__ void flcd_fail(const struct flci_p2p_window &window, int status,
                                              int culprit, int stage)
{
    const bool is_first = flcd_report(window, (uint32_t)-status, culprit, stage);
    for (int rank = 0; is_first && rank < window.ranks; rank++) {
        if (rank != window.rank) {
            flcd_st_relaxed_sys_u32(&flcd_state_of(window, rank)->told, (uint32_t)-status);
        }
    }
}

/* Whether a wait has to end. A peer's failure is this rank's too: the report names that peer. */
static __device__ __noinline__ bool flcd_must_end(const struct flci_p2p_window &window, int from,
                                                  int stage, uint64_t since)
{
    const struct flci_p2p_state *mine = flcd_state_of(window, window.rank);
    const uint32_t told = flcd_ld_relaxed_sys_u32(&mine->told);
    if (flcd_ld_relaxed_sys_u32(&mine->failed) != 0) {
        return true;
    }
    if (told != 0) {
        (void)flcd_report(window, told, from, stage);
        return true;
    }
    if (flcd_ld_relaxed_sys_u32(&window.report->is_aborted) != 0) {
        flcd_fail(window, FLC_ERR_ABORTED, from, stage);
        return true;
    }
    if (flcd_nanoseconds() - since > window.timeout_ns) {
        flcd_fail(window, FLC_ERR_TIMEOUT, from, stage);
        return true;
    }
    return false;
}

/*
 * A warp's watch over the flags of its thread block: lane r has rank r's flag of stage 0, lane
 * FLCI_P2P_MAX_RANKS + r that of stage 1. What a flag said last is kept: often it is enough.
 */
struct flcd_watch {
    const uint8_t *flag;
    uint32_t base, seen; /* counts */
    uint32_t lag, steps; /* in step v, flags of step v - lag are needed, if it is one of `steps` */
    int from, stage;     /* stage 2 and above: nothing for this lane */

    __device__ __forceinline__ void begin(const struct flci_p2p_window &window, uint32_t epoch,
                                          uint32_t all_steps, uint32_t lag0, uint32_t lag1,
                                          uint32_t lane)
    {
        from = (int)lane % FLCI_P2P_MAX_RANKS;
        stage = (int)lane / FLCI_P2P_MAX_RANKS;
        stage = from < window.ranks && from != window.rank ? stage : 2;
        base = seen = epoch;
        lag = stage == 0 ? lag0 : lag1;
        steps = stage < 2 ? all_steps : 0;
        flag = window.bases[window.rank] + flci_p2p_flag_at(stage % 2, from, blockIdx.x);
    }

    /* Until every peer has said that it is done with what step v needs. All lanes of the warp.
       Returns at once, once anything has failed. */
    __device__ __forceinline__ void wait(const struct flci_p2p_window &window, uint32_t v,
                                         uint32_t signature)
    {
        const uint32_t needed = v - lag;
        if (needed < steps && (int32_t)(seen - base - needed) <= 0) {
            poll(window, base + needed + 1, signature);
        }
        __syncwarp();
    }

    /* Until every peer has finished `count` steps of a stage. */
    __device__ __forceinline__ void wait_for(const struct flci_p2p_window &window, int of_stage,
                                             uint32_t count, uint32_t signature)
    {
        if (stage == of_stage) {
            poll(window, base + count, signature);
        }
        __syncwarp();
    }

  private:
    __device__ __forceinline__ void poll(const struct flci_p2p_window &window, uint32_t count,
                                         uint32_t signature)
    {
        uint64_t since = 0;
        for (uint32_t polls = 1;; polls++) {
            const uint64_t value = flcd_ld_acquire_sys_u64(flag);
            if ((int32_t)((uint32_t)value - count) >= 0) {
                seen = (uint32_t)value;
                if ((uint32_t)(value >> 32) != signature) {
                    flcd_fail(window, FLC_ERR_MISMATCH, from, stage);
                }
                return;
            }
            if (polls % FLCD_POLLS_A_LOOK != 0) {
                __nanosleep(FLCD_POLL_PAUSE_NS); /* without it, polls slow down fences */
                continue;
            }
            since = since == 0 ? flcd_nanoseconds() : since;
            if (flcd_must_end(window, from, stage, since)) {
                return;
            }
        }
    }
};

/* All lanes of the signalling warp: lane r tells rank r. */
static __device__ __forceinline__ void flcd_signal_peers(const struct flci_p2p_window &window,
                                                         int stage, uint32_t count,
                                                         uint32_t signature, uint32_t lane)
{
    if ((int)lane < window.ranks && (int)lane != window.rank) {
        flcd_st_relaxed_sys_u64(window.bases[lane] +
                                    flci_p2p_flag_at(stage, window.rank, blockIdx.x),
                                (uint64_t)signature << 32 | count);
    }
}

#endif
