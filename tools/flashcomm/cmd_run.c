// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * `flashcomm run`: a collective on the user's own tensors, once for each format. Says what it
 * sent, how far the result is from the exact one, whether all ranks hold the same bits, and how
 * long it took; the last two and the documented bound decide the exit status.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "flashcomm/flashcomm.h"
#include "json_writer.h"
#include "npy.h"
#include "reduce_check.h"
#include "run_inputs.h"
#include "run_options.h"
#include "run_ranks.h"
#include "tool_failure.h"

struct run_result {
    char transport[32];
    char algorithm[32];
    uint64_t wire_bytes; /* sent by the rank that sent most */
    double wire_bits;    /* an element; NaN without elements */
    struct flc_reduce_check check;
    bool ranks_equal;
    double time_us;
};

static bool passed(const struct run_result *result)
{
    return result->ranks_equal && result->check.out_of_bound == 0;
}

/* Mean of the two steps, each of which sends every element about once; the one-shot algorithm has
   no second. */
static double mean_wire_bits(const struct format_item *item, flc_type type, size_t count,
                             const char *algorithm)
{
    const flc_format gather = strcmp(algorithm, "oneshot") == 0 ? item->reduce : item->gather;
    size_t reduce_bytes = 0;
    size_t gather_bytes = 0;
    if (count == 0 || flc_format_wire_bytes(item->reduce, type, count, &reduce_bytes) != FLC_OK ||
        flc_format_wire_bytes(gather, type, count, &gather_bytes) != FLC_OK) {
        return (double)NAN;
    }
    return 4.0 * ((double)reduce_bytes + (double)gather_bytes) / (double)count;
}

/* Put together what the ranks reported, and check their results. */
static int judge(const struct rank_job *job, const struct rank_area *area,
                 const struct format_item *item, struct run_result *result, struct failure *failure)
{
    const size_t bytes = job->count * flc_type_bytes(job->type);
    const void *const first = rank_area_result(area, 0);
    *result = (struct run_result){.ranks_equal = true};
    memcpy(result->transport, area->reports[0].transport, sizeof result->transport);
    memcpy(result->algorithm, area->reports[0].algorithm, sizeof result->algorithm);
    for (int r = 0; r < job->ranks; r++) {
        const struct rank_report *const report = &area->reports[r];
        if (report->sent_bytes > result->wire_bytes) {
            result->wire_bytes = report->sent_bytes;
        }
        result->time_us = fmax(result->time_us, report->median_us);
        if (memcmp(rank_area_result(area, r), first, bytes) != 0) {
            result->ranks_equal = false;
        }
    }
    result->wire_bits = mean_wire_bits(item, job->type, job->count, result->algorithm);
    if (flc_reduce_check(job->inputs, job->ranks, job->count, job->type, job->op, &job->config,
                         result->algorithm, first, &result->check) != 0) {
        return failure_set(failure, "out of memory while checking the result");
    }
    return 0;
}

/* Run one format. -1 when the collective failed, whose ranks' sentences are printed then. */
static int run_format(const struct run_options *o, const struct run_inputs *in,
                      const struct format_item *item, struct run_result *result)
{
    struct rank_job job = {.ranks = o->ranks,
                           .inputs = in->data,
                           .count = in->count,
                           .type = in->type,
                           .op = o->op,
                           .config = FLC_COLL_CONFIG_INIT,
                           .timeout_ms = o->timeout_ms,
                           .iters = o->iters};
    job.config.reduce = item->reduce;
    job.config.gather = item->gather;
    job.config.algorithm = o->algorithm;
    job.config.flags = o->flags;

    struct failure failure;
    struct rank_area area;
    if (rank_area_create(&job, &area, &failure) != 0) {
        (void)fprintf(stderr, "flashcomm run: %s\n", failure.text);
        return -1;
    }
    int status = run_ranks(&job, &area, o->threads);
    if (status == 0) {
        status = judge(&job, &area, item, result, &failure);
        if (status == 0 && o->output != NULL && passed(result)) {
            status = npy_save(o->output, in->dims, in->shape, in->type, rank_area_result(&area, 0),
                              &failure);
        }
        if (status != 0) {
            (void)fprintf(stderr, "flashcomm run: %s\n", failure.text);
        }
    }
    rank_area_destroy(&area);
    return status;
}

