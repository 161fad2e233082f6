// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Usual accuracy, as a ratio of signal to noise: no format may lose a fraction of a decibel
 * unnoticed. The limits are what the formats reach, rounded down; the figures are printed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "flashcomm/codec.h"
#include "test_data.h"

#define ELEMS ((size_t)1 << 20)
#define SEEDS 3

static const struct {
    const char *format;
    enum test_data data;
    double least_db, most_bits; /* 0: any */
} cases[] = {
    {"int8", TEST_GAUSSIAN, 44.0, 0},
    {"int6", TEST_GAUSSIAN, 32.3, 0},
    {"int5", TEST_GAUSSIAN, 26.1, 0},
    {"int4", TEST_GAUSSIAN, 19.9, 0},
    {"int4:spike", TEST_GAUSSIAN, 21.2, 0},
    {"int4:spike", TEST_OUTLIERS, 24.5, 0},
    {"int2:g32:spike:compact", TEST_GAUSSIAN, 10.0, 3.9},
    {"safe", TEST_GAUSSIAN, 32.1, 6.2},
    {"balanced", TEST_GAUSSIAN, 26.1, 5.2},
    {"fast", TEST_GAUSSIAN, 20.9, 4.2},
    {"fast", TEST_OUTLIERS, 22.4, 4.2},
    {"low", TEST_GAUSSIAN, 15.8, 3.3},
    {"low", TEST_OUTLIERS, 18.0, 3.3},
    {"lowest", TEST_GAUSSIAN, 9.7, 2.3},
};

struct buffers {
    uint16_t *elems, *decoded;
    uint8_t *wire; /* room for 16 bits an element */
    float *x, *y;
};

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    assert_non_null(memory);
    return memory;
}

static double sqnr_db(const struct buffers *b)
{
    double signal = 0.0, noise = 0.0;
    test_load(FLC_BFLOAT16, b->elems, ELEMS, b->x);
    test_load(FLC_BFLOAT16, b->decoded, ELEMS, b->y);
    for (size_t i = 0; i < ELEMS; i++) {
        const double x = (double)b->x[i], error = (double)b->y[i] - x;
        signal += x * x;
        noise += error * error;
    }
    return 10.0 * log10(signal / noise);
}

static void check_case(size_t index, uint64_t seed, const struct buffers *b)
{
    flc_format format;
    size_t bytes = 0;
    double db, bits;
    assert_int_equal(flc_format_parse(cases[index].format, &format), FLC_OK);
    assert_int_equal(flc_format_wire_bytes(format, FLC_BFLOAT16, ELEMS, &bytes), FLC_OK);
    assert_true(bytes <= 2 * ELEMS);
    test_fill_elems(FLC_BFLOAT16, b->elems, ELEMS, cases[index].data, seed);
    assert_int_equal(flc_encode(format, FLC_BFLOAT16, b->elems, ELEMS, b->wire, bytes, NULL),
                     FLC_OK);
    assert_int_equal(flc_decode(format, FLC_BFLOAT16, b->wire, bytes, b->decoded, ELEMS), FLC_OK);
    db = sqnr_db(b);
    bits = 8.0 * (double)bytes / (double)ELEMS;
    print_message("%-24s %-9s seed %u: %6.3f bits, %7.3f dB (at least %.1f)\n", cases[index].format,
                  test_data_name(cases[index].data), (unsigned)seed, bits, db,
                  cases[index].least_db);
    assert_true(db >= cases[index].least_db);
    assert_true(cases[index].most_bits == 0.0 || bits <= cases[index].most_bits);
}

static void ratios_are_kept(void **state)
{
    const struct buffers b = {allocate(2 * ELEMS), allocate(2 * ELEMS), allocate(2 * ELEMS),
                              allocate(ELEMS * sizeof *b.x), allocate(ELEMS * sizeof *b.y)};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            check_case(i, seed, &b);
        }
    }
    free(b.elems);
    free(b.decoded);
    free(b.wire);
    free(b.x);
    free(b.y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ratios_are_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
