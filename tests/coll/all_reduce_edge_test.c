// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What all_reduce promises beyond its values: NaN, infinities and signed zeros; results that do not
 * depend on the workspace, on the caller's floating-point mode or (FLC_INVARIANT) on the place in
 * the buffer; sums in rank order.
 */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#    include <xmmintrin.h>
#endif

#include <cmocka.h>

#include "rank_threads.h"
#include "reduce_team.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define RANKS         3
#define BLOCKS        7

static const char *const algorithms[] = {"oneshot", "twostep"};
static const flc_type types[] = {FLC_FLOAT32, FLC_FLOAT16, FLC_BFLOAT16};

/* Inputs [RANKS][count] as elements, from one float32 array a rank. */
static void store_inputs(flc_type type, const float *x, size_t count, void **inputs)
{
    for (int rank = 0; rank < RANKS; rank++) {
        inputs[rank] = malloc(count * sizeof(float));
        assert_non_null(inputs[rank]);
        test_store(type, x + (size_t)rank * count, count, inputs[rank]);
    }
}

static void free_inputs(void **inputs)
{
    for (int rank = 0; rank < RANKS; rank++) {
        free(inputs[rank]);
    }
}

static uint32_t element_bits(flc_type type, const void *elems, size_t i)
{
    if (type == FLC_FLOAT32) {
        return ((const uint32_t *)elems)[i];
    }
    return ((const uint16_t *)elems)[i];
}

static uint32_t canonical_nan(flc_type type)
{
    return type == FLC_FLOAT32 ? 0x7fc00000u : type == FLC_FLOAT16 ? 0x7e00u : 0x7fc0u;
}

static void raw_keeps_signed_zeros_and_makes_nans_canonical(void **state)
{
    enum { COUNT = 6 };
    /* [rank][element]: all -0; -0 and +0; inf; inf - inf; one NaN; a finite sum. */
    static const float x[RANKS * COUNT] = {
        -0.0f, -0.0f, INFINITY, INFINITY,  1.0f, 1.0f, /* rank 0 */
        -0.0f, 0.0f,  2.0f,     -INFINITY, NAN,  2.0f, /* rank 1 */
        -0.0f, -0.0f, 3.0f,     1.0f,      2.0f, 3.0f, /* rank 2 */
    };
    struct reduce_team team;
    (void)state;
    reduce_team_create(&team, RANKS, 0);
    for (size_t k = 0; k < LENGTH(types) * LENGTH(algorithms) * 2; k++) {
        const struct reduce_case it = {.count = COUNT,
                                       .type = types[k % 3],
                                       .op = (flc_op)(k / 3 % 2),
                                       .format = "raw",
                                       .algorithm = algorithms[k / 6]};
        const uint32_t sign = it.type == FLC_FLOAT32 ? 0x80000000u : 0x8000u;
        float result[COUNT], y[COUNT];
        void *inputs[RANKS];
        store_inputs(it.type, x, COUNT, inputs);
        assert_int_equal(reduce_team_run_inputs(&team, &it, (const void *const *)inputs, result),
                         0);
        test_load(it.type, result, COUNT, y);
        assert_int_equal(element_bits(it.type, result, 0), sign);
        assert_int_equal(element_bits(it.type, result, 1), 0);
        assert_true(isinf(y[2]) && y[2] > 0);
        assert_int_equal(element_bits(it.type, result, 3), canonical_nan(it.type));
        assert_int_equal(element_bits(it.type, result, 4), canonical_nan(it.type));
        assert_true(y[5] == (it.op == FLC_AVG ? 2.0f : 6.0f));
        free_inputs(inputs);
    }
    reduce_team_destroy(&team);
}

/* NaN of any pattern, in the contribution that its owner adds exactly, and in the others. */
static void raw_sums_make_nans_canonical_whatever_the_contributions(void **state)
{
    enum { COUNT = 3 * FLC_BLOCK_ELEMS };
    static const char *const formats[] = {"raw", "int4/raw", "int2:g32:spike:compact/raw"};
    struct reduce_team team;
    (void)state;
    reduce_team_create(&team, RANKS, 0);
    for (size_t f = 0; f < LENGTH(formats) * LENGTH(types); f++) {
        const struct reduce_case it = {.count = COUNT,
                                       .type = types[f % 3],
                                       .format = formats[f / 3],
                                       .algorithm = "twostep",
                                       .data = TEST_NAN,
                                       .seed = f};
        assert_int_equal(reduce_team_run(&team, &it, 1), 0);
    }
    reduce_team_destroy(&team);
}