static void print_json_result(struct json_writer *json, const struct run_options *o,
                              const struct run_inputs *in, size_t index,
                              const struct run_result *result)
{
    json_begin_object(json, NULL);
    json_text(json, "collective", o->collective);
    json_unsigned(json, "ranks", (uint64_t)o->ranks);
    json_unsigned(json, "count", in->count);
    json_text(json, "dtype", flc_type_name(in->type));
    json_text(json, "format", o->formats.items[index].text);
    json_text(json, "transport", result->transport);
    json_text(json, "algorithm", result->algorithm);
    json_unsigned(json, "wire_bytes", result->wire_bytes);
    json_real(json, "wire_bits", result->wire_bits);
    json_real(json, "sqnr_db", result->check.sqnr_db);
    json_real(json, "max_abs_error", result->check.max_abs_error);
    json_unsigned(json, "out_of_bound", result->check.out_of_bound);
    json_unsigned(json, "unchecked", result->check.unchecked);
    json_boolean(json, "ranks_equal", result->ranks_equal);
    json_real(json, "time_us", result->time_us);
    json_end_object(json);
}

static void print_json(const struct run_options *o, const struct run_inputs *in,
                       const struct run_result *results)
{
    struct json_writer json;
    json_start(&json, stdout);
    if (o->formats.count == 1) {
        print_json_result(&json, o, in, 0, &results[0]);
        return;
    }
    json_begin_object(&json, NULL);
    json_begin_array(&json, "results");
    for (size_t i = 0; i < o->formats.count; i++) {
        print_json_result(&json, o, in, i, &results[i]);
    }
    json_end_array(&json);
    json_end_object(&json);
}

static void print_table(const struct run_options *o, const struct run_inputs *in,
                        const struct run_result *results)
{
    const int width = format_list_width(&o->formats);
    (void)printf("%s  op %s  ranks %d  count %zu  dtype %s  transport %s  algorithm %s\n",
                 o->collective, o->op == FLC_SUM ? "sum" : "avg", o->ranks, in->count,
                 flc_type_name(in->type), results[0].transport, results[0].algorithm);
    (void)printf("%-*s  %9s  %12s  %8s  %10s  %10s  %s\n", width, "format", "wire bits",
                 "wire bytes", "SQNR dB", "max error", "time us", "ranks equal");
    for (size_t i = 0; i < o->formats.count; i++) {
        const struct run_result *const result = &results[i];
        (void)printf(
            "%-*s  %9.3f  %12llu  %8.2f  %10.4g  %10.1f  %11s\n", width, o->formats.items[i].text,
            result->wire_bits, (unsigned long long)result->wire_bytes, result->check.sqnr_db,
            result->check.max_abs_error, result->time_us, result->ranks_equal ? "yes" : "NO");
    }
}

/* One sentence a failed check; the exit status. */
static int report_checks(const struct run_options *o, const struct run_inputs *in,
                         const struct run_result *results)
{
    int status = EXIT_OK;
    for (size_t i = 0; i < o->formats.count; i++) {
        const char *const format = o->formats.items[i].text;
        if (!results[i].ranks_equal) {
            (void)fprintf(stderr, "flashcomm run: format '%s': ranks hold different results\n",
                          format);
        }
        if (results[i].check.out_of_bound != 0) {
            (void)fprintf(stderr,
                          "flashcomm run: format '%s': %zu of %zu elements are outside the "
                          "documented error bound\n",
                          format, results[i].check.out_of_bound, in->count);
        }
        if (results[i].check.unchecked != 0) {
            (void)fprintf(stderr,
                          "flashcomm run: format '%s': %zu of %zu elements have no bound, since "
                          "inputs of their groups are not finite or their sum overflows\n",
                          format, results[i].check.unchecked, in->count);
        }
        if (!passed(&results[i])) {
            status = EXIT_FAILED;
        }
    }
    return status;
}

static int run_all(const struct run_options *o, const struct run_inputs *in)
{
    struct run_result *const results = calloc(o->formats.count, sizeof *results);
    if (results == NULL) {
        (void)fprintf(stderr, "flashcomm run: out of memory\n");
        return EXIT_FAILED;
    }
    int status = EXIT_OK;
    for (size_t i = 0; i < o->formats.count && status == EXIT_OK; i++) {
        if (run_format(o, in, &o->formats.items[i], &results[i]) != 0) {
            status = EXIT_FAILED;
        }
    }
    if (status == EXIT_OK) {
        if (o->json) {
            print_json(o, in, results);
        } else {
            print_table(o, in, results);
        }
        status = report_checks(o, in, results);
    }
    free(results);
    return status;
}

int cmd_run(int argc, char **argv)
{
    struct run_options o;
    struct run_inputs in;
    struct failure failure;
    run_options_parse(argc, argv, &o);
    int status = EXIT_USAGE;
    if (run_inputs_load(&o, &in, &failure) != 0) {
        (void)fprintf(stderr, "flashcomm run: %s\n", failure.text);
    } else {
        status = run_all(&o, &in);
    }
    run_inputs_free(&in);
    run_options_free(&o);
    return status;
}
