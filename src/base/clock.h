// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Monotonic time for deadlines.
 */
#ifndef FLCI_BASE_CLOCK_H
#define FLCI_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t flci_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif
