// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Creations that run out of memory at every place in turn: an error on all ranks, outputs
 * untouched, and nothing leaked (the address sanitizer looks on). The linker wraps what may fail.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect_failure.h"
#include "fault_team.h"
#include "rank_processes.h"
#include "rank_threads.h"

#define RANKS 3

/* How many more calls of this thread succeed; negative: all do. */
static _Thread_local int callocs_left = -1, mmaps_left = -1, truncates_left = -1;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
int __real_ftruncate(int fd, off_t bytes);
int __wrap_ftruncate(int fd, off_t bytes);

static int is_to_fail(int *left)
{
    if (*left < 0) {
        return 0;
    }
    errno = ENOMEM;
    return (*left)-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_to_fail(&callocs_left) ? NULL : __real_calloc(count, size);
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return is_to_fail(&mmaps_left) ? MAP_FAILED
                                   : __real_mmap(at, bytes, protection, flags, fd, offset);
}

int __wrap_ftruncate(int fd, off_t bytes)
{
    return is_to_fail(&truncates_left) ? -1 : __real_ftruncate(fd, bytes);
}

static void a_local_creation_survives_every_failed_allocation(void **state)
{
    flc_comm *comms[RANKS] = {NULL};
    flc_status status = FLC_ERR_NO_MEMORY;
    int failures = 0;
    (void)state;
    for (; status == FLC_ERR_NO_MEMORY; failures++) {
        callocs_left = failures;
        status = flc_comm_create_local(RANKS, NULL, comms);
        callocs_left = -1;
        if (status != FLC_OK) {
            expect_failure(status, FLC_ERR_NO_MEMORY, "memory", NULL);
            assert_null(comms[0]);
        }
    }
    assert_int_equal(status, FLC_OK);
    assert_true(failures > RANKS); /* the wrapper works */
    for (int rank = 0; rank < RANKS; rank++) {
        flc_comm_destroy(comms[rank]);
        comms[rank] = NULL;
    }
    mmaps_left = 0;
    expect_failure(flc_comm_create_local(RANKS, NULL, comms), FLC_ERR_NO_MEMORY, "shared bytes",
                   NULL);
    mmaps_left = -1;
    assert_null(comms[0]);
}

enum victim { CALLOC, MMAP, TRUNCATE };

struct meeting {
    char job[32];
    int unlucky; /* rank */
    enum victim victim;
    flc_comm *comm[RANKS];
    flc_status status[RANKS];
    char sentence[RANKS][512];
};

static void join_meeting(int rank, void *context)
{
    struct meeting *m = context;
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = 400;
    if (rank == m->unlucky) {
        callocs_left = m->victim == CALLOC ? 0 : -1;
        mmaps_left = m->victim == MMAP ? 0 : -1;
        truncates_left = m->victim == TRUNCATE ? 0 : -1;
    }
    m->status[rank] = flc_comm_create_job(m->job, rank, RANKS, &config, &m->comm[rank]);
    (void)snprintf(m->sentence[rank], sizeof m->sentence[rank], "%s", flc_last_error(NULL));
}

static void a_rank_without_memory_fails_the_creation_of_all(void **state)
{
    const int fds = count_open_fds();
    (void)state;
    for (int k = 0; k < 2 * RANKS + 1; k++) {
        struct meeting m = {.unlucky = k % RANKS, .victim = (enum victim)(k / RANKS)};
        const int64_t start_ms = now_ms();
        char culprit[32];
        make_job_name(m.job);
        rank_threads_run(RANKS, join_meeting, &m);
        assert_in_range(now_ms() - start_ms, 0, 2000);
        (void)snprintf(culprit, sizeof culprit, "rank %d ", m.unlucky);
        for (int rank = 0; rank < RANKS; rank++) {
            if (rank == m.unlucky) {
                assert_int_equal(m.status[rank],
                                 m.victim == TRUNCATE ? FLC_ERR_SYSTEM : FLC_ERR_NO_MEMORY);
                expect_sentence(m.sentence[rank], "memory");
            } else {
                assert_true(m.status[rank] == FLC_ERR_TIMEOUT || m.status[rank] == FLC_ERR_PEER ||
                            (m.unlucky == 0 && m.status[rank] == m.status[0]));
                expect_sentence(m.sentence[rank], culprit);
            }
            assert_null(m.comm[rank]);
        }
    }
    assert_int_equal(count_open_fds(), fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_local_creation_survives_every_failed_allocation),
        cmocka_unit_test(a_rank_without_memory_fails_the_creation_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
