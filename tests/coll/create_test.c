// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Bad arguments of creations and collectives, and bad environments: each is refused with a sentence
 * that names the argument, its value and what is allowed, and harms nothing. Also what a
 * communicator tells of itself.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect_failure.h"
#include "rank_threads.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* Must stay in an output that a failing call was given. */
static flc_comm *const untouched = (flc_comm *)(uintptr_t)0x5a5a;

static int refuse_to_gather(void *context, const void *send, void *recv, size_t bytes)
{
    (void)context;
    (void)send;
    (void)recv;
    (void)bytes;
    return 41;
}

static int gather_alone(void *context, const void *send, void *recv, size_t bytes)
{
    (void)context;
    memcpy(recv, send, bytes);
    return 0;
}

/* ---- Creation ---- */

static void ranks_out_of_range_are_refused(void **state)
{
    static const struct {
        int rank, ranks;
        const char *value, *allowed;
    } bad[] = {
        {0, 0, "ranks is 0", "1 to 64"},   {0, 65, "ranks is 65", "1 to 64"},
        {0, -3, "ranks is -3", "1 to 64"}, {-1, 2, "rank is -1", "0 to 1"},
        {2, 2, "rank is 2", "0 to 1"},     {64, 64, "rank is 64", "0 to 63"},
    };
    const flc_bootstrap bootstrap = {.allgather = refuse_to_gather};
    flc_comm *comm = untouched;
    (void)state;
    for (size_t i = 0; i < LENGTH(bad); i++) {
        expect_failure(flc_comm_create_job("x", bad[i].rank, bad[i].ranks, NULL, &comm),
                       FLC_ERR_INVALID_ARG, bad[i].value, bad[i].allowed);
        expect_failure(flc_comm_create(&bootstrap, bad[i].rank, bad[i].ranks, NULL, &comm),
                       FLC_ERR_INVALID_ARG, bad[i].value, bad[i].allowed);
        if (bad[i].rank == 0) {
            expect_failure(flc_comm_create_local(bad[i].ranks, NULL, &comm), FLC_ERR_INVALID_ARG,
                           bad[i].value, bad[i].allowed);
        }
    }
    assert_ptr_equal(comm, untouched);
}

static void job_names_are_checked(void **state)
{
    static const char *const bad[] = {
        "",      "a/b",
        "a b",   "\xc3\xa9",
        "tab\t", "12345678901234567890123456789012345678901234567890123456789012345", /* 65 */
    };
    static const char *const good[] = {
        "a",
        "Az09._-",
        "1234567890123456789012345678901234567890123456789012345678901234",
    };
    flc_comm *comm = untouched;
    (void)state;
    for (size_t i = 0; i < LENGTH(bad); i++) {
        expect_failure(flc_comm_create_job(bad[i], 0, 1, NULL, &comm), FLC_ERR_INVALID_ARG,
                       "job is '", "1 to 64 characters");
        expect_sentence(flc_last_error(NULL), bad[i]);
    }
    expect_failure(flc_comm_create_job(NULL, 0, 1, NULL, &comm), FLC_ERR_INVALID_ARG, "job is NULL",
                   NULL);
    assert_ptr_equal(comm, untouched);
    for (size_t i = 0; i < LENGTH(good); i++) {
        assert_int_equal(flc_comm_create_job(good[i], 0, 1, NULL, &comm), FLC_OK);
        flc_comm_destroy(comm);
    }
}

static void null_arguments_of_creations_are_named(void **state)
{
    const flc_bootstrap empty = {0}, refusing = {.allgather = refuse_to_gather};
    flc_comm *comm = untouched;
    (void)state;
    expect_failure(flc_comm_create_local(2, NULL, NULL), FLC_ERR_INVALID_ARG, "comms is NULL",
                   NULL);
    expect_failure(flc_comm_create_job("x", 0, 1, NULL, NULL), FLC_ERR_INVALID_ARG, "comm is NULL",
                   NULL);
    expect_failure(flc_comm_create(&refusing, 0, 1, NULL, NULL), FLC_ERR_INVALID_ARG,
                   "comm is NULL", NULL);
    expect_failure(flc_comm_create(NULL, 0, 1, NULL, &comm), FLC_ERR_INVALID_ARG,
                   "bootstrap is NULL", NULL);
    expect_failure(flc_comm_create(&empty, 0, 1, NULL, &comm), FLC_ERR_INVALID_ARG,
                   "bootstrap->allgather is NULL", NULL);
    expect_failure(flc_comm_create(&refusing, 0, 1, NULL, &comm), FLC_ERR_SYSTEM, "allgather",
                   "41");
    assert_ptr_equal(comm, untouched);
    flc_comm_destroy(NULL);
    flc_comm_abort(NULL);
}

