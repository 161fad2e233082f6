// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * format_study: the signal-to-noise ratio that candidates for wire formats (candidate.h) leave on a
 * dump of partial sums made by `tp_llama --dump`, as one JSON object.
 */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <failure.h>
#include <read_file.h>

#include "candidate.h"

#define EXIT_USAGE   2
#define HEADER_BYTES 128
#define PREFIX       "\x93NUMPY\x01\x00\x76\x00"
#define PREFIX_BYTES 10

struct study {
    size_t ranks, sites;
    const char *path;
    char **specs; /* [spec_count] */
    size_t spec_count;
};

/* Partial sums [slabs][slab_elems], a slab for each rank and site. */
struct dump {
    unsigned char *bytes; /* the file */
    const float *values;
    size_t slabs, slab_elems;
};

static double decibels(double signal, double noise)
{
    return 10.0 * log10(signal / noise);
}

/* Only headers that tp_llama would have written are read: write the header again and compare. */
static int parse_header(const struct study *study, size_t byte_count, struct dump *dump,
                        struct failure *failure)
{
    char header[HEADER_BYTES + 1], again[HEADER_BYTES + 1];
    size_t ranks = 0, rows = 0, dim = 0, elems = 0, bytes = 0;
    if (byte_count < HEADER_BYTES)
        return failure_set(failure, "%s: has %zu bytes, fewer than a header's %d", study->path,
                           byte_count, HEADER_BYTES);
    memcpy(header, dump->bytes, HEADER_BYTES);
    header[HEADER_BYTES] = '\0';
    const int fields = sscanf(header + PREFIX_BYTES,
                              "{'descr': '<f4', 'fortran_order': False, 'shape': (%9zu, %9zu, %9zu",
                              &ranks, &rows, &dim);
    memset(again, ' ', HEADER_BYTES);
    memcpy(again, PREFIX, PREFIX_BYTES);
    const int used = snprintf(
        again + PREFIX_BYTES, HEADER_BYTES - PREFIX_BYTES,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu, %zu), }", ranks, rows, dim);
    again[PREFIX_BYTES + used] = ' ';
    again[HEADER_BYTES - 1] = '\n';
    if (fields != 3 || memcmp(header, again, HEADER_BYTES) != 0)
        return failure_set(failure, "%s: is no dump of tp_llama: its header differs", study->path);
    if (ranks != study->ranks || rows == 0 || dim == 0 || rows % study->sites != 0)
        return failure_set(failure,
                           "%s: shape (%zu, %zu, %zu) does not suit --ranks %zu and --sites %zu; "
                           "allowed: its first dimension, and a divisor of its second",
                           study->path, ranks, rows, dim, study->ranks, study->sites);
    if (__builtin_mul_overflow(ranks * rows, dim, &elems) ||
        __builtin_mul_overflow(elems, sizeof(float), &bytes) || bytes != byte_count - HEADER_BYTES)
        return failure_set(failure, "%s: has %zu bytes, not what its header says", study->path,
                           byte_count);
    dump->values = (const float *)(const void *)(dump->bytes + HEADER_BYTES);
    dump->slabs = ranks * study->sites;
    dump->slab_elems = elems / dump->slabs;
    return 0;
}

static int read_dump(const struct study *study, struct dump *dump, struct failure *failure)
{
    size_t byte_count = 0;
    *dump = (struct dump){0};
    if (read_file(study->path, &dump->bytes, &byte_count, failure) != 0)
        return -1;
    int status = parse_header(study, byte_count, dump, failure);
    for (size_t i = 0; status == 0 && i < dump->slabs * dump->slab_elems; i++) {
        if (!isfinite(dump->values[i]))
            status = failure_set(failure, "%s: value %zu is not finite", study->path, i);
    }
    if (status != 0)
        free(dump->bytes);
    return status;
}

/* JSON has no infinity, which a candidate without an error would leave. */
static void print_decibels(const char *name, double value)
{
    if (isfinite(value))
        printf(", \"%s\": %.4f", name, value);
    else
        printf(", \"%s\": null", name);
}

