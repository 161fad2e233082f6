// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Clock and median: see timing.h.
 */
#include "timing.h"

#include <stdlib.h>
#include <time.h>

int64_t timing_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t timing_now_ms(void)
{
    return timing_now_ns() / 1000000;
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

double timing_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof values[0], compare_doubles);
    return 0.5 * (values[(count - 1) / 2] + values[count / 2]);
}