static void refuse_config(const flc_comm_config *config, int ranks, const char *value,
                          const char *allowed)
{
    flc_comm *comms[FLC_MAX_RANKS];
    comms[0] = untouched;
    expect_failure(flc_comm_create_local(ranks, config, comms), FLC_ERR_INVALID_ARG, value,
                   allowed);
    expect_failure(flc_comm_create_job("x", 0, ranks, config, comms), FLC_ERR_INVALID_ARG, value,
                   allowed);
    assert_ptr_equal(comms[0], untouched);
}

static void configurations_are_checked(void **state)
{
    const flc_comm_config start = FLC_COMM_CONFIG_INIT;
    flc_comm_config config = start;
    (void)state;
    config.struct_bytes = 7;
    refuse_config(&config, 2, "flc_comm_config.struct_bytes is 7", "FLC_COMM_CONFIG_INIT");
    config = start;
    config.timeout_ms = -1;
    refuse_config(&config, 2, "timeout_ms is -1", "86400000");
    config.timeout_ms = 86400001;
    refuse_config(&config, 2, "timeout_ms is 86400001", "86400000");
    config = start;
    config.workspace_bytes = 1000;
    refuse_config(&config, 2, "workspace_bytes is 1000: 2 ranks need 66048 to", NULL);
    config.workspace_bytes = 66047;
    refuse_config(&config, 2, "workspace_bytes is 66047: 2 ranks need 66048 to", NULL);
    config.workspace_bytes = ((size_t)1 << 32) + 1;
    refuse_config(&config, 2, "workspace_bytes is 4294967297", "4294967296");
}

static void collective_configurations_are_checked(void **state)
{
    const flc_coll_config start = FLC_COLL_CONFIG_INIT;
    flc_coll_config coll = start;
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    (void)state;
    config.coll = &coll;
    coll.struct_bytes = 0;
    refuse_config(&config, 2, "flc_coll_config.struct_bytes is 0", "FLC_COLL_CONFIG_INIT");
    coll = start;
    coll.flags = 6;
    refuse_config(&config, 2, "flags is 0x6", "FLC_INVARIANT");
    coll = start;
    coll.algorithm = "ring";
    refuse_config(&config, 2, "algorithm is 'ring'", "allowed");
    coll = start;
    coll.reduce.bits = 9;
    refuse_config(&config, 2, "bits", "9");
    coll = start;
    coll.gather = (flc_format){.bits = 4, .group = 100};
    refuse_config(&config, 2, "group", "100");
}

static void refuse_environment(const char *name, const char *value, const char *allowed)
{
    flc_comm *comms[2] = {untouched, untouched};
    assert_int_equal(setenv(name, value, 1), 0);
    expect_failure(flc_comm_create_local(2, NULL, comms), FLC_ERR_INVALID_ARG, name, value);
    expect_sentence(flc_last_error(NULL), allowed);
    assert_int_equal(unsetenv(name), 0);
    assert_ptr_equal(comms[0], untouched);
}

static void environments_are_checked(void **state)
{
    (void)state;
    refuse_environment("FLC_ALGO", "ring", "allowed are");
    refuse_environment("FLC_ALGO", "AUTO", "allowed are");
    refuse_environment("FLC_TIMEOUT_MS", "soon", "1 to 86400000");
    refuse_environment("FLC_TIMEOUT_MS", "0", "1 to 86400000");
    refuse_environment("FLC_TIMEOUT_MS", "-5", "1 to 86400000");
    refuse_environment("FLC_TIMEOUT_MS", "1e3", "1 to 86400000");
    refuse_environment("FLC_TIMEOUT_MS", "99999999999999999999", "1 to 86400000");
    refuse_environment("FLC_WORKSPACE_BYTES", "4MB", "1 to 4294967296");
    refuse_environment("FLC_CPU", "avx1024", "allowed");
}

/* ---- Calls ---- */

static void refuse_call(flc_comm *comm, const void *send, void *recv, size_t count, int type,
                        int op, const char *value, const char *allowed)
{
    expect_failure(flc_all_reduce(comm, send, recv, count, (flc_type)type, (flc_op)op, NULL),
                   FLC_ERR_INVALID_ARG, value, allowed);
    assert_string_equal(flc_last_error(comm), flc_last_error(NULL));
}

