// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What a rank of `flashcomm perf` does: see perf_rank.h.
 */
#include "perf_rank.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collective_check.h"
#include "cuda_tools.h"
#include "perf_area.h"
#include "perf_check.h"
#include "timing.h"

/* Large pages start at multiples of it; vectors and cache lines do then, too. */
#define BUFFER_ALIGN ((size_t)2 << 20)

struct rank_state {
    const struct perf_job *job;
    const struct perf_area *area;
    int rank;
    char *send;   /* [send_elems], this rank's data in both places */
    char *buffer; /* [the larger of send_elems and recv_elems] */
    int place;
    flc_coll_config config;
    struct collective_call call;
};

static int barrier(const struct rank_state *s)
{
    return perf_area_meet(s->area, s->job->point->ranks, s->rank);
}

/* The data of a round, where the calls to come read them. */
static void make_data(struct rank_state *s, int round)
{
    perf_data_fill(s->job->data, s->rank, round, 0, s->job->point->send_elems, s->send);
}

/* In place, the last call overwrote what this one is to send. */
static void restore_data(const struct rank_state *s)
{
    const struct collective_point *const point = s->job->point;
    if (s->place == IN_PLACE) {
        const size_t elem_bytes = flc_type_bytes(point->type);
        memcpy(s->buffer + collective_point_send_at(point, s->rank) * elem_bytes, s->send,
               point->send_elems * elem_bytes);
    }
}

static int call(const struct rank_state *s, int times)
{
    for (int i = 0; i < times; i++) {
        if (s->job->point->collective->call(&s->call) != FLC_OK) {
            rank_fail(&s->area->head->meeting, s->rank, flc_last_error(s->call.comm));
            return -1;
        }
    }
    return 0;
}

/* Iterations, of which the first warm up; the times of the others go to the shared memory. */
static int time_calls(const struct rank_state *s)
{
    const struct perf_options *const o = s->job->options;
    double *const times_us = s->area->times_us + (size_t)s->rank * (size_t)o->iters;
    for (int i = -o->warmup_iters; i < o->iters; i++) {
        restore_data(s);
        if (barrier(s) != 0) {
            return -1;
        }
        const int64_t start_ns = timing_now_ns();
        if (call(s, o->agg_iters) != 0) {
            return -1;
        }
        if (i >= 0) {
            times_us[i] = (double)(timing_now_ns() - start_ns) / 1e3 / o->agg_iters;
        }
    }
    return 0;
}

/* One call on other data, into a buffer of NaNs, so that what it leaves unwritten is seen. */
static int call_checked(struct rank_state *s, int round, struct perf_share *share)
{
    const struct collective_point *const point = s->job->point;
    const size_t elem_bytes = flc_type_bytes(point->type);
    const void *results[FLC_MAX_RANKS];
    const struct perf_check check = {.point = point,
                                     .data = s->job->data,
                                     .round = round,
                                     .config = &s->config,
                                     .algorithm = share->algorithm,
                                     .results = results};
    make_data(s, round);
    memset(s->buffer, 0xff, collective_point_buffer_elems(point) * elem_bytes);
    restore_data(s);
    if (call(s, 1) != 0) {
        return -1;
    }
    const size_t result_bytes = point->recv_elems * elem_bytes;
    memcpy(perf_area_result(s->area, s->rank), s->call.recv, result_bytes);
    if (barrier(s) != 0) {
        return -1;
    }
    for (int r = 0; r < point->ranks; r++) {
        results[r] = perf_area_result(s->area, r);
    }
    if (perf_check_share(&check, s->rank, point->ranks, &share->check) != 0) {
        rank_fail(&s->area->head->meeting, s->rank, "out of memory while checking the result");
        return -1;
    }
    if (memcmp(results[s->rank], results[collective_equal_rank(point, s->rank)], result_bytes) !=
        0) {
        share->equal = false;
    }
    return barrier(s);
}

/* Time and check one format in one place. */
static int measure_one(struct rank_state *s, struct perf_measure *measure)
{
    struct perf_share *const share = &s->area->head->shares[s->rank];
    flc_call_info info;
    make_data(s, 0);
    if (time_calls(s) != 0) {
        return -1;
    }
    if (flc_comm_last_call(s->call.comm, &info) != FLC_OK) {
        rank_fail(&s->area->head->meeting, s->rank, flc_last_error(s->call.comm));
        return -1;
    }
    *share = (struct perf_share){.equal = true, .sent_bytes = info.sent_bytes};
    (void)snprintf(share->transport, sizeof share->transport, "%s", info.transport);
    (void)snprintf(share->algorithm, sizeof share->algorithm, "%s", info.algorithm);
    for (int i = 0; i < s->job->options->checks; i++) {
        if (call_checked(s, 1 + i, share) != 0) {
            return -1;
        }
    }
    if (barrier(s) != 0) {
        return -1;
    }
    if (s->rank == 0) {
        perf_area_fold(s->area, s->job, measure);
    }
    return barrier(s); /* the shares and times are free again */
}