static void a_group_with_a_nan_is_canonical_nan_and_no_other_is_touched(void **state)
{
    enum { COUNT = 2 * FLC_BLOCK_ELEMS, GROUP = 32, HIT = 5000 };
    const uint32_t patterns[] = {0x7f800000u, 0xff800000u, 0x7fc12345u, 0xffc00000u, 0x7f900000u};
    float *x = calloc((size_t)RANKS * COUNT, sizeof *x);
    float *y = malloc(COUNT * sizeof *y);
    struct reduce_team team;
    (void)state;
    assert_non_null(x);
    assert_non_null(y);
    test_fill(x, (size_t)RANKS * COUNT, TEST_GAUSSIAN, 5);
    reduce_team_create(&team, RANKS, 0);
    for (size_t k = 0; k < LENGTH(patterns) * LENGTH(types) * LENGTH(algorithms); k++) {
        const struct reduce_case it = {.count = COUNT,
                                       .type = types[k % 3],
                                       .format = "int4:g32",
                                       .algorithm = algorithms[k / 3 % 2]};
        void *inputs[RANKS], *result = malloc(COUNT * sizeof(float));
        const size_t hit = (k % RANKS) * COUNT + HIT;
        const float kept = x[hit];
        memcpy(&x[hit], &patterns[k / 6], sizeof x[hit]);
        store_inputs(it.type, x, COUNT, inputs);
        x[hit] = kept;
        assert_int_equal(reduce_team_run_inputs(&team, &it, (const void *const *)inputs, result),
                         0);
        test_load(it.type, result, COUNT, y);
        for (size_t i = 0; i < COUNT; i++) {
            if (i / GROUP != HIT / GROUP) {
                assert_true(isfinite(y[i]));
            } else {
                assert_int_equal(element_bits(it.type, result, i), canonical_nan(it.type));
            }
        }
        free_inputs(inputs);
        free(result);
    }
    reduce_team_destroy(&team);
    free(x);
    free(y);
}

/* Buffers of BLOCKS blocks; `order` says which block of `x` comes where. */
static void store_permuted(const float *x, const size_t *order, void **inputs)
{
    const size_t count = (size_t)BLOCKS * FLC_BLOCK_ELEMS;
    for (int rank = 0; rank < RANKS; rank++) {
        float *input = malloc(count * sizeof *input);
        assert_non_null(input);
        for (size_t b = 0; b < BLOCKS; b++) {
            memcpy(input + b * FLC_BLOCK_ELEMS,
                   x + (size_t)rank * count + order[b] * FLC_BLOCK_ELEMS,
                   FLC_BLOCK_ELEMS * sizeof *input);
        }
        inputs[rank] = input;
    }
}

/* Whether a permutation of the blocks of all inputs permutes the result and nothing else. */
static int is_place_free(struct reduce_team *team, const struct reduce_case *it, const float *x)
{
    static const size_t plain[BLOCKS] = {0, 1, 2, 3, 4, 5, 6};
    static const size_t turned[BLOCKS] = {4, 6, 1, 0, 5, 3, 2};
    const size_t block_bytes = FLC_BLOCK_ELEMS * sizeof(float);
    uint8_t *first = malloc(BLOCKS * block_bytes), *second = malloc(BLOCKS * block_bytes);
    void *inputs[RANKS];
    int same = 1;
    assert_non_null(first);
    assert_non_null(second);
    store_permuted(x, plain, inputs);
    assert_int_equal(reduce_team_run_inputs(team, it, (const void *const *)inputs, first), 0);
    free_inputs(inputs);
    store_permuted(x, turned, inputs);
    assert_int_equal(reduce_team_run_inputs(team, it, (const void *const *)inputs, second), 0);
    free_inputs(inputs);
    for (size_t b = 0; b < BLOCKS; b++) {
        same &= memcmp(second + b * block_bytes, first + turned[b] * block_bytes, block_bytes) == 0;
    }
    free(first);
    free(second);
    return same;
}

static void an_invariant_result_does_not_depend_on_its_place(void **state)
{
    static const char *const formats[] = {"int4", "int8/int4", "int2:g32:spike:compact"};
    const size_t count = (size_t)BLOCKS * FLC_BLOCK_ELEMS;
    float *x = malloc(RANKS * count * sizeof *x);
    struct reduce_team team;
    (void)state;
    assert_non_null(x);
    test_fill(x, RANKS * count, TEST_OUTLIERS, 9);
    reduce_team_create(&team, RANKS, 0);
    for (size_t f = 0; f < LENGTH(formats); f++) {
        struct reduce_case it = {.count = count, .format = formats[f], .algorithm = "twostep"};
        assert_false(is_place_free(&team, &it, x)); /* or the flag would not be needed */
        it.flags = FLC_INVARIANT;
        assert_true(is_place_free(&team, &it, x));
        it.algorithm = "oneshot";
        assert_true(is_place_free(&team, &it, x));
    }
    reduce_team_destroy(&team);
    free(x);
}

