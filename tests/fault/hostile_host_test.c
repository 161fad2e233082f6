// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A rank whose host, a process of the same user, says what no rank 0 says: short or endless words,
 * unknown failures, file descriptors too many or too few. The rank gives up with a sentence, soon,
 * and keeps none of the file descriptors.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_team.h"
#include "rank_processes.h"
#include "rank_threads.h"
#include "transport/shm/shm_meet.h"

#define TIMEOUT_MS 300

/* What the host sends once the guest has said hello. */
struct word {
    const char *what;
    int status;
    size_t bytes; /* of struct flci_shm_reply, which may be less or more */
    int fds;
    flc_status expected;
};

struct meeting {
    const struct word *word;
    char job[32];
    int listener;
    flc_comm *comm;
    flc_status status;
    char sentence[512];
};

static void send_word(int fd, const struct word *word)
{
    static uint8_t bytes[2 * sizeof(struct flci_shm_reply)];
    struct flci_shm_reply reply = {.status = word->status};
    struct iovec data = {.iov_base = bytes, .iov_len = word->bytes};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(100 * sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    int fds[100];
    memset(reply.sentence, 'x', sizeof reply.sentence); /* without an end */
    memcpy(bytes, &reply, sizeof reply);
    for (int i = 0; i < word->fds; i++) {
        fds[i] = memfd_create("hostile", MFD_CLOEXEC);
    }
    if (word->fds > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE((size_t)word->fds * sizeof(int));
        CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN((size_t)word->fds * sizeof(int));
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, (size_t)word->fds * sizeof(int));
    }
    (void)sendmsg(fd, &message, MSG_NOSIGNAL);
    for (int i = 0; i < word->fds; i++) {
        (void)close(fds[i]);
    }
}

/* Rank 0 is the hostile host, rank 1 its guest. */
static void meet(int rank, void *context)
{
    struct meeting *m = context;
    if (rank == 0) {
        struct pollfd listening = {.fd = m->listener, .events = POLLIN};
        char hello[1024];
        const int fd = poll(&listening, 1, 5000) > 0 ? accept(m->listener, NULL, NULL) : -1;
        if (fd >= 0 && recv(fd, hello, sizeof hello, 0) > 0) {
            send_word(fd, m->word);
        }
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = TIMEOUT_MS;
    m->status = flc_comm_create_job(m->job, 1, 2, &config, &m->comm);
    (void)snprintf(m->sentence, sizeof m->sentence, "%s", flc_last_error(NULL));
}

static void listen_as_host(struct meeting *m)
{
    struct flci_shm_address address;
    make_job_name(m->job);
    assert_int_equal(flci_shm_address_of(m->job, &address), FLC_OK);
    m->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(m->listener >= 0);
    assert_int_equal(bind(m->listener, (const struct sockaddr *)&address.name, address.bytes), 0);
    assert_int_equal(listen(m->listener, 1), 0);
}

static void a_hostile_host_is_survived(void **state)
{
    const size_t whole = sizeof(struct flci_shm_reply);
    const struct word words[] = {
        {"nothing", 0, 0, 0, FLC_ERR_PEER},
        {"half a word", 0, whole / 2, 0, FLC_ERR_PEER},
        {"half a word and descriptors", 0, whole / 2, 3, FLC_ERR_PEER},
        {"a word too long", FLC_ERR_CORRUPT, 2 * whole, 0, FLC_ERR_CORRUPT},
        {"a failure", FLC_ERR_MISMATCH, whole, 0, FLC_ERR_MISMATCH},
        {"a failure and descriptors", FLC_ERR_MISMATCH, whole, 3, FLC_ERR_MISMATCH},
        {"a failure and too many descriptors", FLC_ERR_MISMATCH, whole, 100, FLC_ERR_MISMATCH},
        {"success without descriptors", FLC_OK, whole, 0, FLC_ERR_SYSTEM},
        {"success and too few descriptors", FLC_OK, whole, 2, FLC_ERR_SYSTEM},
        {"success and too many descriptors", FLC_OK, whole, 4, FLC_ERR_SYSTEM},
        {"success, then an end", FLC_OK, whole, 3, FLC_ERR_PEER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const int fds = count_open_fds();
        const int64_t start_ms = now_ms();
        struct meeting m = {.word = &words[i]};
        listen_as_host(&m);
        rank_threads_run(2, meet, &m);
        (void)close(m.listener);
        if (m.status != words[i].expected || m.sentence[0] == '\0' || m.comm != NULL) {
            fail_msg("%s: status %d, '%s'", words[i].what, (int)m.status, m.sentence);
        }
        if (count_open_fds() != fds) {
            fail_msg("%s: %d file descriptors were kept", words[i].what, count_open_fds() - fds);
        }
        assert_in_range(now_ms() - start_ms, 0, 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hostile_host_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
