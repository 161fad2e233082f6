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
