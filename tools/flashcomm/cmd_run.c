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

#include "command.h"
#include "flashcomm/flashcomm.h"
#include "json_writer.h"
#include "run_inputs.h"
#include "run_judge.h"
#include "run_options.h"
#include "run_ranks.h"
#include "tool_failure.h"

static bool passed(const struct run_result *result)
{
    return result->ranks_equal && result->check.out_of_bound == 0;
}

/* Elements of the call, and of its buffers, from those of an input: run_inputs.c has seen to it
   that they divide. */
static struct collective_point point_of(const struct run_options *o, const struct run_inputs *in)
{
    const struct collective *const c = o->collective;
    const size_t ranks = (size_t)o->ranks;
    const size_t count = c->sends_all ? in->count / ranks : in->count;
    return (struct collective_point){.collective = c,
                                     .ranks = o->ranks,
                                     .type = in->type,
                                     .op = o->op,
                                     .root = o->root,
                                     .count = count,
                                     .send_elems = in->count,
                                     .recv_elems = c->receives_all ? count * ranks : count};
}

/* Run one format. -1 when the collective failed, whose ranks' sentences are printed then. */
static int run_format(const struct run_options *o, const struct run_inputs *in,
                      const struct format_item *item, struct run_result *result)
{
    struct rank_job job = {.point = point_of(o, in),
                           .inputs = in->data,
                           .config = FLC_COLL_CONFIG_INIT,
                           .timeout_ms = o->timeout_ms,
                           .iters = o->iters,
                           .threads = o->threads,
                           .use_cuda = o->use_cuda};
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
    int status = run_ranks(&job, &area);
    if (status == 0) {
        status = run_judge(&job, &area, result, &failure);
        if (status == 0 && o->output != NULL && passed(result)) {
            status = run_save(o->output, &job, in, &area, &failure);
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
    json_text(json, "collective", o->collective->name);
    json_unsigned(json, "ranks", (uint64_t)o->ranks);
    json_unsigned(json, "count", point_of(o, in).count);
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
    char extra[32] = "";
    if (o->collective->reduces) {
        (void)snprintf(extra, sizeof extra, "  op %s", o->op == FLC_SUM ? "sum" : "avg");
    } else if (o->collective->has_root) {
        (void)snprintf(extra, sizeof extra, "  root %d", o->root);
    }
    (void)printf("%s%s  ranks %d  count %zu  dtype %s  transport %s  algorithm %s\n",
                 o->collective->name, extra, o->ranks, point_of(o, in).count,
                 flc_type_name(in->type), results[0].transport, results[0].algorithm);
    (void)printf("%-*s  %9s  %12s  %8s  %10s  %10s  %s\n", width, "format", "wire bits",
                 "wire bytes", "SQNR dB", "max error", "time us", "ranks equal");
    for (size_t i = 0; i < o->formats.count; i++) {
        const struct run_result *const result = &results[i];
        char bits[32] = "-";
        if (!isnan(result->wire_bits)) {
            (void)snprintf(bits, sizeof bits, "%.3f", result->wire_bits);
        }
        (void)printf("%-*s  %9s  %12llu  %8.2f  %10.4g  %10.1f  %11s\n", width,
                     o->formats.items[i].text, bits, (unsigned long long)result->wire_bytes,
                     result->check.sqnr_db, result->check.max_abs_error, result->time_us,
                     result->ranks_equal ? "yes" : "NO");
    }
}

/* One sentence a failed check; the exit status. */
static int report_checks(const struct run_options *o, const struct run_result *results)
{
    int status = EXIT_OK;
    for (size_t i = 0; i < o->formats.count; i++) {
        const char *const format = o->formats.items[i].text;
        const size_t elems = results[i].check.elements;
        if (!results[i].ranks_equal) {
            (void)fprintf(stderr, "flashcomm run: format '%s': ranks hold different results\n",
                          format);
        }
        if (results[i].check.out_of_bound != 0) {
            (void)fprintf(stderr,
                          "flashcomm run: format '%s': %zu of %zu elements are outside the "
                          "documented error bound\n",
                          format, results[i].check.out_of_bound, elems);
        }
        if (results[i].check.unchecked != 0) {
            (void)fprintf(stderr,
                          "flashcomm run: format '%s': %zu of %zu elements have no bound, since "
                          "inputs of their groups are not finite or their sum overflows\n",
                          format, results[i].check.unchecked, elems);
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
        status = report_checks(o, results);
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
