// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What all lines of `flashcomm perf` come to: see perf_report.h.
 */
#include "command.h"
#include "perf_report.h"

double perf_mean_bandwidth(const struct perf_totals *totals)
{
    double sum = 0.0;
    size_t count = 0;
    for (size_t i = 0; i < totals->format_count; i++) {
        sum += totals->formats[i].sum;
        count += totals->formats[i].count;
    }
    return count == 0 ? 0.0 : sum / (double)count;
}

bool perf_bandwidth_suffices(const struct perf_totals *totals)
{
    return perf_mean_bandwidth(totals) >= 0.9 * totals->least_bandwidth;
}

int perf_totals_judge(const struct perf_totals *totals)
{
    int status = EXIT_OK;
    if (totals->wrong != 0) {
        (void)fprintf(stderr,
                      "flashcomm perf: %zu elements are outside the documented error bound\n",
                      totals->wrong);
        status = EXIT_FAILED;
    }
    if (totals->different != 0) {
        (void)fprintf(stderr, "flashcomm perf: ranks hold different results in %zu lines\n",
                      totals->different);
        status = EXIT_FAILED;
    }
    if (totals->least_bandwidth >= 0.0 && !perf_bandwidth_suffices(totals)) {
        (void)fprintf(stderr,
                      "flashcomm perf: the average bus bandwidth is %g GB/s, below 0.9 of "
                      "NCCL_TESTS_MIN_BW=%g\n",
                      perf_mean_bandwidth(totals), totals->least_bandwidth);
        status = EXIT_FAILED;
    }
    return status;
}