static void arguments_of_calls_are_checked(void **state)
{
    union {
        float f[20];
        unsigned char bytes[80];
    } x = {{0}};
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    flc_comm *comm = NULL;
    float y[10] = {0};
    (void)state;
    assert_int_equal(flc_comm_create_local(1, NULL, &comm), FLC_OK);
    assert_string_equal(flc_last_error(comm), "");
    expect_failure(flc_all_reduce(NULL, x.f, y, 1, FLC_FLOAT32, FLC_SUM, NULL), FLC_ERR_INVALID_ARG,
                   "comm is NULL", NULL);
    refuse_call(comm, NULL, y, 1, FLC_FLOAT32, FLC_SUM, "send is NULL", NULL);
    refuse_call(comm, x.f, NULL, 1, FLC_FLOAT32, FLC_SUM, "recv is NULL", NULL);
    refuse_call(comm, x.f, y, 1, 7, FLC_SUM, "type is 7", "FLC_");
    refuse_call(comm, x.f, y, 1, FLC_FLOAT32, 5, "op is 5", "FLC_SUM and FLC_AVG");
    refuse_call(comm, x.f, y, SIZE_MAX, FLC_FLOAT32, FLC_SUM, "count is 18446744073709551615",
                "allowed are up to");
    refuse_call(comm, x.bytes + 1, y, 1, FLC_FLOAT32, FLC_SUM, "send is 0x", "not aligned");
    refuse_call(comm, x.f, (unsigned char *)y + 2, 1, FLC_FLOAT32, FLC_SUM, "recv is 0x", "fp32");
    refuse_call(comm, x.bytes + 1, y, 1, FLC_BFLOAT16, FLC_SUM, "send is 0x", "bf16");
    refuse_call(comm, x.f, x.f + 9, 10, FLC_FLOAT32, FLC_SUM, "send and recv overlap", "in place");
    refuse_call(comm, x.f + 1, x.f, 10, FLC_FLOAT32, FLC_SUM, "send and recv overlap", "in place");
    config.algorithm = "twosteps";
    expect_failure(flc_all_reduce(comm, x.f, y, 1, FLC_FLOAT32, FLC_SUM, &config),
                   FLC_ERR_INVALID_ARG, "algorithm is 'twosteps'", "allowed");
    /* None of it did harm, and what only looks wrong is right. */
    assert_int_equal(flc_all_reduce(comm, x.f, x.f + 10, 10, FLC_FLOAT32, FLC_SUM, NULL), FLC_OK);
    assert_int_equal(flc_all_reduce(comm, x.f, x.f, 10, FLC_FLOAT32, FLC_SUM, NULL), FLC_OK);
    assert_int_equal(flc_all_reduce(comm, NULL, NULL, 0, FLC_FLOAT32, FLC_SUM, NULL), FLC_OK);
    assert_int_equal(flc_all_reduce(comm, x.bytes + 2, y, 3, FLC_BFLOAT16, FLC_AVG, NULL), FLC_OK);
    flc_comm_destroy(comm);
}

/* ---- What a communicator tells ---- */

struct pair {
    flc_comm *comms[2];
    size_t count;
    const flc_coll_config *config;
    flc_status status[2];
    char sentence[2][512];
};

static void reduce_zeros(int rank, void *context)
{
    struct pair *pair = context;
    static const float x[5000];
    float y[5000];
    strcpy(pair->sentence[rank], flc_last_error(NULL));
    pair->status[rank] =
        flc_all_reduce(pair->comms[rank], x, y, pair->count, FLC_FLOAT32, FLC_SUM, pair->config);
}

static flc_call_info call_pair(struct pair *pair, size_t count, const flc_coll_config *config)
{
    flc_call_info info;
    pair->count = count;
    pair->config = config;
    rank_threads_run(2, reduce_zeros, pair);
    assert_int_equal(pair->status[0] | pair->status[1], FLC_OK);
    assert_int_equal(flc_comm_last_call(pair->comms[1], &info), FLC_OK);
    return info;
}

static void the_last_call_is_described(void **state)
{
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    struct pair pair;
    flc_call_info info = {.call = 77};
    (void)state;
    assert_int_equal(flc_comm_create_local(2, NULL, pair.comms), FLC_OK);
    expect_failure(flc_comm_last_call(pair.comms[0], &info), FLC_ERR_INVALID_ARG,
                   "no collective yet", NULL);
    expect_failure(flc_comm_last_call(NULL, &info), FLC_ERR_INVALID_ARG, "comm is NULL", NULL);
    expect_failure(flc_comm_last_call(pair.comms[0], NULL), FLC_ERR_INVALID_ARG, "info is NULL",
                   NULL);
    assert_int_equal(info.call, 77);
    assert_int_equal(flc_comm_rank(pair.comms[1]), 1);
    assert_int_equal(flc_comm_ranks(pair.comms[1]), 2);
    assert_int_equal(flc_comm_rank(NULL), -1);
    assert_int_equal(flc_comm_ranks(NULL), -1);

    info = call_pair(&pair, 10, NULL);
    assert_string_equal(info.transport, "shm");
    assert_string_equal(info.algorithm, "oneshot");
    assert_string_not_equal(info.reason, "");
    assert_int_equal(info.call, 1);
    assert_int_equal(info.sent_bytes, 40);
    info = call_pair(&pair, 5000, NULL);
    assert_string_equal(info.algorithm, "twostep");
    assert_int_equal(info.call, 2);
    config.algorithm = "oneshot";
    info = call_pair(&pair, 5000, &config);
    assert_string_equal(info.algorithm, "oneshot");
    assert_int_equal(info.call, 3);
    flc_comm_destroy(pair.comms[0]);
    flc_comm_destroy(pair.comms[1]);
}

