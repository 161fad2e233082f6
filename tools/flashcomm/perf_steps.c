// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What `flashcomm perf` goes through: sizes, and the calls and timed spans of one: see
 * perf_options.h.
 */
#include "perf_options.h"

/* On GPUs, calls of a span above a size, unless -n says. */
#define CUDA_LARGE_BYTES ((size_t)4 << 20)
#define CUDA_LARGE_CALLS 5

size_t perf_next_size(const struct perf_options *o, size_t bytes)
{
    size_t next;
    const bool is_beyond = o->step_factor > 1
                               ? __builtin_mul_overflow(bytes, (size_t)o->step_factor, &next)
                               : __builtin_add_overflow(bytes, o->step_bytes, &next);
    return is_beyond || next > o->max_bytes ? 0 : next;
}

int perf_calls(const struct perf_options *o, size_t bytes)
{
    if (!o->use_cuda) {
        return o->agg_iters;
    }
    return o->has_iters || bytes <= CUDA_LARGE_BYTES ? o->iters : CUDA_LARGE_CALLS;
}

int perf_spans(const struct perf_options *o)
{
    return !o->use_cuda ? o->iters : o->graph_launches > 0 ? o->graph_launches : PERF_CUDA_SPANS;
}
