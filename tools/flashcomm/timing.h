// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The clock of everything that is timed or waited for, and the median of times.
 */
#ifndef TIMING_H
#define TIMING_H

#include <stdint.h>

/* Since some moment in the past; never set back. */
int64_t timing_now_ns(void);
int64_t timing_now_ms(void);

/* Of values [count], 1 or more, which are sorted. */
double timing_median(double *values, int count);

#endif