static void judge(const struct dump *dump, const char *spec, float *copy)
{
    struct candidate candidate;
    double mean = 0.0, signals = 0.0, noises = 0.0;
    (void)candidate_parse(spec, &candidate); /* checked with the options */
    for (size_t slab = 0; slab < dump->slabs; slab++) {
        const float *values = dump->values + slab * dump->slab_elems;
        double signal = 0.0, noise = 0.0;
        memcpy(copy, values, dump->slab_elems * sizeof *copy);
        candidate_fake(&candidate, copy, dump->slab_elems);
        for (size_t i = 0; i < dump->slab_elems; i++) {
            const double difference = (double)copy[i] - values[i];
            signal += (double)values[i] * values[i];
            noise += difference * difference;
        }
        mean += decibels(signal, noise) / (double)dump->slabs;
        signals += signal;
        noises += noise;
    }
    printf("{\"spec\": \"%s\", \"wire_bits\": %.6f", spec, candidate_wire_bits(&candidate));
    print_decibels("sqnr_site_mean_db", mean);
    print_decibels("sqnr_total_db", decibels(signals, noises));
    printf("}");
}

/* The path is printed as it is, so it may hold nothing that JSON would have to escape. */
static void check_path(struct argp_state *state, const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\')
            argp_error(state,
                       "FILE.npy is '%s'; allowed: no quotes, backslashes, control characters",
                       path);
    }
}

static size_t parse_count(struct argp_state *state, const char *name, const char *text)
{
    char *end;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > 9999)
        argp_error(state, "--%s is '%s'; allowed: 1 to 9999", name, text);
    return (size_t)value;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct study *study = state->input;
    struct candidate candidate;
    const char *fault;
    switch (key) {
    case 'r':
        study->ranks = parse_count(state, "ranks", value);
        return 0;
    case 's':
        study->sites = parse_count(state, "sites", value);
        return 0;
    case ARGP_KEY_ARGS:
        study->path = state->argv[state->next];
        study->specs = state->argv + state->next + 1;
        study->spec_count = (size_t)(state->argc - state->next - 1);
        check_path(state, study->path);
        return 0;
    case ARGP_KEY_END:
        if (study->spec_count == 0 || study->ranks == 0 || study->sites == 0)
            argp_error(state, "--ranks, --sites, FILE.npy and at least one SPEC are needed");
        for (size_t i = 0; i < study->spec_count; i++) {
            fault = candidate_parse(study->specs[i], &candidate);
            if (fault != NULL)
                argp_error(state, "SPEC '%s' %s", study->specs[i], fault);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int run(const struct study *study, struct failure *failure)
{
    struct dump dump;
    if (read_dump(study, &dump, failure) != 0)
        return -1;
    float *copy = malloc(dump.slab_elems * sizeof *copy);
    if (copy == NULL) {
        free(dump.bytes);
        return failure_set(failure, "out of memory for %zu values", dump.slab_elems);
    }
    printf("{\"file\": \"%s\", \"results\": [", study->path);
    for (size_t i = 0; i < study->spec_count; i++) {
        printf(i == 0 ? "\n" : ",\n");
        judge(&dump, study->specs[i], copy);
        fflush(stdout);
    }
    printf("\n]}\n");
    free(copy);
    free(dump.bytes);
    if (fflush(stdout) != 0 || ferror(stdout))
        return failure_set(failure, "cannot write to standard output");
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"ranks", 'r', "R", 0, "Ranks of the dump", 0},
        {"sites", 's', "S", 0, "Sites of the dump: two a layer", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "FILE.npy SPEC...",
        .doc =
            "SQNR of candidates for wire formats on a dump of `tp_llama --dump`, of all values and "
            "the mean over ranks and sites, as JSON.\vSPEC is as int2:g64:turn64:gauss:rms; all "
            "options stand in candidate.h.",
    };
    struct study study = {0};
    struct failure failure;
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &study) != 0)
        return EXIT_USAGE;
    if (run(&study, &failure) == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "format_study: %s\n", failure.text);
    return EXIT_FAILURE;
}
