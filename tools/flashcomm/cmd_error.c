// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * `flashcomm error`: what each format does to a tensor of the user's own, without any ranks, or
 * which format is the best for it. format_error.h measures, budget.h chooses.
 */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "budget.h"
#include "command.h"
#include "flashcomm/flashcomm.h"
#include "format_error.h"
#include "json_writer.h"
#include "tensor.h"
#include "tool_failure.h"

/* From nearly lossless to the fewest bits that real tensors survive; the presets follow. */
static const char default_formats[] =
    "int8,int6,int5,int4,int4:spike,int3:spike,int2:g32:spike:compact";

struct error_options {
    const char *file;
    const char *tensor;
    struct format_list formats; /* none with a budget: every one */
    struct budget budget;
    bool has_type;
    flc_type type;
    bool json;
};

/* What is printed: a row for each format, and with a budget the answer. */
struct report {
    const struct error_options *options;
    const struct tensor *tensor;
    const struct format_error *results;
    size_t count;
    const struct budget_answer *answer; /* NULL without a budget */
};

enum { OPTION_FORMAT = 256, OPTION_BUDGET, OPTION_DTYPE, OPTION_TENSOR, OPTION_JSON };

static const struct argp_option options[] = {
    {"format", OPTION_FORMAT, "F[,F...]", 0,
     "Formats, such as int4 or int2:g32:spike:compact, or presets", 0},
    {"budget", OPTION_BUDGET, "LIMIT", 0,
     "Name the format with the fewest wire bits for sqnr=25dB, or with the highest SQNR for "
     "bits=3.2, of those of --format or else of all",
     0},
    {"dtype", OPTION_DTYPE, "TYPE", 0, "Convert to fp32, fp16 or bf16 first", 0},
    {"tensor", OPTION_TENSOR, "NAME", 0, "Tensor of a .safetensors file", 0},
    {"json", OPTION_JSON, NULL, 0, "Print one JSON object", 0},
    {0},
};

static void parse_budget(const struct argp_state *state, const char *text, struct budget *budget)
{
    struct failure failure;
    if (budget->kind != BUDGET_NONE) {
        argp_error(state, "one --budget is allowed: '%s' is too many", text);
    }
    if (budget_parse(text, budget, &failure) != 0) {
        argp_error(state, "%s", failure.text);
    }
}

static void set_default_formats(const struct argp_state *state, struct error_options *o)
{
    char text[512];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", default_formats);
    const char *name;
    for (size_t i = 0; flc_preset_at(i, &name, NULL, NULL) == FLC_OK; i++) {
        if (used < sizeof text) {
            used += (size_t)snprintf(text + used, sizeof text - used, ",%s", name);
        }
    }
    argument_formats(state, text, PAIRS_REFUSED, &o->formats);
}

