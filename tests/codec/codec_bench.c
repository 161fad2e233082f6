// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The timing of check_codec: GB/s of bf16 elements, in or out, and the ratio to memcpy of the same
 * elements in the same run. Medians, since a shared machine's mean says little.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "all_formats.h"
#include "check_codec.h"
#include "test_data.h"

#define BENCH_ELEMS ((size_t)1 << 18)
#define BENCH_BYTES (2 * BENCH_ELEMS)
#define BENCH_RUNS  20

struct bench {
    flc_format format;
    uint8_t *elems, *out, *wire;
    size_t wire_bytes;
};

static void run_memcpy(const struct bench *b)
{
    memcpy(b->out, b->elems, BENCH_BYTES);
}

static void run_encode(const struct bench *b)
{
    (void)flc_encode(b->format, FLC_BFLOAT16, b->elems, BENCH_ELEMS, b->wire, b->wire_bytes, NULL);
}

static void run_decode(const struct bench *b)
{
    (void)flc_decode(b->format, FLC_BFLOAT16, b->wire, b->wire_bytes, b->out, BENCH_ELEMS);
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

/* Bytes of elements a nanosecond: GB/s. */
static double speed(const struct bench *b, void (*run)(const struct bench *))
{
    int64_t times[BENCH_RUNS];
    run(b); /* pages in, caches warm */
    for (int i = 0; i < BENCH_RUNS; i++) {
        const int64_t start = now_ns();
        run(b);
        times[i] = now_ns() - start;
    }
    qsort(times, BENCH_RUNS, sizeof times[0], compare_times);
    return (double)BENCH_BYTES / (double)(times[BENCH_RUNS / 2] > 0 ? times[BENCH_RUNS / 2] : 1);
}

static void bench_format(struct bench *b)
{
    char text[FLC_FORMAT_TEXT_BYTES] = "";
    double copied, encoded, decoded;
    (void)flc_format_print(b->format, text, sizeof text);
    (void)flc_format_wire_bytes(b->format, FLC_BFLOAT16, BENCH_ELEMS, &b->wire_bytes);
    copied = speed(b, run_memcpy);
    encoded = speed(b, run_encode);
    decoded = speed(b, run_decode);
    (void)printf("%-24s %9.3f %9.4f %9.3f %9.4f\n", text, encoded, encoded / copied, decoded,
                 decoded / copied);
}

void codec_bench(const struct flci_codec_row *row)
{
    struct bench b = {
        .elems = malloc(BENCH_BYTES), .out = malloc(BENCH_BYTES), .wire = malloc(2 * BENCH_BYTES)};
    if (b.elems == NULL || b.out == NULL || b.wire == NULL) {
        (void)fprintf(stderr, "out of memory\n");
        exit(EXIT_FAILURE);
    }
    codec_case_use_row(row);
    test_fill_elems(FLC_BFLOAT16, b.elems, BENCH_ELEMS, TEST_GAUSSIAN, 1);
    (void)printf("row %s, %zu bf16 elements, median of %d\n%-24s %9s %9s %9s %9s\n", row->name,
                 BENCH_ELEMS, BENCH_RUNS, "format", "encode", "/ memcpy", "decode", "/ memcpy");
    bench_format(&b); /* raw */
    for (int i = 0; i < ALL_FORMATS; i++) {
        b.format = all_formats_at(i);
        if (b.format.group == 128) {
            bench_format(&b);
        }
    }
    free(b.elems);
    free(b.out);
    free(b.wire);
}
