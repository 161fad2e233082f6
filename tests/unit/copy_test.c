// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Copies past the cache: every alignment of both sides with every small size, and some large ones;
 * nothing beside the target is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/copy.h"

#define ROOM  (1 << 16)
#define GUARD 0xa5

static _Alignas(64) uint8_t from[ROOM + 64], to[ROOM + 256];

static void check(size_t from_at, size_t to_at, size_t bytes)
{
    memset(to, GUARD, to_at + bytes + 128);
    flci_copy_past_cache(to + to_at, from + from_at, bytes);
    assert_memory_equal(to + to_at, from + from_at, bytes);
    for (size_t i = 0; i < to_at; i++) {
        assert_int_equal(to[i], GUARD);
    }
    for (size_t i = 0; i < 128; i++) {
        assert_int_equal(to[to_at + bytes + i], GUARD);
    }
}

static void every_byte_is_copied_and_no_other_written(void **state)
{
    static const size_t large[] = {1000, 4096, 4097, 65535, 65536};
    (void)state;
    for (size_t i = 0; i < sizeof from; i++) {
        from[i] = (uint8_t)(i * 7 + i / 251);
    }
    for (size_t at = 0; at < 64; at++) {
        for (size_t bytes = 0; bytes < 150; bytes++) {
            check(at % 5, at, bytes);
        }
        for (size_t k = 0; k < sizeof large / sizeof large[0]; k++) {
            check(63 - at, at, large[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_copied_and_no_other_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
