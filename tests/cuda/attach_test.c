// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Attaching GPUs: ranks as threads, as processes and by one thread, on one GPU and on all there
 * are; ranks that fail, and all others that hear of it; no memory lost. Then what is checked before
 * a collective is enqueued, and the exact copy of a single rank.
 */
#include <stdio.h>
#include <string.h>

#include "attach_team.h"
#include "rank_threads.h"

#define MEBI ((size_t)1 << 20)
#define NO_FAULTS                                                                                  \
    {                                                                                              \
        -1, -1, -1, -1                                                                             \
    }

static int checks, failures;
static flc_status statuses[2];

static void expect(int is_right, const char *what)
{
    checks++;
    if (!is_right) {
        failures++;
        printf("failed: %s; last error: %s\n", what, flc_last_error(NULL));
    }
}

static void expect_case(struct attach_case c)
{
    expect(attach_case_run(&c), c.name);
}

/* Rank r's GPU: all on the first, or spread over all. */
static void spread(struct attach_case *c, int devices)
{
    for (int rank = 0; rank < c->ranks; rank++) {
        c->devices[rank] = rank % devices;
    }
}

static void test_processes(int devices)
{
    for (int ranks = 2; ranks <= 3; ranks++) {
        for (int is_spread = 0; is_spread <= (devices > 1); is_spread++) {
            struct attach_case c = {.name = "processes by IPC",
                                    .way = ATTACH_PROCESSES,
                                    .ranks = ranks,
                                    .faults = NO_FAULTS};
            spread(&c, is_spread ? devices : 1);
            expect_case(c);
            c.name = "processes, no IPC handle on rank 1";
            c.faults.ipc_get = 1;
            expect_case(c);
            c.name = "processes, rank 0 cannot open IPC handles";
            c.faults = (struct attach_faults){-1, 0, -1, -1};
            expect_case(c);
        }
    }
    expect_case((struct attach_case){.name = "processes, a bad device",
                                     .way = ATTACH_PROCESSES,
                                     .ranks = 2,
                                     .devices = {0, 4711},
                                     .faults = NO_FAULTS,
                                     .expected = FLC_ERR_INVALID_ARG,
                                     .sentence = "rank 1: device is 4711"});
}

static void test_threads(int devices)
{
    static const int ranks[] = {2, 3, 8};
    for (int i = 0; i < 3; i++) {
        for (int way = 0; way < 2; way++) {
            struct attach_case c = {.name = way == 0 ? "threads" : "one thread for all",
                                    .way = way == 0 ? ATTACH_THREADS : ATTACH_LOCAL,
                                    .ranks = ranks[i],
                                    .faults = NO_FAULTS};
            expect_case(c);
            spread(&c, devices);
            expect_case(c);
        }
    }
}

static void test_refusals(void)
{
    const struct attach_case bad_device = {.name = "a bad device",
                                           .way = ATTACH_THREADS,
                                           .ranks = 3,
                                           .devices = {0, -1, 0},
                                           .faults = NO_FAULTS,
                                           .expected = FLC_ERR_INVALID_ARG,
                                           .sentence = "rank 1: device is -1"};
    struct attach_case c = bad_device;
    expect_case(c);
    c.way = ATTACH_LOCAL;
    expect_case(c);
    c = (struct attach_case){.name = "staging too small",
                             .way = ATTACH_THREADS,
                             .ranks = 3,
                             .staging_bytes = {MEBI, MEBI, MEBI - 1},
                             .faults = NO_FAULTS,
                             .expected = FLC_ERR_INVALID_ARG,
                             .sentence = "rank 2: flc_cuda_config.staging_bytes is 1048575"};
    expect_case(c);
    c.name = "staging differs";
    c.staging_bytes[2] = 2 * MEBI;
    c.expected = FLC_ERR_MISMATCH;
    c.sentence = "staging_bytes is 1048576 on rank 0 and 2097152 on rank 2";
    expect_case(c);
    c = (struct attach_case){.name = "no memory",
                             .way = ATTACH_THREADS,
                             .ranks = 3,
                             .faults = {-1, -1, 1, -1},
                             .expected = FLC_ERR_NO_MEMORY,
                             .sentence = "rank 1: allocating"};
    expect_case(c);
    c = (struct attach_case){.name = "stores that get lost",
                             .way = ATTACH_THREADS,
                             .ranks = 3,
                             .faults = {-1, -1, -1, 2},
                             .expected = FLC_ERR_UNSUPPORTED,
                             .sentence = "what rank 2 wrote to rank 0 by a kernel did not arrive"};
    expect_case(c);
    c.way = ATTACH_LOCAL;
    expect_case(c);
}

/* One rank attaches while the other reduces host memory. */
static void other_call(int rank, void *context)
{
    flc_comm *const *comms = context;
    const float mine = 1.0f;
    float sum = 0.0f;
    statuses[rank] = rank == 0
                         ? flc_comm_attach_cuda(comms[0], 0, NULL)
                         : flc_all_reduce(comms[1], &mine, &sum, 1, FLC_FLOAT32, FLC_SUM, NULL);
}

static void test_other_call(void)
{
    flc_comm *comms[2] = {NULL, NULL};
    expect(flc_comm_create_local(2, NULL, comms) == FLC_OK, "create");
    rank_threads_run(2, other_call, comms);
    expect(statuses[0] == FLC_ERR_MISMATCH, "attaching while a peer does something else");
    expect(statuses[1] == FLC_ERR_MISMATCH, "something else while a peer attaches");
    expect(strstr(flc_last_error(comms[0]), "rank 1") != NULL, "the sentence names the peer");
    flc_comm_destroy(comms[0]);
    flc_comm_destroy(comms[1]);
}

