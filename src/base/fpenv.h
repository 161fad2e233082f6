// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The floating-point environment the codec is defined in: round to nearest even, subnormals kept,
 * exceptions masked. Callers such as PyTorch flush subnormals; the entry points that compute save
 * the caller's state, set ours, and restore theirs.
 */
#ifndef FLCI_BASE_FPENV_H
#define FLCI_BASE_FPENV_H

#include <stdint.h>

#if defined(__x86_64__)
#    include <xmmintrin.h>

typedef unsigned int flci_fpenv;

static inline flci_fpenv flci_fpenv_enter(void)
{
    const unsigned int saved = _mm_getcsr();
    _mm_setcsr(0x1f80u); /* the power-on state: all exceptions masked, nearest, no DAZ, no FTZ */
    return saved;
}

static inline void flci_fpenv_leave(flci_fpenv saved)
{
    _mm_setcsr(saved);
}
#elif defined(__aarch64__)
typedef uint64_t flci_fpenv;

static inline flci_fpenv flci_fpenv_enter(void)
{
    uint64_t saved = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"(UINT64_C(0)));
    return saved;
}

static inline void flci_fpenv_leave(flci_fpenv saved)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(saved));
}
#else
#    include <fenv.h>

/* Elsewhere the C environment: it covers rounding; flush-to-zero modes have no portable name. */
typedef fenv_t flci_fpenv;

static inline flci_fpenv flci_fpenv_enter(void)
{
    fenv_t saved;
    (void)feholdexcept(&saved);
    (void)fesetround(FE_TONEAREST);
    return saved;
}

static inline void flci_fpenv_leave(flci_fpenv saved)
{
    (void)fesetenv(&saved);
}
#endif

#endif