static void the_workspace_does_not_matter(void **state)
{
    static const size_t workspaces[] = {1, 200000, 333333, 1u << 20, 0};
    static const char *const formats[] = {"raw", "int4/int8", "int3:g16:spike", "int1/raw"};
    int failed = 0;
    (void)state;
    for (size_t w = 0; w < LENGTH(workspaces); w++) {
        struct reduce_case cases[LENGTH(formats) * LENGTH(algorithms)];
        struct reduce_team team;
        for (size_t k = 0; k < LENGTH(cases); k++) {
            cases[k] = (struct reduce_case){.count = 60000 + k,
                                            .type = types[k % 3],
                                            .format = formats[k % LENGTH(formats)],
                                            .algorithm = algorithms[k / LENGTH(formats)],
                                            .seed = k};
        }
        reduce_team_create(&team, 3, workspaces[w]);
        failed += reduce_team_run(&team, cases, LENGTH(cases));
        reduce_team_destroy(&team);
    }
    assert_int_equal(failed, 0);
}

static void sums_are_in_rank_order(void **state)
{
    /* Ones in float32 vanish beside 2^30; what is left tells the order. */
    static const float x[RANKS * 3] = {
        0x1p30f, 1.0f, 0x1p30f, -0x1p30f, 0x1p30f, 1.0f, 1.0f, -0x1p30f, -0x1p30f,
    };
    struct reduce_team team;
    (void)state;
    reduce_team_create(&team, RANKS, 0);
    for (size_t a = 0; a < LENGTH(algorithms); a++) {
        const struct reduce_case it = {.count = 3, .format = "raw", .algorithm = algorithms[a]};
        const void *inputs[RANKS] = {x, x + 3, x + 6};
        float result[3];
        assert_int_equal(reduce_team_run_inputs(&team, &it, inputs, result), 0);
        assert_true(result[0] == 1.0f && result[1] == 0.0f && result[2] == 0.0f);
    }
    reduce_team_destroy(&team);
}

/* ---- The caller's floating-point mode ---- */

enum { MODE_COUNT = 9000 };

struct mode_run {
    flc_comm *comms[RANKS];
    float x[RANKS][MODE_COUNT], y[RANKS][MODE_COUNT];
    int is_odd_mode;
    int kept_mode[RANKS];
    flc_status status[RANKS];
};

static void reduce_in_mode(int rank, void *context)
{
    struct mode_run *run = context;
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    config.reduce = config.gather = (flc_format){.bits = 4, .group = 32};
    if (run->is_odd_mode) {
        (void)fesetround(FE_UPWARD);
    }
#if defined(__x86_64__)
    if (run->is_odd_mode) {
        _mm_setcsr(_mm_getcsr() | 0x8040u); /* flush subnormal results and inputs */
    }
    const unsigned int before = _mm_getcsr() & ~0x3fu; /* not the exception flags */
#endif
    run->status[rank] = flc_all_reduce(run->comms[rank], run->x[rank], run->y[rank], MODE_COUNT,
                                       FLC_FLOAT32, FLC_AVG, &config);
    run->kept_mode[rank] = fegetround() == (run->is_odd_mode ? FE_UPWARD : FE_TONEAREST);
#if defined(__x86_64__)
    run->kept_mode[rank] &= before == (_mm_getcsr() & ~0x3fu);
#endif
}

static void the_callers_floating_point_mode_does_not_matter(void **state)
{
    struct mode_run *plain = calloc(1, sizeof *plain), *odd = calloc(1, sizeof *odd);
    (void)state;
    assert_non_null(plain);
    assert_non_null(odd);
    for (int rank = 0; rank < RANKS; rank++) {
        test_fill(plain->x[rank], MODE_COUNT / 2, TEST_DENORMAL, (uint64_t)rank);
        test_fill(plain->x[rank] + MODE_COUNT / 2, MODE_COUNT / 2, TEST_GAUSSIAN, (uint64_t)rank);
    }
    memcpy(odd->x, plain->x, sizeof odd->x);
    odd->is_odd_mode = 1;
    assert_int_equal(flc_comm_create_local(RANKS, NULL, plain->comms), FLC_OK);
    memcpy(odd->comms, plain->comms, sizeof odd->comms);
    rank_threads_run(RANKS, reduce_in_mode, plain);
    rank_threads_run(RANKS, reduce_in_mode, odd);
    for (int rank = 0; rank < RANKS; rank++) {
        assert_int_equal(plain->status[rank] | odd->status[rank], FLC_OK);
        assert_true(plain->kept_mode[rank] && odd->kept_mode[rank]);
        assert_memory_equal(plain->y[rank], odd->y[rank], sizeof odd->y[rank]);
        flc_comm_destroy(plain->comms[rank]);
    }
    free(plain);
    free(odd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_keeps_signed_zeros_and_makes_nans_canonical),
        cmocka_unit_test(raw_sums_make_nans_canonical_whatever_the_contributions),
        cmocka_unit_test(a_group_with_a_nan_is_canonical_nan_and_no_other_is_touched),
        cmocka_unit_test(an_invariant_result_does_not_depend_on_its_place),
        cmocka_unit_test(the_workspace_does_not_matter),
        cmocka_unit_test(sums_are_in_rank_order),
        cmocka_unit_test(the_callers_floating_point_mode_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
