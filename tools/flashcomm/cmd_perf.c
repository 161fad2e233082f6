// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * `flashcomm perf`: nccl-tests for this library. Times a collective over a range of sizes, once
 * for each format and each baseline, and checks the results.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collective_check.h"
#include "command.h"
#include "perf_document.h"
#include "perf_mpi.h"
#include "perf_report.h"
#include "perf_values.h"

struct perf_run {
    struct perf_options options;
    struct perf_setting setting;
    struct perf_mpi mpi;
    struct format_item *formats; /* [format_count]: those asked for, after the baseline raw */
    size_t format_count;
    size_t added;                  /* 1 where the baseline raw is no format asked for */
    size_t raw;                    /* index of the baseline raw, where asked for */
    struct perf_measure *measures; /* [format_count][PLACES], and NCCL's */
    struct perf_totals totals;
    struct perf_data data;
    struct perf_cores cores;
    struct cuda_machine machine; /* where GPUs are used */
    struct perf_document document;
    struct json_writer json;
    bool has_rows;
    bool has_mpi_failed;
    bool show_progress;
};

static bool is_raw(const struct format_item *item)
{
    return item->reduce.bits == 0 && item->gather.bits == 0;
}

/* The list of formats, and the baseline raw before them unless it is one of them. */
static int list_formats(struct perf_run *run)
{
    const struct format_list *const list = &run->options.formats;
    run->formats = calloc(list->count + 1, sizeof *run->formats);
    run->measures = calloc((list->count + 2) * PLACES, sizeof *run->measures);
    run->totals.formats = calloc(list->count + 1, sizeof *run->totals.formats);
    if (run->formats == NULL || run->measures == NULL || run->totals.formats == NULL) {
        return -1;
    }
    size_t raw = 0;
    while (raw < list->count && !is_raw(&list->items[raw])) {
        raw++;
    }
    run->added = run->options.baseline_raw && raw == list->count ? 1 : 0;
    if (run->added != 0) {
        run->formats[run->format_count++].text = "raw"; /* its formats are all zero */
    }
    run->raw = run->added != 0 ? 0 : raw;
    for (size_t i = 0; i < list->count; i++) {
        run->formats[run->format_count++] = list->items[i];
    }
    run->totals.format_count = list->count;
    for (size_t i = 0; i < list->count; i++) {
        run->totals.formats[i].format = list->items[i].text;
    }
    return 0;
}

static void print_row(struct perf_run *run, const struct perf_row *row)
{
    if (!run->options.json) {
        perf_table_row(stdout, &run->setting, row);
    }
    if (run->document.stream != NULL) {
        perf_json_row(&run->json, &run->setting, row);
        (void)fflush(run->document.stream);
    }
    run->has_rows = true;
    if (row->not_there == NULL && row->is_checked && row->has_bound) {
        run->totals.wrong += row->wrong[OUT_OF_PLACE] + row->wrong[IN_PLACE];
        run->totals.different += row->has_equality && !row->ranks_equal ? 1 : 0;
    }
}

static struct perf_row new_row(const struct perf_run *run, const struct collective_point *point,
                               const char *format)
{
    struct perf_row row = {.point = point,
                           .format = format,
                           .is_checked = run->options.checks > 0,
                           .has_bound = true,
                           .wire_bits = (double)NAN,
                           .sqnr_db = (double)NAN};
    const size_t measures[] = {[BASELINE_RAW] = run->raw, [BASELINE_NCCL] = run->format_count};
    const bool is_measured[] = {
        [BASELINE_RAW] = run->options.baseline_raw, [BASELINE_NCCL] = run->options.baseline_nccl};
    for (int b = 0; b < BASELINES; b++) {
        for (int place = 0; place < PLACES; place++) {
            row.baseline_us[b][place] = (double)NAN;
            if (is_measured[b] && point->count > 0) {
                row.baseline_us[b][place] =
                    run->measures[measures[b] * PLACES + (size_t)place].time_us;
            }
        }
    }
    return row;
}

/* What the ranks found of measure `index` of all. */
static void set_measured_row(const struct perf_run *run, size_t index, struct perf_row *row)
{
    const struct perf_measure *const measures = &run->measures[index * PLACES];
    struct flc_reduce_check both = {0};
    row->transport = measures[OUT_OF_PLACE].transport;
    row->algorithm = measures[OUT_OF_PLACE].algorithm;
    row->sent_bytes = measures[OUT_OF_PLACE].sent_bytes;
    row->has_equality = row->point->collective->equality != EQUAL_NO_RANKS;
    row->ranks_equal = true;
    for (int place = 0; place < PLACES; place++) {
        const struct perf_measure *const measure = &measures[place];
        row->time_us[place] = measure->time_us;
        row->wrong[place] = measure->check.out_of_bound;
        row->ranks_equal = row->ranks_equal && measure->ranks_equal;
        flc_reduce_check_add(&both, &measure->check);
    }
    row->unchecked = both.unchecked;
    row->sqnr_db = both.sqnr_db;
    row->max_abs_error = both.max_abs_error;
}