static size_t free_memory(void)
{
    size_t left = 0, total = 0;
    expect(cudaMemGetInfo(&left, &total) == cudaSuccess, "cudaMemGetInfo");
    return left;
}

static void test_memory_comes_back(void)
{
    static const int on_first[2] = {0, 0}, on_none[2] = {0, -1};
    flc_cuda_config config = FLC_CUDA_CONFIG_INIT;
    size_t first = 0;
    config.staging_bytes = 64 * MEBI;
    for (int i = 0; i < 20; i++) {
        flc_comm *comms[2] = {NULL, NULL};
        expect(flc_comm_create_local(2, NULL, comms) == FLC_OK, "create");
        expect(flc_comm_attach_cuda_local(2, comms, on_none, &config) == FLC_ERR_INVALID_ARG,
               "attach where one device is bad");
        expect(flc_comm_attach_cuda_local(2, comms, on_first, &config) == FLC_OK, "attach");
        flc_comm_destroy(comms[1]);
        flc_comm_destroy(comms[0]);
        first = i == 0 ? free_memory() : first;
    }
    expect(free_memory() + MEBI > first, "memory after 20 communicators is what it was after one");
}

static void test_arguments(void)
{
    static const int on_first[2] = {0, 0};
    flc_comm *comms[2] = {NULL, NULL};
    flc_coll_config coll = FLC_COLL_CONFIG_INIT;
    float host[4] = {0};
    float *device = NULL;
    expect(cudaMalloc((void **)&device, sizeof host) == cudaSuccess, "cudaMalloc");
    expect(flc_comm_create_local(2, NULL, comms) == FLC_OK, "create");
    expect(flc_all_reduce_cuda(comms[0], device, device, 4, FLC_FLOAT32, FLC_SUM, NULL, NULL) ==
               FLC_ERR_INVALID_ARG,
           "not attached");
    expect(flc_comm_cuda_error(comms[0]) == FLC_ERR_INVALID_ARG, "no error without a GPU");
    expect(flc_comm_attach_cuda_local(2, comms, on_first, NULL) == FLC_OK, "attach");
    expect(flc_comm_attach_cuda_local(2, comms, on_first, NULL) == FLC_ERR_INVALID_ARG, "twice");
    expect(flc_all_reduce_cuda(comms[0], host, device, 4, FLC_FLOAT32, FLC_SUM, NULL, NULL) ==
               FLC_ERR_INVALID_ARG,
           "send is host memory");
    expect(strstr(flc_last_error(comms[0]), "host memory") != NULL, "its sentence");
    expect(flc_all_reduce_cuda(comms[0], NULL, NULL, 0, FLC_FLOAT32, FLC_SUM, NULL, NULL) == FLC_OK,
           "count 0");
    coll.algorithm = "oneshot";
    expect(flc_all_reduce_cuda(comms[0], device, device, 4, FLC_FLOAT32, FLC_SUM, &coll, NULL) ==
               FLC_ERR_UNSUPPORTED,
           "another algorithm");
    expect(flc_comm_cuda_error(comms[0]) == FLC_OK, "no error yet");
    flc_comm_abort(comms[0]);
    expect(flc_comm_cuda_error(comms[0]) == FLC_ERR_ABORTED, "aborted");
    expect(flc_all_reduce_cuda(comms[0], device, device, 4, FLC_FLOAT32, FLC_SUM, NULL, NULL) ==
               FLC_ERR_ABORTED,
           "no call after an abort");
    flc_comm_destroy(comms[0]);
    flc_comm_destroy(comms[1]);
    expect(cudaFree(device) == cudaSuccess, "cudaFree");
}

static void test_one_rank(void)
{
    const float sent[5] = {1.0f, -0.0f, 3.5f, 4.0f, 5.0f};
    float received[5] = {0};
    flc_comm *comm = NULL;
    flc_call_info info;
    float *device = NULL;
    expect(cudaMalloc((void **)&device, 2 * sizeof sent) == cudaSuccess, "cudaMalloc");
    expect(cudaMemcpy(device, sent, sizeof sent, cudaMemcpyDefault) == cudaSuccess, "cudaMemcpy");
    expect(flc_comm_create_local(1, NULL, &comm) == FLC_OK, "create");
    expect(flc_comm_attach_cuda(comm, 0, NULL) == FLC_OK, "attach");
    expect(flc_all_reduce_cuda(comm, device, device + 5, 5, FLC_FLOAT32, FLC_AVG, NULL, NULL) ==
               FLC_OK,
           "copy");
    expect(flc_all_reduce_cuda(comm, device, device, 5, FLC_FLOAT32, FLC_SUM, NULL, NULL) == FLC_OK,
           "in place");
    expect(cudaMemcpy(received, device + 5, sizeof sent, cudaMemcpyDefault) == cudaSuccess, "back");
    expect(memcmp(sent, received, sizeof sent) == 0, "an exact copy");
    expect(flc_comm_last_call(comm, &info) == FLC_OK && info.call == 2, "two calls");
    expect(flc_comm_cuda_error(comm) == FLC_OK, "no error");
    flc_comm_destroy(comm);
    expect(cudaFree(device) == cudaSuccess, "cudaFree");
}

int main(void)
{
    const int devices = attach_count_devices();
    if (devices == 0) {
        printf("no GPU: nothing was attached\n");
        return 77;
    }
    test_processes(devices); /* first: a process that has used CUDA cannot fork */
    test_threads(devices);
    test_refusals();
    test_other_call();
    test_memory_comes_back();
    test_arguments();
    test_one_rank();
    printf("%d GPUs, %d checks, %d failures\n", devices, checks, failures);
    return failures == 0 ? 0 : 1;
}
