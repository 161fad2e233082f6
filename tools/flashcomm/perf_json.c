// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The JSON document of `flashcomm perf`: see perf_report.h. Numbers and truth values are JSON's
 * own, also where nccl-tests write texts.
 */
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "perf_report.h"

/* Ours: nccl-tests' document, whose keys most of these are, counts its own. */
#define DOCUMENT_VERSION 1

static void put_time(struct json_writer *json, const char *key)
{
    char text[32];
    struct tm local;
    const time_t now = time(NULL);
    (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &local));
    json_text(json, key, text);
}

/* Only what changes results here: an environment has secrets, too. */
static void put_environment(struct json_writer *json)
{
    json_begin_array(json, "env");
    for (char **entry = environ; *entry != NULL; entry++) {
        if (strncmp(*entry, "FLC_", 4) == 0 || strncmp(*entry, "OMPI_", 5) == 0 ||
            strncmp(*entry, "NCCL_", 5) == 0) {
            json_text(json, NULL, *entry);
        }
    }
    json_end_array(json);
}

static void put_config(struct json_writer *json, const struct perf_setting *setting)
{
    const struct perf_options *const o = setting->options;
    const struct cuda_machine *const machine = setting->machine;
    const int threads = o->per_process == 0 ? 1 : o->per_process;
    json_begin_object(json, "config");
    json_unsigned(json, "nthreads", (uint64_t)threads);
    json_unsigned(json, "ngpus", (uint64_t)(o->ranks / threads));
    json_unsigned(json, "ranks", (uint64_t)o->ranks);
    json_boolean(json, "threads", o->threads);
    json_unsigned(json, "minimum_bytes", o->min_bytes);
    json_unsigned(json, "maximum_bytes", o->max_bytes);
    if (o->step_factor > 1) {
        json_unsigned(json, "step_factor", (uint64_t)o->step_factor);
    } else {
        json_unsigned(json, "step_bytes", o->step_bytes);
    }
    json_unsigned(json, "warmup_iters", (uint64_t)o->warmup_iters);
    json_unsigned(json, "iterations", (uint64_t)o->iters);
    json_unsigned(json, "aggregated_iterations", (uint64_t)o->agg_iters);
    json_unsigned(json, "validation", (uint64_t)o->checks);
    json_unsigned(json, "average", (uint64_t)o->average);
    json_unsigned(json, "unalign", (uint64_t)o->unalign);
    json_boolean(json, "blocking_collectives", true);
    json_boolean(json, "parallel_init", true);
    json_boolean(json, "bound_to_cores", setting->cores->is_bound);
    json_real(json, "load_average", setting->load < 0.0 ? (double)NAN : setting->load);
    if (machine != NULL) {
        json_unsigned(json, "graph_launches", (uint64_t)o->graph_launches);
        json_unsigned(json, "spans", (uint64_t)perf_spans(o));
        json_unsigned(json, "max_blocks", (uint64_t)o->max_blocks);
        json_text(json, "driver", machine->driver);
        json_text(json, "cuda_runtime", machine->runtime);
        json_text(json, "nccl_nvls_enable", o->baseline_nccl ? perf_nvls_setting() : NULL);
    }
    json_begin_array(json, "devices");
    for (int r = 0; r < o->ranks; r++) {
        json_begin_object(json, NULL);
        json_unsigned(json, "rank", (uint64_t)r);
        json_unsigned(json, "group", 0);
        json_text(json, "hostname", setting->host);
        json_text(json, "device_info",
                  machine == NULL ? setting->processor : machine->gpus[r % machine->count].name);
        if (machine != NULL) {
            json_unsigned(json, "device", (uint64_t)(r % machine->count));
        }
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
}

void perf_json_header(struct json_writer *json, const struct perf_setting *setting)
{
    const struct perf_options *const o = setting->options;
    json_begin_object(json, NULL);
    json_unsigned(json, "version", DOCUMENT_VERSION);
    put_time(json, "start_time");
    json_begin_array(json, "args");
    for (int i = 0; i < o->argc; i++) {
        json_text(json, NULL, o->argv[i]);
    }
    json_end_array(json);
    put_environment(json);
    json_text(json, "nccl_version", o->baseline_nccl ? setting->machine->nccl : NULL);
    json_text(json, "flashcomm_version", flc_version());
    json_text(json, "collective", o->collective->name);
    put_config(json, setting);
    json_begin_array(json, "results");
}

static void put_place(struct json_writer *json, const struct perf_options *o,
                      const struct perf_row *row, int place)
{
    static const char *const keys[] = {[OUT_OF_PLACE] = "out_of_place", [IN_PLACE] = "in_place"};
    const char *baselines[BASELINES];
    perf_baseline_names(o, baselines);
    if (row->not_there != NULL) {
        json_text(json, keys[place], NULL);
        return;
    }
    json_begin_object(json, keys[place]);
    json_real(json, "time", row->time_us[place]);
    json_real(json, "alg_bw", perf_algorithm_bandwidth(row, place));
    json_real(json, "bus_bw", perf_bus_bandwidth(row, place));
    if (row->is_checked && row->has_bound) {
        json_unsigned(json, "nwrong", row->wrong[place]);
    } else {
        json_text(json, "nwrong", NULL);
    }
    json_begin_object(json, "speed_up");
    for (int b = 0; b < BASELINES; b++) {
        if (baselines[b] != NULL) {
            json_real(json, baselines[b], row->baseline_us[b][place] / row->time_us[place]);
        }
    }
    json_end_object(json);
    json_end_object(json);
}

void perf_json_row(struct json_writer *json, const struct perf_setting *setting,
                   const struct perf_row *row)
{
    const struct collective_point *const point = row->point;
    json_begin_object(json, NULL);
    json_unsigned(json, "size", point->bytes);
    json_unsigned(json, "count", point->count);
    json_text(json, "type", perf_type_name(point->type));
    json_text(json, "redop", perf_op_name(point->collective, point->op));
    json_integer(json, "root", point->collective->has_root ? point->root : -1);
    json_text(json, "format", row->format);
    json_real(json, "wire_bits", row->wire_bits);
    json_real(json, "wire_percent",
              100.0 * row->wire_bits / (8.0 * (double)flc_type_bytes(point->type)));
    json_text(json, "transport", row->transport);
    json_text(json, "algorithm", row->algorithm);
    if (row->transport != NULL) {
        json_unsigned(json, "wire_bytes", row->sent_bytes);
    } else {
        json_text(json, "wire_bytes", NULL);
    }
    for (int place = 0; place < PLACES; place++) {
        put_place(json, setting->options, row, place);
    }
    json_real(json, "sqnr_db", row->is_checked ? row->sqnr_db : (double)NAN);
    json_real(json, "max_abs_error",
              row->is_checked && !isnan(row->sqnr_db) ? row->max_abs_error : (double)NAN);
    json_unsigned(json, "unchecked", row->unchecked);
    if (row->is_checked && row->has_equality) {
        json_boolean(json, "ranks_equal", row->ranks_equal);
    } else {
        json_text(json, "ranks_equal", NULL);
    }
    if (setting->machine != NULL) {
        json_unsigned(json, "calls", (uint64_t)perf_calls(setting->options, point->bytes));
    }
    json_text(json, "not_available", row->not_there);
    json_end_object(json);
}

void perf_json_footer(struct json_writer *json, const struct perf_totals *totals, bool failed)
{
    json_end_array(json);
    json_begin_object(json, "out_of_bounds");
    json_unsigned(json, "count", totals->wrong);
    json_boolean(json, "okay", totals->wrong == 0);
    json_end_object(json);
    json_begin_object(json, "average_bus_bandwidth");
    json_real(json, "bandwidth", perf_mean_bandwidth(totals));
    if (totals->least_bandwidth < 0.0) {
        json_text(json, "okay", "unchecked");
    } else {
        json_boolean(json, "okay", perf_bandwidth_suffices(totals));
    }
    json_begin_array(json, "formats");
    for (size_t i = 0; i < totals->format_count; i++) {
        const struct perf_bandwidth *const format = &totals->formats[i];
        json_begin_object(json, NULL);
        json_text(json, "format", format->format);
        json_real(json, "bandwidth",
                  format->count == 0 ? 0.0 : format->sum / (double)format->count);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
    json_boolean(json, "ranks_differ", totals->different != 0);
    json_boolean(json, "ended_early", failed);
    put_time(json, "end_time");
    json_end_object(json);
}
