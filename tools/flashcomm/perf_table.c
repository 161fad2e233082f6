// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The lines that `flashcomm perf` prints: see perf_report.h. Columns that nccl-tests have keep
 * their names, order, widths and roundings.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "perf_report.h"

#define CELL_BYTES 32

/* A processor's load from which on times are worth a warning. */
#define BUSY_LOAD 0.5

/* A number in a column: as many decimals, two at most, as leave it in its width. */
static const char *fit(double value, int width, char text[CELL_BYTES])
{
    int decimals = 2;
    if (!isfinite(value)) {
        return value > 0.0 ? "inf" : "n/a";
    }
    while (snprintf(text, CELL_BYTES, "%.*f", decimals, value) > width && decimals > 0) {
        decimals--;
    }
    if ((int)strlen(text) > width) {
        (void)snprintf(text, CELL_BYTES, "%.*e", width >= 7 ? 1 : 0, value);
    }
    return text;
}

static void print_config(FILE *out, const struct perf_options *o)
{
    const bool is_factor = o->step_factor > 1;
    (void)fprintf(out,
                  "# nThread %d nGpus %d minBytes %zu maxBytes %zu step: %zu(%s) warmup iters: %d "
                  "iters: %d agg iters: %d validation: %d ranks: %d\n",
                  o->per_process == 0 ? 1 : o->per_process,
                  o->per_thread == 0 ? o->ranks / (o->per_process == 0 ? 1 : o->per_process)
                                     : o->per_thread,
                  o->min_bytes, o->max_bytes, is_factor ? (size_t)o->step_factor : o->step_bytes,
                  is_factor ? "factor" : "bytes", o->warmup_iters, o->iters, o->agg_iters,
                  o->checks, o->ranks);
    if (o->has_blocking) {
        (void)fprintf(out, "# -z has no effect: calls always block\n");
    }
}

/* A column head for each baseline: "vs raw", or its second line. */
static void print_baselines(FILE *out, const struct perf_options *o, bool is_first)
{
    const char *names[BASELINES];
    char text[CELL_BYTES];
    perf_baseline_names(o, names);
    for (int b = 0; b < BASELINES; b++) {
        if (names[b] != NULL) {
            (void)snprintf(text, sizeof text, "vs %s", names[b]);
            (void)fprintf(out, "  %*s", (int)strlen(text), is_first ? text : "(time)");
        }
    }
}

static void print_gpus(FILE *out, const struct perf_options *o, const struct cuda_machine *machine)
{
    for (int r = 0; r < o->ranks; r++) {
        const int device = r % machine->count;
        (void)fprintf(out, "#  Rank %2d: GPU %2d, %s\n", r, device, machine->gpus[device].name);
    }
    (void)fprintf(out, "#  driver %s; runtime CUDA %s\n", machine->driver, machine->runtime);
    if (o->baseline_nccl) {
        (void)fprintf(out, "#  NCCL version %s; NCCL_NVLS_ENABLE: %s\n", machine->nccl,
                      perf_nvls_setting());
    }
    (void)fprintf(out, "#  a span: %d calls up to 4 MiB, %d above, after one that is not timed, ",
                  perf_calls(o, 0), perf_calls(o, SIZE_MAX));
    if (o->graph_launches > 0) {
        (void)fprintf(out, "in a CUDA graph; launches: %d\n#\n", o->graph_launches);
    } else {
        (void)fprintf(out, "enqueued one by one; spans: %d\n#\n", perf_spans(o));
    }
}