static void set_format_row(const struct perf_run *run, size_t index, struct perf_row *row)
{
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    config.reduce = run->formats[index].reduce;
    config.gather = run->formats[index].gather;
    set_measured_row(run, index, row);
    row->wire_bits = collective_wire_bits(row->point, &config, row->algorithm);
}

/* NCCL's line: it documents no error bound, and how it sums is its own. */
static void print_nccl(struct perf_run *run, const struct collective_point *point)
{
    struct perf_row row = new_row(run, point, "nccl");
    set_measured_row(run, run->format_count, &row);
    row.transport = row.algorithm = NULL;
    row.has_bound = false;
    print_row(run, &row);
}

/* Open MPI's line, which the others are compared with. -1 where it failed, as the line says. */
static int run_mpi(struct perf_run *run, const struct collective_point *point, struct perf_row *row,
                   struct failure *failure)
{
    struct perf_mpi_result result;
    *row = new_row(run, point, "mpi");
    row->not_there = perf_mpi_lacks(point);
    if (row->not_there != NULL) {
        return 0;
    }
    if (run->show_progress) {
        (void)fprintf(stderr, "\r\033[K# %zu bytes, mpi", point->bytes);
    }
    if (perf_mpi_run(&run->mpi, &run->options, run->cores.is_bound, point, &result, failure) != 0) {
        row->not_there = failure->text;
        return -1;
    }
    for (int place = 0; place < PLACES; place++) {
        row->time_us[place] = result.time_us[place];
        row->wrong[place] = result.wrong[place];
        if (point->count > 0) {
            row->baseline_us[BASELINE_MPI][place] = result.time_us[place];
        }
    }
    return 0;
}

static void clear_progress(const struct perf_run *run)
{
    if (run->show_progress) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
    }
}

static void print_mpi(struct perf_run *run, const struct perf_row *row, bool has_failed)
{
    print_row(run, row);
    if (!has_failed) {
        return;
    }
    run->has_mpi_failed = true;
    (void)fprintf(stderr, "flashcomm perf: --baseline mpi: %s\n", row->not_there);
    if (!run->options.json) {
        (void)printf("# mpi: %s\n", row->not_there);
    }
}

/* All lines of one size. */
static int run_point(struct perf_run *run, const struct collective_point *point)
{
    const struct perf_job job = {.options = &run->options,
                                 .point = point,
                                 .formats = run->formats,
                                 .format_count = run->format_count,
                                 .measure_count =
                                     run->format_count + (run->options.baseline_nccl ? 1 : 0),
                                 .data = &run->data,
                                 .cores = &run->cores,
                                 .show_progress = run->show_progress};
    struct perf_row mpi;
    struct failure failure;
    if (perf_run_ranks(&job, run->measures) != 0) {
        clear_progress(run);
        return -1;
    }
    const bool has_mpi_failed =
        run->options.baseline_mpi && run_mpi(run, point, &mpi, &failure) != 0;
    clear_progress(run);
    if (run->options.baseline_mpi) {
        print_mpi(run, &mpi, has_mpi_failed);
    }
    if (run->options.baseline_nccl) {
        print_nccl(run, point);
    }
    for (size_t i = 0; i < run->format_count; i++) {
        struct perf_row row = new_row(run, point, run->formats[i].text);
        set_format_row(run, i, &row);
        for (int place = 0; place < PLACES; place++) {
            if (run->options.baseline_mpi) {
                row.baseline_us[BASELINE_MPI][place] = mpi.baseline_us[BASELINE_MPI][place];
            }
            if (i >= run->added) {
                run->totals.formats[i - run->added].sum += perf_bus_bandwidth(&row, place);
                run->totals.formats[i - run->added].count++;
            }
        }
        print_row(run, &row);
    }
    return 0;
}

/* All sizes of one type, operation and root; those that come to the same number of elements once.
 */
static int run_sizes(struct perf_run *run, flc_type type, flc_op op, int root)
{
    const struct perf_options *const o = &run->options;
    size_t last_bytes = SIZE_MAX;
    for (size_t bytes = o->min_bytes; bytes != 0; bytes = perf_next_size(o, bytes)) {
        struct collective_point point;
        collective_point_set(&point, o->collective, o->ranks, bytes, type);
        point.op = op;
        point.root = root;
        if (point.bytes != last_bytes && run_point(run, &point) != 0) {
            return -1;
        }
        last_bytes = point.bytes;
    }
    return 0;
}

