// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * `flashcomm error`: what each format does to a tensor of the user's own, without any ranks.
 * Every element is encoded and decoded once; the error is taken in double.
 */
#include <argp.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "command.h"
#include "elem_convert.h"
#include "flashcomm/flashcomm.h"
#include "json_writer.h"
#include "tensor.h"
#include "tool_failure.h"

/* From nearly lossless to the fewest bits that real tensors survive. */
static const char default_formats[] =
    "int8,int6,int5,int4,int4:spike,int3:spike,int2:g32:spike:compact";

struct error_options {
    const char *file;
    const char *tensor;
    struct format_list formats;
    bool has_type;
    flc_type type;
    bool json;
};

struct format_error {
    double wire_bits; /* NaN without elements */
    double sqnr_db;
    double max_abs_error;
    uint64_t nonfinite_groups;
};

enum { OPTION_FORMAT = 256, OPTION_DTYPE, OPTION_TENSOR, OPTION_JSON };

static const struct argp_option options[] = {
    {"format", OPTION_FORMAT, "F[,F...]", 0, "Formats, such as int4 or int2:g32:spike:compact", 0},
    {"dtype", OPTION_DTYPE, "TYPE", 0, "Convert to fp32, fp16 or bf16 first", 0},
    {"tensor", OPTION_TENSOR, "NAME", 0, "Tensor of a .safetensors file", 0},
    {"json", OPTION_JSON, NULL, 0, "Print one JSON object", 0},
    {0},
};