static void check_all(const struct argp_state *state, struct error_options *o)
{
    if (o->file == NULL) {
        argp_error(state, "a file is missing");
    }
    if (o->formats.count == 0 && o->budget.kind == BUDGET_NONE) {
        set_default_formats(state, o);
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct error_options *const o = state->input;
    switch (key) {
    case OPTION_FORMAT:
        argument_formats(state, arg, PAIRS_REFUSED, &o->formats);
        return 0;
    case OPTION_BUDGET:
        parse_budget(state, arg, &o->budget);
        return 0;
    case OPTION_DTYPE:
        o->type = argument_type(state, arg);
        o->has_type = true;
        return 0;
    case OPTION_TENSOR:
        o->tensor = arg;
        return 0;
    case OPTION_JSON:
        o->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (o->file != NULL) {
            argp_error(state, "one file is allowed: '%s' is too many", arg);
        }
        o->file = arg;
        return 0;
    case ARGP_KEY_END:
        check_all(state, o);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_json_answer(struct json_writer *json, const struct budget *budget,
                              const struct budget_answer *answer)
{
    json_unsigned(json, "sampled", answer->sampled);
    json_begin_object(json, "budget");
    json_real(json, budget->kind == BUDGET_SQNR ? "sqnr_db" : "wire_bits", budget->limit);
    json_end_object(json);
    json_text(json, "best", answer->met ? answer->results[answer->nearest].text : NULL);
}

static void print_json(const struct report *report)
{
    struct json_writer json;
    json_start(&json, stdout);
    json_begin_object(&json, NULL);
    json_text(&json, "file", report->options->file);
    json_unsigned(&json, "count", report->tensor->count);
    json_text(&json, "dtype", flc_type_name(report->tensor->type));
    if (report->answer != NULL) {
        print_json_answer(&json, &report->options->budget, report->answer);
    }
    json_begin_array(&json, "results");
    for (size_t i = 0; i < report->count; i++) {
        const struct format_error *const result = &report->results[i];
        json_begin_object(&json, NULL);
        json_text(&json, "format", result->text);
        json_real(&json, "wire_bits", result->wire_bits);
        json_real(&json, "sqnr_db", result->sqnr_db);
        json_real(&json, "max_abs_error", result->max_abs_error);
        json_unsigned(&json, "nonfinite_groups", result->nonfinite_groups);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
}

static void print_table(const struct report *report)
{
    const struct tensor *const tensor = report->tensor;
    const struct budget_answer *const answer = report->answer;
    size_t width = strlen("format");
    for (size_t i = 0; i < report->count; i++) {
        const size_t length = strlen(report->results[i].text);
        width = length > width ? length : width;
    }
    char shape[TENSOR_SHAPE_TEXT_BYTES];
    (void)printf("%s  shape %s  dtype %s", report->options->file,
                 tensor_shape_text(tensor->dims, tensor->shape, shape),
                 flc_type_name(tensor->type));
    if (answer != NULL && answer->sampled < tensor->count) {
        (void)printf("  sampled %zu elements", answer->sampled);
    }
    (void)printf("\n%-*s  %9s  %8s  %11s  %16s\n", (int)width, "format", "wire bits", "SQNR dB",
                 "max error", "nonfinite groups");
    for (size_t i = 0; i < report->count; i++) {
        const struct format_error *const result = &report->results[i];
        (void)printf("%-*s  %9.3f  %8.2f  %11.4g  %16llu\n", (int)width, result->text,
                     result->wire_bits, result->sqnr_db, result->max_abs_error,
                     (unsigned long long)result->nonfinite_groups);
    }
    if (answer != NULL && answer->met) {
        const struct format_error *const best = &answer->results[answer->nearest];
        (void)printf("best: %s (%.3f bits, %.2f dB)\n", best->text, best->wire_bits, best->sqnr_db);
    }
}

static void print_report(const struct report *report)
{
    if (report->options->json) {
        print_json(report);
    } else {
        print_table(report);
    }
}

/* 0, or -1 with a sentence, as for the functions below. */
static int measure_formats(const struct error_options *o, const struct tensor *tensor,
                           struct failure *failure)
{
    struct format_error *const results = calloc(o->formats.count, sizeof *results);
    if (results == NULL) {
        return failure_set(failure, "out of memory");
    }
    int status = 0;
    for (size_t i = 0; i < o->formats.count && status == 0; i++) {
        status = format_error_measure(tensor, &o->formats.items[i], &results[i], failure);
    }
    if (status == 0) {
        print_report(&(struct report){o, tensor, results, o->formats.count, NULL});
    }
    free(results);
    return status;
}

static int explain_no_answer(const struct error_options *o, const struct budget_answer *answer,
                             struct failure *failure)
{
    const struct budget *const budget = &o->budget;
    const struct format_error *const closest = &answer->results[answer->nearest];
    if (answer->count == 0) {
        return failure_set(failure, "no element of the tensor is finite: no format is the best");
    }
    if (budget->kind == BUDGET_SQNR) {
        return failure_set(
            failure, "none of %zu formats reaches %g dB: the closest is %s (%.3f bits, %.2f dB)",
            o->formats.count, budget->limit, closest->text, closest->wire_bits, closest->sqnr_db);
    }
    return failure_set(
        failure,
        "none of %zu formats takes %g bits or fewer: the closest is %s (%.3f bits, %.2f dB)",
        o->formats.count, budget->limit, closest->text, closest->wire_bits, closest->sqnr_db);
}

/* Also where no format meets the budget, those that come closest are printed. */
static int choose_format(struct error_options *o, const struct tensor *tensor,
                         struct failure *failure)
{
    if (o->formats.count == 0 && budget_every_format(&o->formats, failure) != 0) {
        return -1;
    }
    struct budget_answer answer;
    if (budget_search(&o->budget, tensor, &o->formats, &answer, failure) != 0) {
        return -1;
    }
    print_report(&(struct report){o, tensor, answer.results, answer.count, &answer});
    return answer.met ? 0 : explain_no_answer(o, &answer, failure);
}

static int run(struct error_options *o, struct tensor *tensor, struct failure *failure)
{
    if (o->has_type && tensor_convert(tensor, o->type, failure) != 0) {
        return -1;
    }
    return o->budget.kind == BUDGET_NONE ? measure_formats(o, tensor, failure)
                                         : choose_format(o, tensor, failure);
}

int cmd_error(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "FILE",
        .doc = "Encode and decode the tensor of a .npy or .safetensors file and print the error "
               "of each format, or the best format for a budget.",
    };
    struct error_options o = {.file = NULL};
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0) {
        return EXIT_USAGE;
    }
    struct failure failure;
    struct tensor tensor;
    int status = EXIT_USAGE;
    if (tensor_load(o.file, o.tensor, &tensor, &failure) == 0) {
        status = run(&o, &tensor, &failure) == 0 ? EXIT_OK : EXIT_FAILED;
        tensor_free(&tensor);
    }
    if (status != EXIT_OK) {
        (void)fprintf(stderr, "flashcomm error: %s\n", failure.text);
    }
    format_list_free(&o.formats);
    return status;
}
