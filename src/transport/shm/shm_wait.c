// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Waiting in the shm transport: spin briefly, then sleep on the rank's doorbell in short slices;
 * between slices look whether waiting still makes sense.
 *
 * No lost wake-up: a waiter stores is_sleeping, loads the doorbell, looks at its counter, and
 * sleeps only if the doorbell is unchanged. A poster advances the counter, then the doorbell, then
 * looks at is_sleeping. All of these are sequentially consistent: either the waiter sees the new
 * doorbell, and with it the counter, or the poster sees is_sleeping and wakes it.
 *
 * At the time-out the culprit is not always the rank waited for: that may be waiting itself, for
 * one that has stopped. So waiting ranks show that they are, and one that does not is blamed.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/shm/shm_segment.h"

/* How long a sleep lasts at most, and how often peers' lives are looked at: a death is noticed
   well within the promised second. */
#define SLICE_US 100000
/* A rank that waits looks up once a slice; a little more, for a busy machine. */
#define WAITING_US (3 * SLICE_US)

static void futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_us)
{
    const struct timespec timeout = {.tv_sec = timeout_us / 1000000,
                                     .tv_nsec = timeout_us % 1000000 * 1000};
    /* Any reason to return early (a change, a signal) is fine: the caller looks again. */
    (void)syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, NULL, 0);
}

