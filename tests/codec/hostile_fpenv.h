// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Floating-point modes a caller may have set and that must not change a byte: other roundings,
 * flushed subnormals, exceptions that trap. Between enter and leave nothing may compute floats.
 */
#ifndef HOSTILE_FPENV_H
#define HOSTILE_FPENV_H

#if defined(__x86_64__)
#    include <xmmintrin.h>

#    define HOSTILE_MODES 6

typedef unsigned int hostile_saved;

static inline unsigned int hostile_mode(unsigned int mode)
{
    /* MXCSR: 0x8000 flushes results, 0x0040 operands; 0x6000 the rounding (0x2000 down, 0x4000 up,
       0x6000 to zero); 0x1f80 masks the exceptions; 0x003f are their sticky flags. */
    static const unsigned int modes[HOSTILE_MODES] = {0x9fc0, 0x3f80, 0x5f80,
                                                      0x7f80, 0xffff, 0xe040};
    return modes[mode];
}

static inline hostile_saved hostile_enter(unsigned int mode)
{
    const unsigned int saved = _mm_getcsr();
    _mm_setcsr(hostile_mode(mode));
    return saved;
}

/* Back to the test's own mode; 0 if the mode was not found as it was set. */
static inline int hostile_leave(hostile_saved saved, unsigned int mode)
{
    const unsigned int found = _mm_getcsr();
    _mm_setcsr(saved);
    return found == hostile_mode(mode);
}
#elif defined(__aarch64__)
#    include <stdint.h>

#    define HOSTILE_MODES 6

typedef uint64_t hostile_saved;

static inline uint64_t hostile_mode(unsigned int mode)
{
    /* FPCR, from bit 22 on: 1 rounds up, 2 down, 3 to zero; 4 flushes subnormals, 8 makes every NaN
       the default one, 16 reads fp16 without infinities. Traps are not in every processor. */
    static const uint64_t modes[HOSTILE_MODES] = {4, 2, 1, 3, 4 | 8 | 16 | 2, 16 | 1};
    return modes[mode] << 22;
}

static inline uint64_t hostile_read(void)
{
    uint64_t found;
    __asm__ volatile("mrs %0, fpcr" : "=r"(found) : : "memory");
    return found;
}

static inline void hostile_write(uint64_t fpcr)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr) : "memory");
}

static inline hostile_saved hostile_enter(unsigned int mode)
{
    const uint64_t saved = hostile_read();
    hostile_write(hostile_mode(mode));
    return saved;
}

static inline int hostile_leave(hostile_saved saved, unsigned int mode)
{
    const uint64_t found = hostile_read();
    hostile_write(saved);
    return found == hostile_mode(mode);
}
#else
#    include <fenv.h>

#    define HOSTILE_MODES 3

typedef int hostile_saved;

static inline int hostile_mode(unsigned int mode)
{
    const int modes[HOSTILE_MODES] = {FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
    return modes[mode];
}

static inline hostile_saved hostile_enter(unsigned int mode)
{
    const int saved = fegetround();
    (void)fesetround(hostile_mode(mode));
    return saved;
}

static inline int hostile_leave(hostile_saved saved, unsigned int mode)
{
    const int found = fegetround();
    (void)fesetround(saved);
    return found == hostile_mode(mode);
}
#endif

#endif
