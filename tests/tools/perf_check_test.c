// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How `flashcomm perf` sizes and checks each collective: right results pass, and every element
 * that is wrong is counted once.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "perf_check.h"

#define RANKS 3
#define ROUND 7

/* More than a piece, so that shares have something to share. */
#define SIZE_BYTES ((size_t)300000)

struct results {
    struct perf_data data;
    struct collective_point point;
    flc_coll_config config;
    float *elems[RANKS]; /* [recv_elems] */
};

/* Element `index` of what a rank sends. */
static float sent(const struct results *r, int rank, size_t index)
{
    float value;
    perf_data_fill(&r->data, rank, ROUND, index, 1, &value);
    return value;
}

static float sum(const struct results *r, size_t index)
{
    float value = sent(r, 0, index);
    for (int rank = 1; rank < RANKS; rank++) {
        value += sent(r, rank, index);
    }
    return value;
}

/* What the collective's definition says, element by element. */
static float expected(const struct results *r, int rank, size_t index)
{
    const char *const name = r->point.collective->name;
    const size_t count = r->point.count;
    const size_t mine = (size_t)rank * count;
    if (strcmp(name, "all_reduce") == 0) {
        return sum(r, index);
    }
    if (strcmp(name, "reduce_scatter") == 0) {
        return sum(r, mine + index);
    }
    if (strcmp(name, "all_gather") == 0) {
        return sent(r, (int)(index / count), index % count);
    }
    if (strcmp(name, "all_to_all") == 0) {
        return sent(r, (int)(index / count), mine + index % count);
    }
    assert_string_equal(name, "broadcast");
    return sent(r, r->point.root, index);
}

static void make(struct results *r, const char *name, int root)
{
    const struct collective *const collective = collective_find(name);
    assert_non_null(collective);
    r->config = (flc_coll_config)FLC_COLL_CONFIG_INIT;
    perf_data_init(&r->data, FLC_FLOAT32);
    collective_point_set(&r->point, collective, RANKS, SIZE_BYTES, FLC_FLOAT32);
    r->point.root = root;
    for (int rank = 0; rank < RANKS; rank++) {
        r->elems[rank] = malloc(r->point.recv_elems * sizeof(float));
        assert_non_null(r->elems[rank]);
        for (size_t i = 0; i < r->point.recv_elems; i++) {
            r->elems[rank][i] = expected(r, rank, i);
        }
    }
}

static void unmake(struct results *r)
{
    for (int rank = 0; rank < RANKS; rank++) {
        free(r->elems[rank]);
    }
}

/* By as many shares as there are ranks, as ranks do it. */
static struct flc_reduce_check checked(const struct results *r)
{
    const void *results[RANKS] = {r->elems[0], r->elems[1], r->elems[2]};
    const struct perf_check check = {.point = &r->point,
                                     .data = &r->data,
                                     .round = ROUND,
                                     .config = &r->config,
                                     .algorithm = "twostep",
                                     .results = results};
    struct flc_reduce_check sums = {0};
    for (int share = 0; share < RANKS; share++) {
        assert_int_equal(perf_check_share(&check, share, RANKS, &sums), 0);
    }
    return sums;
}

/* Elements that are checked: of results that must be equal, one stands for all. */
static size_t elements(const struct collective_point *point)
{
    switch (point->collective->equality) {
    case EQUAL_ALL_RANKS:
        return point->recv_elems;
    case EQUAL_BUT_ROOT:
        return 2 * point->recv_elems;
    default:
        return RANKS * point->recv_elems;
    }
}

static void right_results_pass(void **state)
{
    (void)state;
    const struct collective *collective;
    for (size_t i = 0; (collective = collective_at(i)) != NULL; i++) {
        for (int root = 0; root < (collective->has_root ? RANKS : 1); root++) {
            struct results r;
            make(&r, collective->name, root);
            const struct flc_reduce_check check = checked(&r);
            assert_int_equal(check.out_of_bound, 0);
            assert_int_equal(check.unchecked, 0);
            assert_int_equal(check.compared, elements(&r.point));
            assert_true(check.max_abs_error < 1e-6);
            unmake(&r);
        }
    }
}

