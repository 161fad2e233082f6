// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The table of cuda_tools.h, in builds with FLC_CUDA.
 */
#include "cuda_tools.h"

#include "cuda_perf.h"
#include "cuda_probe.h"
#include "cuda_run.h"

const struct cuda_tools *cuda_tools(void)
{
    static const struct cuda_tools tools = {
        .probe = cuda_probe, .perf_rank = cuda_perf_rank, .run_rank = cuda_run_rank};
    return &tools;
}
