// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Status values, their texts, the thread's last sentence, and the version.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "flashcomm/flashcomm.h"

static void every_status_has_its_text(void **state)
{
    static const flc_status values[] = {
#define VALUE(name, value, text) FLC_##name,
        FLC_STATUS_MAP(VALUE)
#undef VALUE
    };
    (void)state;
    assert_int_equal(FLC_OK, 0);
    assert_string_equal(flc_strerror(FLC_OK), "success");
    assert_string_equal(flc_strerror(FLC_ERR_INVALID_ARG), "invalid argument");
    assert_string_equal(flc_strerror(FLC_ERR_PEER), "a peer is gone");
    assert_string_equal(flc_strerror(FLC_ERR_CORRUPT), "payload does not match its format");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_int_equal(values[i], -(int)i); /* part of the ABI */
        assert_string_not_equal(flc_strerror(values[i]), "unknown status");
        for (size_t other = 0; other < i; other++) {
            assert_string_not_equal(flc_strerror(values[i]), flc_strerror(values[other]));
        }
    }
    assert_string_equal(flc_strerror((flc_status)1), "unknown status");
    assert_string_equal(flc_strerror((flc_status)-11), "unknown status");
}

static void failing_stores_the_sentence(void **state)
{
    char longer[2 * FLCI_ERROR_BYTES];
    (void)state;
    assert_int_equal(flci_fail(FLC_ERR_TIMEOUT, "rank %d, call %s", 3, "7"), FLC_ERR_TIMEOUT);
    assert_string_equal(flc_last_error(NULL), "rank 3, call 7");
    assert_int_equal(flci_fail_errno(ENOENT, "open '%s'", "x"), FLC_ERR_SYSTEM);
    assert_string_equal(flc_last_error(NULL), "open 'x': No such file or directory");
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(flci_fail(FLC_ERR_PEER, "%s", longer), FLC_ERR_PEER);
    assert_int_equal(strlen(flc_last_error(NULL)), FLCI_ERROR_BYTES - 1);
    assert_int_equal(flci_fail_errno(ENOENT, "%s", longer), FLC_ERR_SYSTEM);
    assert_int_equal(strlen(flc_last_error(NULL)), FLCI_ERROR_BYTES - 1);
}

static void success_keeps_the_sentence(void **state)
{
    size_t bytes;
    (void)state;
    (void)flci_fail(FLC_ERR_SYSTEM, "before");
    assert_int_equal(flc_format_wire_bytes((flc_format){0}, FLC_FLOAT32, 1, &bytes), FLC_OK);
    assert_string_equal(flc_last_error(NULL), "before");
}

static void *fail_elsewhere(void *seen)
{
    (void)snprintf(seen, FLCI_ERROR_BYTES, "%s", flc_last_error(NULL));
    (void)flci_fail(FLC_ERR_SYSTEM, "of another thread");
    return NULL;
}

static void threads_have_their_own_sentence(void **state)
{
    char seen[FLCI_ERROR_BYTES] = "nothing";
    pthread_t thread;
    (void)state;
    (void)flci_fail(FLC_ERR_SYSTEM, "of this thread");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, seen), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(seen, "");
    assert_string_equal(flc_last_error(NULL), "of this thread");
}

static void version_is_the_headers(void **state)
{
    char text[32];
    (void)state;
    assert_string_equal(flc_version(), FLC_VERSION_STRING);
    (void)snprintf(text, sizeof text, "%d.%d.%d", FLC_VERSION_MAJOR, FLC_VERSION_MINOR,
                   FLC_VERSION_PATCH);
    assert_string_equal(flc_version(), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_text),
        cmocka_unit_test(failing_stores_the_sentence),
        cmocka_unit_test(success_keeps_the_sentence),
        cmocka_unit_test(threads_have_their_own_sentence),
        cmocka_unit_test(version_is_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