static void defaults_come_from_environment_and_configuration(void **state)
{
    flc_coll_config coll = FLC_COLL_CONFIG_INIT;
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    struct pair pair;
    flc_call_info info;
    (void)state;
    assert_int_equal(setenv("FLC_ALGO", "twostep", 1), 0);
    coll.reduce = coll.gather = (flc_format){.bits = 8, .group = 128};
    config.coll = &coll; /* copied, without its algorithm: the environment's stays */
    assert_int_equal(flc_comm_create_local(2, &config, pair.comms), FLC_OK);
    memset(&coll, 0xff, sizeof coll);
    info = call_pair(&pair, 256, NULL);
    assert_string_equal(info.algorithm, "twostep");
    assert_int_equal(info.stats.groups, 2); /* rank 1 sends its part to rank 0, the only owner */
    coll = (flc_coll_config)FLC_COLL_CONFIG_INIT;
    coll.algorithm = "auto";
    info = call_pair(&pair, 256, &coll);
    assert_string_equal(info.algorithm, "oneshot");
    assert_int_equal(info.stats.groups, 0); /* raw */
    assert_int_equal(unsetenv("FLC_ALGO"), 0);
    flc_comm_destroy(pair.comms[0]);
    flc_comm_destroy(pair.comms[1]);
}

static void errors_belong_to_their_thread_and_communicator(void **state)
{
    struct pair pair;
    char kept[512];
    float y = 0.0f;
    (void)state;
    assert_int_equal(flc_comm_create_local(2, NULL, pair.comms), FLC_OK);
    refuse_call(pair.comms[0], &y, NULL, 1, FLC_FLOAT32, FLC_SUM, "recv is NULL", NULL);
    assert_string_equal(flc_last_error(pair.comms[1]), "");
    strcpy(kept, flc_last_error(pair.comms[0]));
    refuse_call(pair.comms[1], NULL, &y, 1, FLC_FLOAT32, FLC_SUM, "send is NULL", NULL);
    assert_string_equal(flc_last_error(pair.comms[0]), kept);
    (void)call_pair(&pair, 5, NULL);
    assert_string_equal(pair.sentence[0], ""); /* new threads */
    assert_string_equal(flc_last_error(pair.comms[0]), kept);
    expect_sentence(flc_last_error(NULL), "send is NULL");
    flc_comm_destroy(pair.comms[0]);
    flc_comm_destroy(pair.comms[1]);
}

static void one_rank_copies_exactly_and_obeys_abort(void **state)
{
    static const uint32_t x[4] = {0x7fa00001u, 0x80000000u, 0xff800000u, 1u};
    const flc_bootstrap alone = {.allgather = gather_alone};
    flc_comm *comms[3] = {NULL};
    (void)state;
    assert_int_equal(flc_comm_create_local(1, NULL, &comms[0]), FLC_OK);
    assert_int_equal(flc_comm_create_job("one", 0, 1, NULL, &comms[1]), FLC_OK);
    assert_int_equal(flc_comm_create(&alone, 0, 1, NULL, &comms[2]), FLC_OK);
    for (size_t i = 0; i < 3; i++) {
        flc_coll_config config = FLC_COLL_CONFIG_INIT;
        uint32_t y[4] = {0};
        config.reduce = config.gather = (flc_format){.bits = 2, .group = 16};
        assert_int_equal(flc_all_reduce(comms[i], x, y, 4, FLC_FLOAT32, FLC_SUM, &config), FLC_OK);
        assert_memory_equal(x, y, sizeof x);
        flc_comm_abort(comms[i]);
        expect_failure(flc_all_reduce(comms[i], x, y, 4, FLC_FLOAT32, FLC_SUM, &config),
                       FLC_ERR_ABORTED, "abort", NULL);
        flc_comm_destroy(comms[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_out_of_range_are_refused),
        cmocka_unit_test(job_names_are_checked),
        cmocka_unit_test(null_arguments_of_creations_are_named),
        cmocka_unit_test(configurations_are_checked),
        cmocka_unit_test(collective_configurations_are_checked),
        cmocka_unit_test(environments_are_checked),
        cmocka_unit_test(arguments_of_calls_are_checked),
        cmocka_unit_test(the_last_call_is_described),
        cmocka_unit_test(defaults_come_from_environment_and_configuration),
        cmocka_unit_test(errors_belong_to_their_thread_and_communicator),
        cmocka_unit_test(one_rank_copies_exactly_and_obeys_abort),
    };
    (void)unsetenv("FLC_ALGO");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
