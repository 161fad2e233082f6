// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The timing of check_codec: GB/s of elements, in or out, and the ratio to memcpy of the same
 * elements.
 *
 * memcpy, encode and decode take turns, so that a machine that slows down for a while slows all
 * three. Medians, since a shared machine's mean says little. One size fits the caches, one does
 * not: collectives meet both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "all_formats.h"
#include "check_codec.h"
#include "flashcomm/flashcomm.h"
#include "test_data.h"

#define BENCH_RUNS 20

struct bench {
    flc_format format;
    flc_type type;
    size_t count, bytes, wire_bytes;
    uint8_t *elems, *out, *wire;
    double lowest[2]; /* ratio to memcpy of any format but raw: encode, decode */
    char lowest_format[2][FLC_FORMAT_TEXT_BYTES];
    int is_broken;
};

/* ---- One format ---- */

static void run_memcpy(struct bench *b)
{
    memcpy(b->out, b->elems, b->bytes);
}

static void run_encode(struct bench *b)
{
    b->is_broken |=
        flc_encode(b->format, b->type, b->elems, b->count, b->wire, b->wire_bytes, NULL) != FLC_OK;
}

static void run_decode(struct bench *b)
{
    b->is_broken |=
        flc_decode(b->format, b->type, b->wire, b->wire_bytes, b->out, b->count) != FLC_OK;
}

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Of an even number of times: the mean of the two in the middle. */
static double median_ns(int64_t times[BENCH_RUNS])
{
    double sum;
    qsort(times, BENCH_RUNS, sizeof times[0], compare_times);
    sum = (double)times[BENCH_RUNS / 2 - 1] + (double)times[BENCH_RUNS / 2];
    return sum > 0.0 ? sum / 2.0 : 1.0;
}

static void bench_format(struct bench *b)
{
    static void (*const steps[3])(struct bench *) = {run_memcpy, run_encode, run_decode};
    int64_t times[3][BENCH_RUNS];
    double speed[3], ratio[2]; /* bytes a nanosecond: GB/s */
    char text[FLC_FORMAT_TEXT_BYTES] = "";
    (void)flc_format_print(b->format, text, sizeof text);
    (void)flc_format_wire_bytes(b->format, b->type, b->count, &b->wire_bytes);
    for (int run = -1; run < BENCH_RUNS; run++) { /* the first brings in pages and warms caches */
        for (int step = 0; step < 3; step++) {
            const int64_t start = now_ns();
            steps[step](b);
            times[step][run < 0 ? 0 : run] = now_ns() - start;
        }
    }
    for (int step = 0; step < 3; step++) {
        speed[step] = (double)b->bytes / median_ns(times[step]);
    }
    for (int i = 0; i < 2; i++) {
        ratio[i] = speed[1 + i] / speed[0];
        if (b->format.bits != 0 && (b->lowest[i] == 0.0 || ratio[i] < b->lowest[i])) {
            b->lowest[i] = ratio[i];
            (void)snprintf(b->lowest_format[i], sizeof text, "%s", text);
        }
    }
    (void)printf("%-24s %7.2f %8.2f %8.3f %8.2f %8.3f\n", text, speed[0], speed[1], ratio[0],
                 speed[2], ratio[1]);
    (void)fflush(stdout); /* a long table is watched */
}

/* ---- Lists of formats ---- */

static void bench_text(struct bench *b, const char *text)
{
    if (flc_format_parse(text, &b->format) == FLC_OK) {
        bench_format(b);
    }
}

static void bench_presets(struct bench *b)
{
    for (size_t i = 0; flc_preset_at(i, NULL, &b->format, NULL) == FLC_OK; i++) {
        bench_format(b);
    }
}

static void bench_default(struct bench *b)
{
    static const char *const variants[] = {
        "",         ":g32",       ":g64",     ":sym",         ":g32:sym",
        ":spike",   ":g32:spike", ":compact", ":g32:compact", ":g32:spike:compact",
        ":g32:rot", ":rot",
    };
    bench_text(b, "raw");
    bench_presets(b);
    for (int bits = 8; bits >= 1; bits--) {
        for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
            char text[FLC_FORMAT_TEXT_BYTES];
            (void)snprintf(text, sizeof text, "int%d%s", bits, variants[i]);
            bench_text(b, text);
        }
    }
}