void flci_shm_ring(struct flci_shm *shm, int rank)
{
    struct flci_shm_rank *r = &shm->segment->rank[rank];
    atomic_fetch_add(&r->doorbell, 1);
    if (atomic_load(&r->is_sleeping)) {
        (void)syscall(SYS_futex, &r->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

void flci_shm_ring_all(struct flci_shm *shm)
{
    for (int rank = 0; rank < shm->base.ranks; rank++) {
        flci_shm_ring(shm, rank);
    }
}

/* failure: status in bits 0..15 (negated), culprit in bits 16..31, reporter in bits 32..47. */
void flci_shm_record(struct flci_shm *shm, flc_status status, int culprit)
{
    uint64_t none = 0;
    const uint64_t failure =
        (uint64_t)-status | (uint64_t)culprit << 16 | (uint64_t)shm->base.rank << 32;
    (void)atomic_compare_exchange_strong(&shm->segment->failure, &none, failure);
    flci_shm_ring_all(shm);
}

static const char *describe(flc_status status)
{
    switch (status) {
    case FLC_ERR_PEER:
        return "is gone";
    case FLC_ERR_TIMEOUT:
        return "did not answer in time";
    case FLC_ERR_MISMATCH:
        return "made a different call";
    case FLC_ERR_ABORTED:
        return "aborted the communicator";
    case FLC_ERR_CORRUPT:
        return "sent what does not decode";
    default:
        return "failed";
    }
}

flc_status flci_shm_failure(struct flci_shm *shm)
{
    const uint64_t failure = atomic_load(&shm->segment->failure);
    const flc_status status = -(int)(failure & 0xffffu);
    const int culprit = (int)(failure >> 16 & 0xffffu), reporter = (int)(failure >> 32 & 0xffffu);
    if (failure == 0) {
        return FLC_OK;
    }
    shm->base.fault.rank = culprit;
    if (status == FLC_ERR_ABORTED || culprit == reporter || reporter == shm->base.rank) {
        (void)snprintf(shm->base.fault.reason, sizeof shm->base.fault.reason,
                       "rank %d (process %d) %s", culprit,
                       (int)atomic_load(&shm->segment->rank[culprit].pid), describe(status));
    } else {
        (void)snprintf(shm->base.fault.reason, sizeof shm->base.fault.reason,
                       "rank %d (process %d) %s, as rank %d found", culprit,
                       (int)atomic_load(&shm->segment->rank[culprit].pid), describe(status),
                       reporter);
    }
    return status;
}

static int is_dead(struct flci_shm *shm, int rank)
{
    struct pollfd p = {.fd = shm->pidfds[rank], .events = POLLIN};
    return p.fd >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLIN) != 0;
}

/* Whether a rank needs nothing more of the present collective, nor anyone of it. */
static int is_done(const struct flci_shm *shm, int rank)
{
    const uint32_t mine = atomic_load(&shm->segment->rank[shm->base.rank].finished);
    return (int32_t)(atomic_load(&shm->segment->rank[rank].finished) - mine) > 0;
}

/* A rank that died and is missed; -1 if there is none. */
static int find_dead(struct flci_shm *shm, int waited_for)
{
    for (int rank = 0; rank < shm->base.ranks; rank++) {
        const int is_missed =
            !is_done(shm, rank) && !atomic_load(&shm->segment->rank[rank].has_left);
        if ((rank == waited_for || is_missed) && is_dead(shm, rank)) {
            return rank;
        }
    }
    return -1;
}

static int is_waiting(const struct flci_shm *shm, int rank, int64_t now_us)
{
    return now_us - atomic_load(&shm->segment->rank[rank].waiting_at_us) < WAITING_US;
}

/* Whom to blame for a time-out. */
static int find_silent(const struct flci_shm *shm, int waited_for, int64_t now_us)
{
    int silent = waited_for;
    for (int rank = 0; is_waiting(shm, silent, now_us) && rank < shm->base.ranks; rank++) {
        if (!is_done(shm, rank) && !is_waiting(shm, rank, now_us)) {
            silent = rank;
        }
    }
    return silent;
}

static int is_reached(const _Atomic uint32_t *counter, uint32_t target)
{
    return (int32_t)(atomic_load_explicit(counter, memory_order_acquire) - target) >= 0;
}

/* Look for a reason to give up; a counter that got there in the meantime wins over it. */
static flc_status check_peers(struct flci_shm *shm, int peer, const _Atomic uint32_t *counter,
                              uint32_t target, int64_t deadline_us)
{
    const int64_t now_us = flci_now_us();
    flc_status status = FLC_OK;
    int culprit = peer;
    atomic_store(&shm->segment->rank[shm->base.rank].waiting_at_us, now_us);
    if (atomic_load(&shm->segment->rank[peer].has_left)) {
        status = FLC_ERR_PEER;
    } else if (now_us - shm->checked_at_us >= SLICE_US) {
        const int dead = find_dead(shm, peer);
        shm->checked_at_us = now_us;
        if (dead >= 0) {
            status = FLC_ERR_PEER;
            culprit = dead;
        }
    }
    if (status == FLC_OK && now_us >= deadline_us) {
        status = FLC_ERR_TIMEOUT;
        culprit = find_silent(shm, peer, now_us);
    }
    if (status == FLC_OK || is_reached(counter, target)) {
        return FLC_OK;
    }
    flci_shm_record(shm, status, culprit);
    return flci_shm_failure(shm); /* another rank's may have been first */
}

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

flc_status flci_shm_wait(struct flci_shm *shm, int peer, const _Atomic uint32_t *counter,
                         uint32_t target)
{
    struct flci_shm_rank *me = &shm->segment->rank[shm->base.rank];
    flc_status status = FLC_OK;
    int64_t deadline_us, left_us;
    for (int i = 0; i < shm->spins; i++) {
        if (is_reached(counter, target)) {
            return FLC_OK;
        }
        pause_briefly();
    }
    deadline_us = flci_now_us() + shm->timeout_us;
    atomic_store(&me->is_sleeping, 1);
    for (;;) {
        const uint32_t doorbell = atomic_load(&me->doorbell);
        if (is_reached(counter, target)) {
            break;
        }
        status = flci_shm_failure(shm);
        if (status == FLC_OK) {
            status = check_peers(shm, peer, counter, target, deadline_us);
        }
        if (status != FLC_OK) {
            break;
        }
        left_us = deadline_us - flci_now_us();
        futex_wait(&me->doorbell, doorbell,
                   left_us < 0          ? 0
                   : left_us < SLICE_US ? left_us
                                        : SLICE_US);
    }
    atomic_store(&me->is_sleeping, 0);
    atomic_store(&me->waiting_at_us, 0);
    return status;
}