static void set_call(struct rank_state *s, const struct format_item *format, int place)
{
    const struct collective_point *const point = s->job->point;
    const size_t elem_bytes = flc_type_bytes(point->type);
    s->place = place;
    s->config.reduce = format->reduce;
    s->config.gather = format->gather;
    s->call.send = s->send;
    s->call.recv = s->buffer;
    if (place == IN_PLACE) {
        s->call.send = s->buffer + collective_point_send_at(point, s->rank) * elem_bytes;
        s->call.recv = s->buffer + collective_point_recv_at(point, s->rank) * elem_bytes;
    }
}

static void show_progress(const struct rank_state *s, const char *format, int place)
{
    if (s->job->show_progress && s->rank == 0) {
        (void)fprintf(stderr, "\r\033[K# %zu bytes, %s, %s", s->job->point->bytes, format,
                      place == IN_PLACE ? "in place" : "out of place");
        (void)fflush(stderr);
    }
}

static int measure_all(struct rank_state *s)
{
    for (size_t f = 0; f < s->job->format_count; f++) {
        for (int place = 0; place < PLACES; place++) {
            show_progress(s, s->job->formats[f].text, place);
            set_call(s, &s->job->formats[f], place);
            if (measure_one(s, &s->area->measures[f * PLACES + (size_t)place]) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* `bytes` of memory, moved off its alignment as -u says; *memory is what to free. */
static char *allocate(size_t bytes, size_t offset, void **memory)
{
    const size_t whole = (bytes + offset + BUFFER_ALIGN) / BUFFER_ALIGN * BUFFER_ALIGN;
    *memory = aligned_alloc(BUFFER_ALIGN, whole);
    return *memory == NULL ? NULL : (char *)*memory + offset;
}

static void run_rank(const void *argument, flc_comm *comm)
{
    const struct perf_context *const context = argument;
    const struct collective_point *const point = context->job->point;
    const struct perf_options *const o = context->job->options;
    const size_t elem_bytes = flc_type_bytes(point->type);
    const size_t offset = (size_t)o->unalign * elem_bytes;
    struct rank_state s = {.job = context->job,
                           .area = context->area,
                           .rank = flc_comm_rank(comm),
                           .config = FLC_COLL_CONFIG_INIT};
    void *send_memory, *buffer_memory;
    perf_cores_bind(context->job->cores, s.rank);
    s.config.algorithm = o->algorithm;
    s.config.flags = o->flags;
    s.send = allocate(point->send_elems * elem_bytes, offset, &send_memory);
    s.buffer = allocate(collective_point_buffer_elems(point) * elem_bytes, offset, &buffer_memory);
    s.call = (struct collective_call){.comm = comm,
                                      .count = point->count,
                                      .type = point->type,
                                      .op = point->op,
                                      .root = point->root,
                                      .config = &s.config};
    struct rank_meeting *const meeting = &s.area->head->meeting;
    if (s.send == NULL || s.buffer == NULL) {
        rank_fail(meeting, s.rank, "out of memory for the buffers");
        flc_comm_abort(comm);
    } else {
        memset(s.buffer, 0,
               collective_point_buffer_elems(point) * elem_bytes); /* touch its pages */
        if (measure_all(&s) == 0) {
            rank_done(meeting, s.rank);
        }
    }
    free(send_memory);
    free(buffer_memory);
}

int perf_run_ranks(const struct perf_job *job, struct perf_measure *measures)
{
    struct perf_area area;
    struct failure failure;
    if (perf_area_create(job, &area, &failure) != 0) {
        (void)fprintf(stderr, "flashcomm perf: %s\n", failure.text);
        return -1;
    }
    const struct perf_context context = {.job = job, .area = &area};
    const struct rank_launch launch = {.command = "flashcomm perf",
                                       .ranks = job->point->ranks,
                                       .timeout_ms = job->options->timeout_ms,
                                       .meeting = &area.head->meeting,
                                       .run = job->options->use_cuda ? cuda_tools()->perf_rank
                                                                     : run_rank,
                                       .context = &context};
    const int result = job->options->threads ? run_threads(&launch) : run_processes(&launch);
    if (result == 0) {
        memcpy(measures, area.measures, job->measure_count * PLACES * sizeof *measures);
    }
    perf_area_destroy(&area);
    return result;
}
