// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Spans of calls: see cuda_span.h.
 */
#include "cuda_span.h"

#include "flashcomm/with_cuda.h"

static size_t elem_bytes(const struct cuda_span *s)
{
    return flc_type_bytes(s->job->point->type);
}

size_t cuda_span_send_elems(const struct perf_job *job)
{
    return job->point->count + SPAN_STEPS * SPAN_STEP_ELEMS;
}

size_t cuda_span_pool_elems(const struct perf_job *job)
{
    return cuda_span_send_elems(job) + SPAN_ROUNDS * SPAN_ROUND_ELEMS;
}

static size_t step_of(const struct cuda_span *s, int call)
{
    return s->place == IN_PLACE ? 0 : (size_t)call % SPAN_STEPS * SPAN_STEP_ELEMS;
}

static size_t round_first(const struct cuda_span *s)
{
    return s->round % SPAN_ROUNDS * SPAN_ROUND_ELEMS;
}

size_t cuda_span_first(const struct cuda_span *s, int kind)
{
    return round_first(s) + step_of(s, kind == SPAN_TIMED ? s->calls : 0);
}

int cuda_span_prepare(struct cuda_span *s)
{
    const size_t bytes = s->job->point->count * elem_bytes(s);
    const char *const source = s->pool + round_first(s) * elem_bytes(s);
    cudaError_t error;
    if (s->place == IN_PLACE) {
        error = cudaMemcpyAsync(s->buffer, source, bytes, cudaMemcpyDeviceToDevice, s->gpu->stream);
    } else {
        error = cudaMemcpyAsync(s->send, source, cuda_span_send_elems(s->job) * elem_bytes(s),
                                cudaMemcpyDeviceToDevice, s->gpu->stream);
        if (error == cudaSuccess) {
            error = cudaMemsetAsync(s->buffer, 0xff, bytes, s->gpu->stream);
        }
    }
    if (cuda_rank_try(s->gpu, error, "copying what is sent") != 0) {
        return -1;
    }
    return cuda_rank_wait(s->gpu);
}

static int call(struct cuda_span *s, int index)
{
    const struct collective_point *const point = s->job->point;
    const char *const send =
        s->place == IN_PLACE ? s->buffer : s->send + step_of(s, index) * elem_bytes(s);
    if (s->is_nccl) {
        return cuda_rank_try_nccl(
            s->gpu,
            s->gpu->nccl.all_reduce(send, s->buffer, point->count, cuda_nccl_type(point->type),
                                    cuda_nccl_op(point->op), s->gpu->nccl_comm, s->gpu->stream),
            "ncclAllReduce");
    }
    return cuda_rank_try_flc(s->gpu, flc_all_reduce_cuda(s->gpu->comm, send, s->buffer,
                                                         point->count, point->type, point->op,
                                                         &s->config, s->gpu->stream));
}

/* An event that is recorded each time a graph comes by, not when the graph is made. */
static int record(struct cuda_span *s, cudaEvent_t event)
{
    enum cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    cudaError_t error = cudaStreamIsCapturing(s->gpu->stream, &status);
    if (error == cudaSuccess) {
        error = cudaEventRecordWithFlags(event, s->gpu->stream,
                                         status == cudaStreamCaptureStatusActive
                                             ? cudaEventRecordExternal
                                             : cudaEventRecordDefault);
    }
    return cuda_rank_try(s->gpu, error, "recording an event");
}

int cuda_span_enqueue(struct cuda_span *s, int calls)
{
    if (call(s, 0) != 0 || record(s, s->start) != 0) {
        return -1;
    }
    for (int i = 1; i <= calls; i++) {
        if (call(s, i) != 0) {
            return -1;
        }
    }
    return record(s, s->stop);
}

static int capture(struct cuda_span *s, int calls, cudaGraphExec_t *exec)
{
    cudaGraph_t graph = NULL;
    if (cuda_rank_try(s->gpu,
                      cudaStreamBeginCapture(s->gpu->stream, cudaStreamCaptureModeThreadLocal),
                      "beginning a graph") != 0) {
        return -1;
    }
    int result = cuda_span_enqueue(s, calls);
    const cudaError_t error = cudaStreamEndCapture(s->gpu->stream, &graph);
    if (result == 0) {
        result = cuda_rank_try(s->gpu, error, "making a graph");
    }
    if (result == 0) {
        result = cuda_rank_try(s->gpu, cudaGraphInstantiateWithFlags(exec, graph, 0),
                               "making a graph ready");
    }
    if (result == 0) {
        result = cuda_rank_try(s->gpu, cudaGraphUpload(*exec, s->gpu->stream), "loading a graph");
    }
    if (graph != NULL) {
        (void)cudaGraphDestroy(graph);
    }
    return result;
}

int cuda_span_capture(struct cuda_span *s)
{
    if (capture(s, s->calls, &s->graphs[SPAN_TIMED]) != 0 ||
        capture(s, 0, &s->graphs[SPAN_SINGLE]) != 0) {
        return -1;
    }
    return cuda_rank_wait(s->gpu);
}

void cuda_span_drop(struct cuda_span *s)
{
    for (int kind = 0; kind < SPANS; kind++) {
        if (s->graphs[kind] != NULL) {
            (void)cudaGraphExecDestroy(s->graphs[kind]);
            s->graphs[kind] = NULL;
        }
    }
}

int cuda_span_run(struct cuda_span *s, int kind)
{
    if (perf_area_meet(s->area, s->job->point->ranks, s->gpu->rank) != 0) {
        return -1;
    }
    const int result = s->graphs[kind] != NULL
                           ? cuda_rank_try(s->gpu, cudaGraphLaunch(s->graphs[kind], s->gpu->stream),
                                           "launching a graph")
                           : cuda_span_enqueue(s, kind == SPAN_TIMED ? s->calls : 0);
    return result != 0 ? -1 : cuda_rank_wait(s->gpu);
}