static void wrong_elements_are_counted(void **state)
{
    (void)state;
    const struct collective *collective;
    for (size_t i = 0; (collective = collective_at(i)) != NULL; i++) {
        struct results r;
        make(&r, collective->name, 0);
        float *const elems = r.elems[0];
        elems[0] += 0.001f;
        elems[r.point.count / 2] = NAN;
        elems[r.point.recv_elems - 1] = INFINITY;
        const struct flc_reduce_check check = checked(&r);
        assert_int_equal(check.out_of_bound, 3);
        assert_true(fabs(check.max_abs_error - 0.001) < 1e-5);
        unmake(&r);
    }
}

static void bound_of_a_sum_is_that_of_its_formats(void **state)
{
    (void)state;
    static const char *const names[] = {"all_reduce", "reduce_scatter"};
    for (int i = 0; i < 2; i++) {
        struct results r;
        make(&r, names[i], 0);
        assert_int_equal(flc_format_parse("int8", &r.config.reduce), FLC_OK);
        r.elems[0][5] += 0.01f; /* half a step of each contribution is more */
        assert_int_equal(checked(&r).out_of_bound, 0);
        r.elems[0][5] += 0.5f;
        assert_int_equal(checked(&r).out_of_bound, 1);
        unmake(&r);
    }
}

/* Turn a part of a result into what decoding would give. */
static void code(const struct results *r, float *elems, size_t count)
{
    size_t bytes;
    assert_int_equal(flc_format_wire_bytes(r->config.gather, FLC_FLOAT32, count, &bytes), FLC_OK);
    void *const wire = malloc(bytes);
    assert_non_null(wire);
    assert_int_equal(flc_encode(r->config.gather, FLC_FLOAT32, elems, count, wire, bytes, NULL),
                     FLC_OK);
    assert_int_equal(flc_decode(r->config.gather, FLC_FLOAT32, wire, bytes, elems, count), FLC_OK);
    free(wire);
}

static void bound_of_a_copy_is_that_of_its_format(void **state)
{
    (void)state;
    static const char *const formats[] = {"int4", "int2:g32:spike:compact", "int4:g64:rot"};
    for (int i = 0; i < 3; i++) {
        struct results r;
        make(&r, "all_gather", 0);
        assert_int_equal(flc_format_parse(formats[i], &r.config.gather), FLC_OK);
        for (int source = 0; source < RANKS; source++) {
            code(&r, r.elems[0] + (size_t)source * r.point.count, r.point.count);
        }
        struct flc_reduce_check check = checked(&r);
        assert_int_equal(check.out_of_bound, 0);
        assert_true(check.sqnr_db > 8.0 && check.sqnr_db < 30.0);
        r.elems[0][r.point.count + 3] += 200.0f;
        assert_int_equal(checked(&r).out_of_bound, 1);
        unmake(&r);
    }
}

/* A rank's own chunk and the root's own data are not encoded, so any difference is wrong. */
static void own_parts_must_be_exact(void **state)
{
    (void)state;
    struct results r;
    make(&r, "all_to_all", 0);
    assert_int_equal(flc_format_parse("int8", &r.config.gather), FLC_OK);
    r.elems[1][2] += 1e-3f; /* from rank 0 */
    assert_int_equal(checked(&r).out_of_bound, 0);
    r.elems[1][r.point.count + 2] += 1e-3f; /* from itself */
    assert_int_equal(checked(&r).out_of_bound, 1);
    unmake(&r);

    make(&r, "broadcast", 1);
    assert_int_equal(flc_format_parse("int8", &r.config.gather), FLC_OK);
    r.elems[0][2] += 1e-3f;
    assert_int_equal(checked(&r).out_of_bound, 0);
    r.elems[1][2] += 1e-3f;
    assert_int_equal(checked(&r).out_of_bound, 1);
    unmake(&r);
}

/* Of a raw copy a bit that differs is wrong, also where the element is no number. */
static void raw_copies_must_keep_every_bit(void **state)
{
    (void)state;
    const float sent_elems[4] = {INFINITY, NAN, 1.0f, -0.0f};
    float elems[4];
    struct flc_reduce_check check;
    memcpy(elems, sent_elems, sizeof elems);
    assert_int_equal(flc_copy_check(sent_elems, 4, FLC_FLOAT32, (flc_format){0}, elems, &check), 0);
    assert_int_equal(check.out_of_bound, 0);
    assert_int_equal(check.unchecked, 0);
    assert_int_equal(check.elements, 4);
    elems[0] = -INFINITY;
    elems[1] = -elems[1];
    elems[3] = 0.0f;
    assert_int_equal(flc_copy_check(sent_elems, 4, FLC_FLOAT32, (flc_format){0}, elems, &check), 0);
    assert_int_equal(check.out_of_bound, 3);
    assert_true(check.max_abs_error == 0.0);
}

