// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Inputs for tests: a seeded generator, and arrays of named kinds from plain to hostile.
 *
 * Equal seeds give equal arrays, so that a failure can be replayed. The conversion to elements is
 * written here on its own: a test of the library must not rest on the library's.
 */
#ifndef TEST_DATA_H
#define TEST_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/codec.h"

enum test_data {
    TEST_GAUSSIAN = 0,
    TEST_OUTLIERS, /* gaussian, 0.3 % of the values x 30 */
    TEST_CONSTANT,
    TEST_RAMP,
    TEST_ZEROS,    /* +0 and -0, mixed */
    TEST_DENORMAL, /* subnormals of the type, both signs */
    TEST_TINY,     /* around the smallest normal number */
    TEST_HUGE,     /* up to the type's largest number, both signs */
    TEST_MIXED,    /* magnitudes from 2^-60 to 2^60 side by side */
    TEST_SPIKE,    /* small, but for one large value */
    TEST_NAN,      /* gaussian with a few NaN of several patterns */
    TEST_INF,      /* gaussian with a few infinities of both signs */
    TEST_DATA_KINDS
};

/* "gaussian", "outliers", ... */
const char *test_data_name(enum test_data kind);

/* splitmix64; any state is a fine seed. */
uint64_t test_random(uint64_t *state);
/* 0 to limit - 1; limit > 0. */
size_t test_random_below(uint64_t *state, size_t limit);
/* [0, 1) */
double test_uniform(uint64_t *state);
/* Mean 0, standard deviation 1. */
double test_gaussian(uint64_t *state);

void test_fill(float *x, size_t n, enum test_data kind, uint64_t seed);

/*
 * x [n] to elements of `type`: nearest even, but a finite value stays finite: it becomes the
 * type's largest at most. NaN keeps its sign and upper payload bits, and stays NaN.
 */
void test_store(flc_type type, const float *x, size_t n, void *elems);

/* Elements of `type` to float32: exact; NaN keeps sign and payload. */
void test_load(flc_type type, const void *elems, size_t n, float *x);

/*
 * test_fill and test_store into elems [n], with denormal, tiny and huge moved to where they are so
 * for `type`. Allocates; ends the program where memory is out.
 */
void test_fill_elems(flc_type type, void *elems, size_t n, enum test_data kind, uint64_t seed);

#endif
