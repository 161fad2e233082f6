// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Results of `flashcomm run`: see run_judge.h.
 */
#include "run_judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collective_check.h"
#include "npy.h"

static const void *elem_at(const struct rank_job *job, const void *elems, size_t at)
{
    return (const char *)elems + at * flc_type_bytes(job->point.type);
}

static int check_segment(const struct rank_job *job, const struct rank_area *area,
                         const struct collective_segment *segment, const char *algorithm,
                         struct flc_reduce_check *check)
{
    const struct collective_point *const point = &job->point;
    const void *const result =
        elem_at(job, rank_area_result(area, segment->rank), segment->result_at);
    const void *inputs[FLC_MAX_RANKS];
    for (int r = 0; r < point->ranks; r++) {
        inputs[r] =
            job->inputs[r] == NULL ? NULL : elem_at(job, job->inputs[r], segment->source_at);
    }
    return collective_check(point, segment, inputs, point->count, &job->config, algorithm, result,
                            check);
}

int run_judge(const struct rank_job *job, const struct rank_area *area, struct run_result *result,
              struct failure *failure)
{
    const struct collective_point *const point = &job->point;
    const size_t bytes = point->recv_elems * flc_type_bytes(point->type);
    struct collective_segment segment;
    *result = (struct run_result){.ranks_equal = true};
    memcpy(result->transport, area->reports[0].transport, sizeof result->transport);
    memcpy(result->algorithm, area->reports[0].algorithm, sizeof result->algorithm);
    for (int r = 0; r < point->ranks; r++) {
        const struct rank_report *const report = &area->reports[r];
        const int like = collective_equal_rank(point, r);
        if (report->sent_bytes > result->wire_bytes) {
            result->wire_bytes = report->sent_bytes;
        }
        result->time_us = fmax(result->time_us, report->median_us);
        if (memcmp(rank_area_result(area, r), rank_area_result(area, like), bytes) != 0) {
            result->ranks_equal = false;
        }
    }
    result->wire_bits = collective_wire_bits(point, &job->config, result->algorithm);
    for (int i = 0; point->collective->segment(point, i, &segment); i++) {
        struct flc_reduce_check part;
        if (check_segment(job, area, &segment, result->algorithm, &part) != 0) {
            return failure_set(failure, "out of memory while checking the result");
        }
        flc_reduce_check_add(&result->check, &part);
    }
    return 0;
}

/* Ranks that hold what no other holds: all results, one after the other. */
static int save_all(const char *path, const struct rank_job *job, const struct rank_area *area,
                    struct failure *failure)
{
    const struct collective_point *const point = &job->point;
    const size_t ranks = (size_t)point->ranks;
    const size_t bytes = point->recv_elems * flc_type_bytes(point->type);
    const int parts = point->collective->receives_all ? 1 : 0;
    const size_t shape[3] = {ranks, parts ? ranks : point->count, point->count};
    char *const all = malloc(ranks * bytes + 1);
    if (all == NULL) {
        return failure_set(failure, "out of memory for %zu results of %zu bytes", ranks, bytes);
    }
    for (size_t r = 0; r < ranks; r++) {
        memcpy(all + r * bytes, rank_area_result(area, (int)r), bytes);
    }
    const int status = npy_save(path, 2 + parts, shape, point->type, all, failure);
    free(all);
    return status;
}

int run_save(const char *path, const struct rank_job *job, const struct run_inputs *inputs,
             const struct rank_area *area, struct failure *failure)
{
    const struct collective_point *const point = &job->point;
    const struct collective *const collective = point->collective;
    if (collective->equality == EQUAL_NO_RANKS) {
        return save_all(path, job, area, failure);
    }
    if (collective->receives_all) { /* a part of each rank, equal on all */
        const size_t shape[2] = {(size_t)point->ranks, point->count};
        return npy_save(path, 2, shape, point->type, rank_area_result(area, 0), failure);
    }
    const int holder =
        point->ranks > 1 && collective->has_root ? collective_point_other_rank(point) : 0;
    return npy_save(path, inputs->dims, inputs->shape, point->type, rank_area_result(area, holder),
                    failure);
}
