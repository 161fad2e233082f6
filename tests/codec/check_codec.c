// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Hold every row of the codec to its promises and to the reference's bytes:
 *
 * The walk: rows x formats x types x counts x data. check_codec_options.c has the options. Each run
 * ends with the rows that were not tested, and why; where that is the one asked for, the exit
 * status is 77.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "all_formats.h"
#include "check_codec.h"
#include "check_codec_options.h"
#include "check_codec_rows.h"
#include "test_data.h"

/* Beyond the kinds of test_data.h: each group another kind, or any offset and magnitude. */
#define ZOO        TEST_DATA_KINDS
#define DATA_KINDS (TEST_DATA_KINDS + 1)

/* A broken row fails everywhere: the first few say enough. */
#define MOST_FAILURES 20

static const flc_format raw;

static size_t group_of(flc_format format)
{
    return format.bits == 0 ? 128 : format.group;
}

/* A group that lies away from 0, at any magnitude of the type: zeros and limits are tried there. */
static void fill_offset(flc_type type, uint8_t *elems, size_t n, uint64_t *random)
{
    const int lowest = type == FLC_FLOAT16 ? -24 : -149, most = type == FLC_FLOAT16 ? 15 : 127;
    const int exponent = most - (int)test_random_below(random, (size_t)(most - lowest));
    const double sign = (test_random(random) & 1) != 0 ? 1.0 : -1.0;
    const double end = ldexp(sign * (1.0 + test_uniform(random)), exponent);
    const double width = ldexp(1.0, -(int)test_random_below(random, 16));
    float x[256];
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)(end * (1.0 - width * test_uniform(random)));
    }
    if (width == 1.0) { /* from 0 to one side: 0 must stay a level */
        x[n - 1] = 0.0f;
    }
    test_store(type, x, n, elems);
}

static void fill_zoo(struct codec_case *c, flc_type type)
{
    const size_t group = group_of(c->format), size = flc_type_bytes(type);
    uint64_t random = c->number;
    for (size_t at = 0; at < c->count; at += group) {
        const size_t n = c->count - at < group ? c->count - at : group;
        const size_t kind = test_random_below(&random, 2 * TEST_DATA_KINDS);
        if (kind < TEST_DATA_KINDS) {
            test_fill_elems(type, c->elems + at * size, n, (enum test_data)kind,
                            test_random(&random));
        } else {
            fill_offset(type, c->elems + at * size, n, &random);
        }
    }
}

static void check_kind(struct codec_case *c, int kind)
{
    if (c->failures >= MOST_FAILURES) {
        return;
    }
    c->number++;
    if (c->number % c->sample != 0) {
        return;
    }
    c->checked++;
    if (kind == ZOO) {
        c->data_name = "zoo";
        fill_zoo(c, c->type);
    } else {
        c->data_name = test_data_name((enum test_data)kind);
        test_fill_elems(c->type, c->elems, c->count, (enum test_data)kind, c->number);
    }
    codec_case_check(c);
    if (c->format.bits != 0 && c->count - 1 < FLC_BLOCK_ELEMS) {
        c->data_name = "a float32 sum";
        if (kind == ZOO) {
            fill_zoo(c, FLC_FLOAT32);
            test_load(FLC_FLOAT32, c->elems, c->count, c->x);
        } else {
            test_fill(c->x, c->count, (enum test_data)kind, c->number);
        }
        codec_case_check_sum(c);
    }
}

static void check_types(struct codec_case *c, int first_kind, int kinds)
{
    if (c->format.bits != 0) {
        properties_mask_used(c->format, c->count, c->mask);
    }
    for (int type = 0; type < ALL_TYPES; type++) {
        c->type = (flc_type)type;
        for (int i = 0; i < kinds; i++) {
            check_kind(c, (first_kind + i + type) % DATA_KINDS);
        }
    }
}

/* What is made for whole blocks alone meets groups of all kinds, in all types. */
static void check_whole_block(struct codec_case *c)
{
    c->count = FLC_BLOCK_ELEMS;
    properties_mask_used(c->format, c->count, c->mask);
    for (int type = 0; type < ALL_TYPES; type++) {
        c->type = (flc_type)type;
        check_kind(c, ZOO);
    }
}

