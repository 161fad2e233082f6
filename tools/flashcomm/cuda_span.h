// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Calls of one format in one place, as `flashcomm perf --device cuda` enqueues them: see
 * cuda_perf.h.
 */
#ifndef CUDA_SPAN_H
#define CUDA_SPAN_H

#include <cuda_runtime_api.h>

#include "cuda_rank.h"
#include "perf_area.h"
#include "perf_rank.h"

/* Calls of a span send from elements 0, 64, 128, .. on; an offset keeps the alignment of what
   vectors and cache lines need. */
#define SPAN_STEP_ELEMS ((size_t)64)
#define SPAN_STEPS      ((size_t)64)

/* Spans start from elements 0, 56, 112, .. of the pool on. */
#define SPAN_ROUND_ELEMS ((size_t)56)
#define SPAN_ROUNDS      ((size_t)61)

enum { SPAN_TIMED, SPAN_SINGLE, SPANS }; /* all calls, or the first, which is not timed */

struct cuda_span {
    const struct perf_job *job;
    const struct perf_area *area;
    struct cuda_rank *gpu;
    char *pool;   /* all of it: [count + steps + rounds] elements */
    char *send;   /* [count + steps] elements */
    char *buffer; /* [count] elements: received, and in place sent, too */
    int place;
    bool is_nccl;
    flc_coll_config config;
    int calls; /* of a timed span, besides the first */
    size_t round;
    cudaEvent_t start, stop;
    cudaGraphExec_t graphs[SPANS]; /* NULL where calls are enqueued one by one */
};

/* Elements of the pool and of `send`. */
size_t cuda_span_pool_elems(const struct perf_job *job);
size_t cuda_span_send_elems(const struct perf_job *job);

/* Fresh elements to send, and nothing but NaNs received; in a later round others. */
int cuda_span_prepare(struct cuda_span *s);

/* Enqueue `calls` calls after the first. */
int cuda_span_enqueue(struct cuda_span *s, int calls);

/* Make the graphs; release them with cuda_span_drop. */
int cuda_span_capture(struct cuda_span *s);
void cuda_span_drop(struct cuda_span *s);

/* From a barrier: run the span and wait for its end. */
int cuda_span_run(struct cuda_span *s, int kind);

/* Index in the data of this rank of the first element that the last call sent. */
size_t cuda_span_first(const struct cuda_span *s, int kind);

#endif