void perf_table_header(FILE *out, const struct perf_setting *setting)
{
    static const char *const averages[] = {"of rank 0", "mean of the ranks",
                                           "smallest of the ranks", "largest of the ranks"};
    const struct perf_options *const o = setting->options;
    (void)fprintf(out, "# flashcomm version %s\n", flc_version());
    (void)fprintf(out, "# Collective test starting: %s\n", o->collective->name);
    print_config(out, o);
    (void)fprintf(out, "# time: median of the %s, %s\n#\n", o->use_cuda ? "spans" : "iterations",
                  averages[o->average]);
    (void)fprintf(out, "# Using devices\n#  %d %s on %s: %s, %d processors, %s\n#\n", o->ranks,
                  o->threads ? "threads" : "processes", setting->host, setting->processor,
                  setting->processors,
                  setting->cores->is_bound ? "each bound to a core" : "not bound to cores");
    if (setting->machine != NULL) {
        print_gpus(out, o, setting->machine);
    }
    if (setting->load > BUSY_LOAD * setting->processors) {
        (void)fprintf(out, "# load average %.2f: other programs may make times longer\n#\n",
                      setting->load);
    }
    (void)fprintf(out, "# %10s  %12s  %8s  %6s  %6s  %*s  %6s  %5s  %30s  %30s\n", "", "", "", "",
                  "", setting->format_width, "", "wire", "wire", "out-of-place         ",
                  "in-place           ");
    (void)fprintf(out, "# %10s  %12s  %8s  %6s  %6s  %*s  %6s  %5s", "size", "count", "type",
                  "redop", "root", setting->format_width, "format", "bits", "%");
    for (int place = 0; place < PLACES; place++) {
        (void)fprintf(out, "  %7s  %6s  %6s  %6s", "time", "algbw", "busbw", "#wrong");
    }
    (void)fprintf(out, "  %6s  %9s", "SQNR", "max error");
    print_baselines(out, o, true);
    (void)fprintf(out, "  %5s%s\n", "ranks", o->timestamps ? "            timestamp" : "");
    (void)fprintf(out, "# %10s  %12s  %8s  %6s  %6s  %*s  %6s  %5s", "(B)", "(elements)", "", "",
                  "", setting->format_width, "", "", "");
    for (int place = 0; place < PLACES; place++) {
        (void)fprintf(out, "  %7s  %6s  %6s  %6s", "(us)", "(GB/s)", "(GB/s)", "");
    }
    (void)fprintf(out, "  %6s  %9s", "(dB)", "");
    print_baselines(out, o, false);
    (void)fprintf(out, "  %5s%s\n", "equal", o->timestamps ? "    %Y-%m-%d %H:%M:%S" : "");
    (void)fflush(out);
}

static void print_place(FILE *out, const struct perf_row *row, int place)
{
    char time[CELL_BYTES], algorithm[CELL_BYTES], bus[CELL_BYTES];
    if (row->not_there != NULL) {
        (void)fprintf(out, "  %7s  %6s  %6s  %6s", "n/a", "n/a", "n/a", "n/a");
        return;
    }
    (void)fprintf(out, "  %7s  %6s  %6s", fit(row->time_us[place], 7, time),
                  fit(perf_algorithm_bandwidth(row, place), 6, algorithm),
                  fit(perf_bus_bandwidth(row, place), 6, bus));
    if (row->is_checked && row->has_bound) {
        (void)fprintf(out, "  %6zu", row->wrong[place]);
    } else {
        (void)fprintf(out, "  %6s", "N/A");
    }
}

static void print_speed_up(FILE *out, const struct perf_row *row, int baseline, const char *name)
{
    const int width = (int)strlen("vs ") + (int)strlen(name);
    char text[CELL_BYTES];
    const double ratio = row->baseline_us[baseline][OUT_OF_PLACE] / row->time_us[OUT_OF_PLACE];
    if (row->not_there != NULL || isnan(ratio)) {
        (void)fprintf(out, "  %*s", width, "n/a");
    } else {
        (void)fprintf(out, "  %*sx", width - 1, fit(ratio, 5, text));
    }
}