/* Small counts with all data; large ones, the second of several blocks, with two kinds each, other
   ones for each format. */
static void check_format(struct codec_case *c, flc_format format, int index)
{
    const size_t g = group_of(format);
    const size_t small[] = {0, 1, 2, 7, g - 1, g, g + 1, 3 * g + 5};
    const size_t large[] = {4095, 4096, 4097, 4096 + 1009, CASE_MOST_ELEMS};
    c->format = format;
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        c->count = small[i];
        check_types(c, 0, DATA_KINDS);
    }
    c->count = large[index % 5];
    check_types(c, index, 1);
    c->number++;
    c->count = large[2 + (index / 5 + index) % 3];
    check_types(c, ZOO - index % ALL_TYPES, 1); /* the zoo for one of the types */
    if (format.bits != 0) {
        check_whole_block(c);
    }
}

/* 1 if a claim failed. */
static unsigned check_row(struct codec_case *c, const struct flci_codec_row *row)
{
    char sampled[48] = "";
    c->row = row;
    c->number = c->checked = c->failures = 0;
    c->calls = known_row_use(row);
    check_format(c, raw, 0);
    for (int i = 0; i < ALL_FORMATS; i++) {
        check_format(c, all_formats_at(i), i);
    }
    if (c->sample > 1) {
        (void)snprintf(sampled, sizeof sampled, " (one in %u)", c->sample);
    }
    (void)printf("row %s: %u cases%s, %u failures\n", row->name, c->checked, sampled, c->failures);
    return c->failures != 0;
}

static void print_ratios(const struct tightness *seen)
{
    static const char *const families[3][2] = {
        {"asym wide", "asym compact"}, {"sym wide", "sym compact"}, {"", "rot"}};
    (void)printf("largest error / bound: fp32 fp16 bf16\n%-14s", "");
    for (int bits = 8; bits >= 1; bits--) {
        (void)printf(" %8s int%d  ", "", bits);
    }
    for (int family = 0; family < 6; family++) {
        if (families[family / 2][family % 2][0] == '\0') {
            continue;
        }
        (void)printf("\n%-14s", families[family / 2][family % 2]);
        for (int bits = 8; bits >= 1; bits--) {
            const double *r = seen->codes[bits][family / 2][family % 2];
            (void)printf(" %4.2f %4.2f %4.2f", r[0], r[1], r[2]);
        }
    }
    (void)printf("\n%-14s %4.2f %4.2f %4.2f\n", "spikes", seen->spikes[0], seen->spikes[1],
                 seen->spikes[2]);
}

/* The number of rows that failed. */
static unsigned check_rows(const struct options *options)
{
    static struct codec_case c;
    const struct flci_codec_row *row;
    unsigned failed = 0;
    c.sample = options->sample;
    c.elems_room = guarded_create(CASE_MOST_BYTES + 64);
    c.wire_room = guarded_create(CASE_MOST_BYTES + 64);
    for (size_t i = 0; (row = known_row_at(i)) != NULL; i++) {
        if (options->row == NULL || strcmp(row->name, options->row) == 0) {
            failed += check_row(&c, row);
        }
    }
    if (options->has_ratios) {
        print_ratios(&c.seen);
    }
    guarded_destroy(c.elems_room);
    guarded_destroy(c.wire_room);
    return failed;
}

int main(int argc, char **argv)
{
    const struct flci_codec_row *row = NULL;
    struct options options;
    unsigned failed;
    if (!options_read(argc, argv, &options)) {
        return 2;
    }
    if (options.is_list) {
        known_rows_print();
        return known_rows_check() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (options.row != NULL && (row = known_row_find(options.row)) == NULL) {
        (void)printf("row %s: %s, NOT TESTED\n", options.row, known_row_why_not(options.row));
        return 77;
    }
    if (options.is_bench) {
        return codec_bench(row, &options.bench) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    failed = check_rows(&options) + known_rows_check();
    known_rows_print_untested(options.row);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
