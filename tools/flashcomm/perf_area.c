// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Shared memory and barrier of the ranks: see perf_area.h.
 */
#include "perf_area.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "timing.h"

/* Parts start at cache lines, so that ranks do not share one. */
#define PART_ALIGN 64

/* Making and checking so many bytes of a rank takes less than a second, on a shared core too. */
#define SLACK_BYTES_PER_SECOND ((size_t)4 << 20)

/* Between looks at the clock. */
#define YIELDS 4096

static size_t aligned(size_t bytes)
{
    return (bytes + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN;
}

/*
 * How long a rank waits for the others: as long as the library would for one that is silent, and
 * longer by what ranks do between two barriers.
 */
static int64_t barrier_ms(const struct perf_job *job)
{
    const struct collective_point *const point = job->point;
    const size_t slack_bytes = (size_t)point->ranks * point->bytes;
    return rank_timeout_ms(job->options->timeout_ms) +
           1000 * (int64_t)(1 + slack_bytes / SLACK_BYTES_PER_SECOND);
}

int perf_area_create(const struct perf_job *job, struct perf_area *area, struct failure *failure)
{
    const size_t ranks = (size_t)job->point->ranks;
    const size_t head_bytes = aligned(sizeof(struct perf_head));
    const size_t measure_bytes = aligned(job->measure_count * PLACES * sizeof(struct perf_measure));
    const size_t time_bytes = aligned(ranks * (size_t)perf_spans(job->options) * sizeof(double));
    const size_t stride = aligned(job->point->recv_elems * flc_type_bytes(job->point->type));
    const size_t bytes = head_bytes + measure_bytes + time_bytes + ranks * stride;
    char *const memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return failure_set(failure, "memory for %zu results (%zu bytes): %s", ranks, bytes,
                           strerror(errno));
    }
    area->head = (struct perf_head *)(void *)memory;
    area->measures = (struct perf_measure *)(void *)(memory + head_bytes);
    area->times_us = (double *)(void *)(memory + head_bytes + measure_bytes);
    area->results = memory + head_bytes + measure_bytes + time_bytes;
    area->stride = stride;
    area->barrier_ms = barrier_ms(job);
    area->area_bytes = bytes;
    return 0;
}

void perf_area_destroy(struct perf_area *area)
{
    (void)munmap(area->head, area->area_bytes);
    *area = (struct perf_area){.head = NULL};
}

void *perf_area_result(const struct perf_area *area, int rank)
{
    return area->results + (size_t)rank * area->stride;
}

/* Ranks that wait yield, so that those without a core of their own come too. */
static bool pass_barrier(const struct perf_area *area, int ranks)
{
    struct perf_head *const head = area->head;
    const unsigned passed = atomic_load(&head->passed);
    if (atomic_fetch_add(&head->arrived, 1) + 1 == ranks) {
        atomic_store(&head->arrived, 0);
        atomic_fetch_add(&head->passed, 1);
        return true;
    }
    const int64_t end_ms = timing_now_ms() + area->barrier_ms;
    for (unsigned i = 1; atomic_load(&head->passed) == passed; i++) {
        if (atomic_load(&head->meeting.failed) != 0 ||
            (i % YIELDS == 0 && timing_now_ms() > end_ms)) {
            return false;
        }
        (void)sched_yield();
    }
    return true;
}

int perf_area_meet(const struct perf_area *area, int ranks, int rank)
{
    struct rank_meeting *const meeting = &area->head->meeting;
    if (pass_barrier(area, ranks)) {
        return 0;
    }
    char text[64];
    const int failed = atomic_load(&meeting->failed);
    (void)snprintf(text, sizeof text,
                   failed != 0 ? "stopped, since rank %d failed" : "the others do not come",
                   failed - 1);
    rank_fail(meeting, rank, text);
    return -1;
}

/* The time of a call: the median of what -a makes of the ranks' times of an iteration. */
static double reduce_times(const struct perf_area *area, const struct perf_job *job)
{
    const struct perf_options *const o = job->options;
    const int ranks = job->point->ranks;
    const int spans = perf_spans(o);
    double *const times_us = area->times_us; /* of rank 0: what is made goes there */
    for (int i = 0; i < spans; i++) {
        double least = times_us[i], most = times_us[i], sum = times_us[i];
        for (int r = 1; r < ranks; r++) {
            const double time_us = times_us[(size_t)r * (size_t)spans + (size_t)i];
            least = fmin(least, time_us);
            most = fmax(most, time_us);
            sum += time_us;
        }
        times_us[i] = o->average == AVERAGE_MAX    ? most
                      : o->average == AVERAGE_MIN  ? least
                      : o->average == AVERAGE_MEAN ? sum / ranks
                                                   : times_us[i];
    }
    return timing_median(times_us, spans);
}

void perf_area_fold(const struct perf_area *area, const struct perf_job *job,
                    struct perf_measure *measure)
{
    const struct perf_share *const shares = area->head->shares;
    *measure = (struct perf_measure){.time_us = reduce_times(area, job), .ranks_equal = true};
    memcpy(measure->transport, shares[0].transport, sizeof measure->transport);
    memcpy(measure->algorithm, shares[0].algorithm, sizeof measure->algorithm);
    for (int r = 0; r < job->point->ranks; r++) {
        measure->ranks_equal = measure->ranks_equal && shares[r].equal;
        if (shares[r].sent_bytes > measure->sent_bytes) {
            measure->sent_bytes = shares[r].sent_bytes;
        }
        flc_reduce_check_add(&measure->check, &shares[r].check);
    }
}