void perf_table_row(FILE *out, const struct perf_setting *setting, const struct perf_row *row)
{
    const struct perf_options *const o = setting->options;
    const struct collective_point *const point = row->point;
    const double raw_bits = 8.0 * (double)flc_type_bytes(point->type);
    const char *names[BASELINES];
    char sqnr[CELL_BYTES];
    (void)fprintf(out, "%12zu  %12zu  %8s  %6s  %6d  %*s", point->bytes, point->count,
                  perf_type_name(point->type), perf_op_name(point->collective, point->op),
                  point->collective->has_root ? point->root : -1, setting->format_width,
                  row->format);
    if (isnan(row->wire_bits)) {
        (void)fprintf(out, "  %6s  %5s", "-", "-");
    } else {
        (void)fprintf(out, "  %6.3f  %5.1f", row->wire_bits, 100.0 * row->wire_bits / raw_bits);
    }
    for (int place = 0; place < PLACES; place++) {
        print_place(out, row, place);
    }
    if (row->is_checked && !isnan(row->sqnr_db)) {
        (void)fprintf(out, "  %6s  %9.3g", fit(row->sqnr_db, 6, sqnr), row->max_abs_error);
    } else {
        (void)fprintf(out, "  %6s  %9s", "-", "-");
    }
    perf_baseline_names(o, names);
    for (int b = 0; b < BASELINES; b++) {
        if (names[b] != NULL) {
            print_speed_up(out, row, b, names[b]);
        }
    }
    (void)fprintf(out, "  %5s",
                  !row->is_checked || !row->has_equality ? "-"
                  : row->ranks_equal                     ? "yes"
                                                         : "NO");
    if (o->timestamps) {
        char text[CELL_BYTES];
        struct tm local;
        const time_t now = time(NULL);
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &local));
        (void)fprintf(out, "  %19s", text);
    }
    (void)fputc('\n', out);
    (void)fflush(out);
}

void perf_table_footer(FILE *out, const struct perf_setting *setting,
                       const struct perf_totals *totals)
{
    const bool is_asked = totals->least_bandwidth >= 0.0;
    const int width = setting->format_width > 18 ? setting->format_width : 18;
    (void)fprintf(out, "# %-20s : %zu %s\n", "Out of bounds values", totals->wrong,
                  totals->wrong == 0 ? "OK" : "FAILED");
    if (totals->different != 0) {
        (void)fprintf(out, "# %-20s : %zu lines FAILED\n", "Ranks that differ", totals->different);
    }
    (void)fprintf(out, "# %-20s : %g %s\n", "Avg bus bandwidth", perf_mean_bandwidth(totals),
                  !is_asked                         ? ""
                  : perf_bandwidth_suffices(totals) ? "OK"
                                                    : "FAILED");
    for (size_t i = 0; i < totals->format_count && totals->format_count > 1; i++) {
        const struct perf_bandwidth *const format = &totals->formats[i];
        (void)fprintf(out, "#   %-*s : %g\n", width, format->format,
                      format->count == 0 ? 0.0 : format->sum / (double)format->count);
    }
    (void)fprintf(out, "#\n# Collective test concluded: %s\n#\n",
                  setting->options->collective->name);
}

double perf_algorithm_bandwidth(const struct perf_row *row, int place)
{
    return (double)row->point->bytes / (1e3 * row->time_us[place]);
}

double perf_bus_bandwidth(const struct perf_row *row, int place)
{
    const struct collective_point *const point = row->point;
    return perf_algorithm_bandwidth(row, place) * point->collective->bus_factor(point->ranks);
}

double perf_mean_bandwidth(const struct perf_totals *totals)
{
    double sum = 0.0;
    size_t count = 0;
    for (size_t i = 0; i < totals->format_count; i++) {
        sum += totals->formats[i].sum;
        count += totals->formats[i].count;
    }
    return count == 0 ? 0.0 : sum / (double)count;
}

bool perf_bandwidth_suffices(const struct perf_totals *totals)
{
    return perf_mean_bandwidth(totals) >= 0.9 * totals->least_bandwidth;
}