static void bench_all(struct bench *b)
{
    for (int i = 0; i < ALL_FORMATS; i++) {
        b->format = all_formats_at(i);
        if (b->format.group >= 32) {
            bench_format(b);
        }
    }
}

/* The next name of a list, cut to FLC_FORMAT_TEXT_BYTES; NULL at the end. */
static const char *next_name(const char *list, char name[FLC_FORMAT_TEXT_BYTES])
{
    const size_t length = strcspn(list, ",");
    (void)snprintf(name, FLC_FORMAT_TEXT_BYTES, "%.*s", (int)(length < 256 ? length : 256), list);
    return list[length] == ',' ? list + length + 1 : NULL;
}

int codec_bench_check_formats(const char *list)
{
    char name[FLC_FORMAT_TEXT_BYTES];
    flc_format format;
    while (list != NULL) {
        list = next_name(list, name);
        if (strcmp(name, "all") != 0 && flc_format_parse(name, &format) != FLC_OK) {
            (void)fprintf(stderr, "check_codec: --formats: %s\n", flc_last_error(NULL));
            return 0;
        }
    }
    return 1;
}

static void bench_list(struct bench *b, const char *list)
{
    char name[FLC_FORMAT_TEXT_BYTES];
    while (list != NULL) {
        list = next_name(list, name);
        if (strcmp(name, "all") == 0) {
            bench_all(b);
        } else {
            bench_text(b, name);
        }
    }
}

/* ---- One size ---- */

static void print_processor(void)
{
    char line[256], model[200] = "unknown processor";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "model name : %199[^\n]", model) == 1) {
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    (void)printf("%s\n", model);
}

/* Gaussian, a block at a time: the whole at once would take more memory than the timing. */
static void fill(struct bench *b)
{
    const size_t block = FLC_BLOCK_ELEMS * flc_type_bytes(b->type);
    for (size_t at = 0; at < b->bytes; at += block) {
        test_fill_elems(b->type, b->elems + at, FLC_BLOCK_ELEMS, TEST_GAUSSIAN, at);
    }
}

static void *allocate(size_t bytes)
{
    void *memory = aligned_alloc(4096, bytes);
    if (memory == NULL) {
        (void)fprintf(stderr, "check_codec: no memory for %zu bytes\n", bytes);
        exit(EXIT_FAILURE);
    }
    return memory;
}

static int bench_size(const struct flci_codec_row *row, const struct bench_options *options,
                      size_t bytes)
{
    struct bench b = {.type = options->type, .bytes = bytes};
    b.count = bytes / flc_type_bytes(b.type);
    b.elems = allocate(bytes);
    b.out = allocate(bytes);
    b.wire = allocate(bytes); /* raw is the longest */
    fill(&b);
    (void)printf("row %s, %zu KiB of %s, median of %d\n%-24s %7s %8s %8s %8s %8s\n", row->name,
                 bytes >> 10, flc_type_name(b.type), BENCH_RUNS, "GB/s of elements", "memcpy",
                 "encode", "/memcpy", "decode", "/memcpy");
    if (options->formats == NULL) {
        bench_default(&b);
    } else {
        bench_list(&b, options->formats);
    }
    for (int i = 0; i < 2 && b.lowest[i] > 0.0; i++) {
        (void)printf("slowest %s: %.3f of memcpy, %s\n", i == 0 ? "encode" : "decode", b.lowest[i],
                     b.lowest_format[i]);
    }
    free(b.elems);
    free(b.out);
    free(b.wire);
    if (b.is_broken) {
        (void)fprintf(stderr, "check_codec: flc_encode or flc_decode failed: %s\n",
                      flc_last_error(NULL));
    }
    return !b.is_broken;
}

int codec_bench(const struct flci_codec_row *row, const struct bench_options *options)
{
    static const size_t sizes[] = {(size_t)512 << 10, (size_t)64 << 20};
    int is_fine = 1;
    if (row != NULL) {
        if (!known_row_use(row).is_library) {
            (void)fprintf(stderr, "check_codec: row %s is not timed here\n", row->name);
            return 0;
        }
    }
    if (flci_codec_row_choose(&row) != FLC_OK) {
        (void)fprintf(stderr, "check_codec: %s\n", flc_last_error(NULL));
        return 0;
    }
    print_processor();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && options->bytes == 0; i++) {
        is_fine &= bench_size(row, options, sizes[i]);
    }
    return options->bytes == 0 ? is_fine : bench_size(row, options, options->bytes);
}