static void assert_point(const char *name, flc_type type, size_t count, size_t send, size_t recv)
{
    struct collective_point point;
    collective_point_set(&point, collective_find(name), RANKS, 1000, type);
    assert_int_equal(point.count, count);
    assert_int_equal(point.send_elems, send);
    assert_int_equal(point.recv_elems, recv);
    assert_int_equal(point.bytes, (send > recv ? send : recv) * flc_type_bytes(type));
}

/* A share of 1000 bytes for 3 ranks is 333 bytes, and 320 as a multiple of 16. */
static void sizes_are_those_of_nccl_tests(void **state)
{
    (void)state;
    assert_point("all_reduce", FLC_FLOAT32, 250, 250, 250);
    assert_point("broadcast", FLC_BFLOAT16, 500, 500, 500);
    assert_point("reduce_scatter", FLC_FLOAT32, 80, 240, 80);
    assert_point("all_gather", FLC_FLOAT32, 80, 80, 240);
    assert_point("all_to_all", FLC_BFLOAT16, 160, 480, 480);
}

static void data_are_gaussian_and_differ(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    static struct perf_data data;
    static float whole[COUNT], parts[COUNT], other[COUNT];
    double mean = 0.0, square = 0.0;
    perf_data_init(&data, FLC_FLOAT32);
    perf_data_fill(&data, 1, 0, 0, COUNT, whole);
    for (size_t at = 0; at < COUNT; at += 7) {
        perf_data_fill(&data, 1, 0, at, COUNT - at < 7 ? COUNT - at : 7, parts + at);
    }
    assert_memory_equal(whole, parts, sizeof whole);
    for (int i = 0; i < 2; i++) { /* another rank, another round */
        size_t same = 0;
        perf_data_fill(&data, i, i, 0, COUNT, other);
        for (size_t k = 0; k < COUNT; k++) {
            same += whole[k] == other[k] ? 1 : 0;
        }
        assert_true(same < 20);
    }
    for (size_t k = 0; k < COUNT; k++) {
        mean += (double)whole[k] / COUNT;
        square += (double)whole[k] * (double)whole[k] / COUNT;
    }
    assert_true(fabs(mean) < 0.02);
    assert_true(fabs(square - 1.0) < 0.03);
}

/* What several threads find of results of elements from another than the first on. */
static struct flc_reduce_check checked_by_threads(const struct results *r, size_t first)
{
    const void *results[RANKS] = {r->elems[0], r->elems[1], r->elems[2]};
    const struct perf_check check = {.point = &r->point,
                                     .data = &r->data,
                                     .round = ROUND,
                                     .first = first,
                                     .config = &r->config,
                                     .algorithm = "twostep",
                                     .results = results};
    struct flc_reduce_check sums = {0};
    for (int share = 0; share < RANKS; share++) {
        assert_int_equal(perf_check_threads(&check, share, RANKS, 4, &sums), 0);
    }
    return sums;
}

static void threads_share_and_data_can_begin_later(void **state)
{
    (void)state;
    const size_t first = 57;
    struct results r;
    make(&r, "all_reduce", 0);
    for (size_t i = 0; i < r.point.count; i++) {
        r.elems[0][i] = sum(&r, first + i);
    }
    r.elems[0][0] += 1.0f;
    r.elems[0][r.point.count / 2] += 1.0f;
    r.elems[0][r.point.count - 1] += 1.0f;
    const struct flc_reduce_check found = checked_by_threads(&r, first);
    assert_int_equal(found.elements, r.point.count);
    assert_int_equal(found.out_of_bound, 3);
    assert_true(checked_by_threads(&r, 0).out_of_bound > r.point.count / 2);
    unmake(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_results_pass),
        cmocka_unit_test(wrong_elements_are_counted),
        cmocka_unit_test(bound_of_a_sum_is_that_of_its_formats),
        cmocka_unit_test(bound_of_a_copy_is_that_of_its_format),
        cmocka_unit_test(own_parts_must_be_exact),
        cmocka_unit_test(raw_copies_must_keep_every_bit),
        cmocka_unit_test(sizes_are_those_of_nccl_tests),
        cmocka_unit_test(data_are_gaussian_and_differ),
        cmocka_unit_test(threads_share_and_data_can_begin_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