static void parse_formats(const struct argp_state *state, const char *text,
                          struct format_list *formats)
{
    struct failure failure;
    format_list_free(formats);
    if (format_list_parse(text, PAIRS_REFUSED, formats, &failure) != 0) {
        argp_error(state, "%s", failure.text);
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct error_options *const o = state->input;
    switch (key) {
    case OPTION_FORMAT:
        parse_formats(state, arg, &o->formats);
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
        if (o->file == NULL) {
            argp_error(state, "a file is missing");
        }
        if (o->formats.count == 0) {
            parse_formats(state, default_formats, &o->formats);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Elements that are finite on both sides count; no error at all gives an infinite SQNR, none
   to compare a NaN. */
static void compare(const struct tensor *tensor, const void *decoded, struct format_error *result)
{
    double signal = 0.0;
    double noise = 0.0;
    double largest = 0.0;
    size_t compared = 0;
    for (size_t i = 0; i < tensor->count; i++) {
        const double x = elem_value(tensor->type, tensor->data, i);
        const double y = elem_value(tensor->type, decoded, i);
        if (!isfinite(x) || !isfinite(y)) {
            continue;
        }
        compared++;
        signal += x * x;
        noise += (y - x) * (y - x);
        largest = fmax(largest, fabs(y - x));
    }
    result->sqnr_db = compared == 0  ? (double)NAN
                      : noise == 0.0 ? (double)INFINITY
                                     : 10.0 * log10(signal / noise);
    result->max_abs_error = largest;
}

static int measure(const struct tensor *tensor, flc_format format, struct format_error *result,
                   struct failure *failure)
{
    size_t wire_bytes = 0;
    if (flc_format_wire_bytes(format, tensor->type, tensor->count, &wire_bytes) != FLC_OK) {
        return failure_set(failure, "%s", flc_last_error(NULL));
    }
    const size_t elem_bytes = tensor->count * flc_type_bytes(tensor->type);
    void *const wire = malloc(wire_bytes == 0 ? 1 : wire_bytes);
    void *const decoded = malloc(elem_bytes == 0 ? 1 : elem_bytes);
    flc_stats stats = {0, 0};
    int status = 0;
    if (wire == NULL || decoded == NULL) {
        status = failure_set(failure, "out of memory: %zu and %zu bytes", wire_bytes, elem_bytes);
    } else if (flc_encode(format, tensor->type, tensor->data, tensor->count, wire, wire_bytes,
                          &stats) != FLC_OK ||
               flc_decode(format, tensor->type, wire, wire_bytes, decoded, tensor->count) !=
                   FLC_OK) {
        status = failure_set(failure, "%s", flc_last_error(NULL));
    }
    if (status == 0) {
        compare(tensor, decoded, result);
        result->wire_bits =
            tensor->count == 0 ? (double)NAN : 8.0 * (double)wire_bytes / (double)tensor->count;
        result->nonfinite_groups = stats.nonfinite_groups;
    }
    free(wire);
    free(decoded);
    return status;
}

static void print_json(const struct error_options *o, const struct tensor *tensor,
                       const struct format_error *results)
{
    struct json_writer json;
    json_start(&json, stdout);
    json_begin_object(&json, NULL);
    json_text(&json, "file", o->file);
    json_unsigned(&json, "count", tensor->count);
    json_text(&json, "dtype", flc_type_name(tensor->type));
    json_begin_array(&json, "results");
    for (size_t i = 0; i < o->formats.count; i++) {
        json_begin_object(&json, NULL);
        json_text(&json, "format", o->formats.items[i].text);
        json_real(&json, "wire_bits", results[i].wire_bits);
        json_real(&json, "sqnr_db", results[i].sqnr_db);
        json_real(&json, "max_abs_error", results[i].max_abs_error);
        json_unsigned(&json, "nonfinite_groups", results[i].nonfinite_groups);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
}

static void print_table(const struct error_options *o, const struct tensor *tensor,
                        const struct format_error *results)
{
    const int width = format_list_width(&o->formats);
    char shape[TENSOR_SHAPE_TEXT_BYTES];
    (void)printf("%s  shape %s  dtype %s\n", o->file,
                 tensor_shape_text(tensor->dims, tensor->shape, shape),
                 flc_type_name(tensor->type));
    (void)printf("%-*s  %9s  %8s  %11s  %16s\n", width, "format", "wire bits", "SQNR dB",
                 "max error", "nonfinite groups");
    for (size_t i = 0; i < o->formats.count; i++) {
        (void)printf("%-*s  %9.3f  %8.2f  %11.4g  %16llu\n", width, o->formats.items[i].text,
                     results[i].wire_bits, results[i].sqnr_db, results[i].max_abs_error,
                     (unsigned long long)results[i].nonfinite_groups);
    }
}

static int measure_all(const struct error_options *o, const struct tensor *tensor)
{
    struct failure failure;
    struct format_error *const results = calloc(o->formats.count, sizeof *results);
    if (results == NULL) {
        (void)fprintf(stderr, "flashcomm error: out of memory\n");
        return EXIT_FAILED;
    }
    int status = EXIT_OK;
    for (size_t i = 0; i < o->formats.count && status == EXIT_OK; i++) {
        if (measure(tensor, o->formats.items[i].reduce, &results[i], &failure) != 0) {
            (void)fprintf(stderr, "flashcomm error: format '%s': %s\n", o->formats.items[i].text,
                          failure.text);
            status = EXIT_FAILED;
        }
    }
    if (status == EXIT_OK && o->json) {
        print_json(o, tensor, results);
    } else if (status == EXIT_OK) {
        print_table(o, tensor, results);
    }
    free(results);
    return status;
}

int cmd_error(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "FILE",
        .doc = "Encode and decode the tensor of a .npy or .safetensors file and print the error "
               "of each format.",
    };
    struct error_options o = {.file = NULL};
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0) {
        return EXIT_USAGE;
    }
    struct failure failure;
    struct tensor tensor;
    int status = EXIT_USAGE;
    if (tensor_load(o.file, o.tensor, &tensor, &failure) != 0) {
        (void)fprintf(stderr, "flashcomm error: %s\n", failure.text);
    } else {
        if (o.has_type && tensor_convert(&tensor, o.type, &failure) != 0) {
            (void)fprintf(stderr, "flashcomm error: %s\n", failure.text);
            status = EXIT_FAILED;
        } else {
            status = measure_all(&o, &tensor);
        }
        tensor_free(&tensor);
    }
    format_list_free(&o.formats);
    return status;
}