static int run_cycle(struct perf_run *run)
{
    const struct perf_options *const o = &run->options;
    const int first_root = o->root < 0 ? 0 : o->root;
    const int last_root = o->root < 0 ? o->ranks - 1 : o->root;
    for (size_t t = 0; t < o->type_count; t++) {
        perf_data_init(&run->data, o->types[t]);
        for (size_t i = 0; i < o->op_count; i++) {
            for (int root = first_root; root <= last_root; root++) {
                if (run_sizes(run, o->types[t], o->ops[i], root) != 0) {
                    return -1;
                }
            }
        }
    }
    return 0;
}

/* One sentence a failed check; the exit status. */
static int judge(const struct perf_totals *totals)
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

static int run_all(struct perf_run *run)
{
    const struct perf_options *const o = &run->options;
    int result = 0;
    if (!o->json) {
        perf_table_header(stdout, &run->setting);
    }
    if (run->document.stream != NULL) {
        json_start(&run->json, run->document.stream);
        perf_json_header(&run->json, &run->setting);
    }
    for (int i = 0; result == 0 && (o->cycles == 0 || i < o->cycles); i++) {
        result = run_cycle(run);
    }
    if (!o->json && result == 0) {
        perf_table_footer(stdout, &run->setting, &run->totals);
    }
    if (run->document.stream != NULL) {
        perf_json_footer(&run->json, &run->totals, result != 0);
    }
    const int status = judge(&run->totals);
    return result != 0 || run->has_mpi_failed ? EXIT_FAILED : status;
}

/* GPUs, and the NCCL that is asked for. The exit status. */
static int find_gpus(struct perf_run *run)
{
    const struct perf_options *const o = &run->options;
    const struct cuda_machine *const machine = &run->machine;
    struct failure failure;
    if (cuda_tools()->probe(o->baseline_nccl, &run->machine, &failure) != 0) {
        (void)fprintf(stderr, "flashcomm perf: --device cuda: %s\n", failure.text);
    } else if (machine->count == 0) {
        (void)fprintf(stderr, "flashcomm perf: --device cuda: no GPU: %s\n", machine->why_none);
    } else if (o->baseline_nccl && machine->nccl[0] == '\0') {
        (void)fprintf(stderr, "flashcomm perf: --baseline nccl: %s\n", machine->nccl_why);
    } else if (o->baseline_nccl && o->ranks > machine->count) {
        (void)fprintf(stderr,
                      "flashcomm perf: --baseline nccl with %d ranks needs a GPU for each, here "
                      "are %d\n",
                      o->ranks, machine->count);
    } else {
        return EXIT_OK;
    }
    return EXIT_FAILED;
}

/* What can fail before anything is measured. */
static int prepare(struct perf_run *run)
{
    const struct perf_options *const o = &run->options;
    struct failure failure;
    if (list_formats(run) != 0) {
        (void)fprintf(stderr, "flashcomm perf: out of memory\n");
        return EXIT_FAILED;
    }
    if (o->use_cuda) { /* whose threads and copies a core alone would not do for */
        const int status = find_gpus(run);
        if (status != EXIT_OK) {
            return status;
        }
    } else {
        perf_cores_choose(o->ranks, &run->cores);
    }
    perf_setting_find(&run->setting, o, &run->cores, o->use_cuda ? &run->machine : NULL);
    run->show_progress = isatty(STDERR_FILENO) == 1;
    if (perf_value_bandwidth(getenv("NCCL_TESTS_MIN_BW"), &run->totals.least_bandwidth, &failure) !=
        0) {
        (void)fprintf(stderr, "flashcomm perf: %s\n", failure.text);
        return EXIT_USAGE;
    }
    if (o->baseline_mpi && perf_mpi_find(&run->mpi, &failure) != 0) {
        (void)fprintf(stderr, "flashcomm perf: %s\n", failure.text);
        return EXIT_FAILED;
    }
    const int status = perf_document_open(o, &run->document, &failure);
    if (status != EXIT_OK) {
        (void)fprintf(stderr, "flashcomm perf: %s\n", failure.text);
    }
    return status;
}

/* A document that could not be written is no success; one without a line replaces no other. */
static int close_document(struct perf_run *run, int status)
{
    struct failure failure;
    if (perf_document_close(&run->document, run->has_rows, &failure) != 0) {
        (void)fprintf(stderr, "flashcomm perf: %s\n", failure.text);
        return status == EXIT_OK ? EXIT_FAILED : status;
    }
    return status;
}

int cmd_perf(int argc, char **argv)
{
    struct perf_run *const run = calloc(1, sizeof *run);
    if (run == NULL) {
        (void)fprintf(stderr, "flashcomm perf: out of memory\n");
        return EXIT_FAILED;
    }
    perf_options_parse(argc, argv, &run->options);
    int status = prepare(run);
    if (status == EXIT_OK) {
        status = run_all(run);
    }
    status = close_document(run, status);
    free(run->totals.formats);
    free(run->measures);
    free(run->formats);
    perf_options_free(&run->options);
    free(run);
    return status;
}
