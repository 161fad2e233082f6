// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Wires that no encoder wrote. Whatever the bytes, decoding ends in OK or CORRUPT, reads and writes
 * nothing outside (guard pages), and gives the same elements twice; what docs/format.md rejects is
 * rejected, and nothing else.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "all_formats.h"
#include "codec/format.h"
#include "flashcomm/flashcomm.h"
#include "guarded.h"
#include "test_data.h"

#define MOST_ELEMS (FLC_BLOCK_ELEMS + 300)
#define MOST_BYTES (4 * MOST_ELEMS)

static struct guarded wire_room, elems_room;
static uint8_t wire[MOST_BYTES], again[MOST_BYTES];
static unsigned outcomes[2]; /* OK, CORRUPT */

static int set_up(void **state)
{
    (void)state;
    wire_room = guarded_create(MOST_BYTES);
    elems_room = guarded_create(MOST_BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guarded_destroy(wire_room);
    guarded_destroy(elems_room);
    return 0;
}

static flc_status decode_at(flc_format format, flc_type type, size_t count, size_t bytes,
                            uint8_t *at, uint8_t *elems)
{
    memcpy(at, wire, bytes);
    return flc_decode(format, type, at, bytes, elems, count);
}

/* Decode `wire` between the guard pages, at either end. */
static flc_status decode(flc_format format, flc_type type, size_t count)
{
    const size_t elems_bytes = count * flc_type_bytes(type);
    size_t bytes = 0;
    uint8_t *high = guarded_high(elems_room, elems_bytes);
    flc_status status;
    assert_int_equal(flc_format_wire_bytes(format, type, count, &bytes), FLC_OK);
    status = decode_at(format, type, count, bytes, guarded_high(wire_room, bytes), high);
    assert_true(status == FLC_OK || status == FLC_ERR_CORRUPT);
    outcomes[status != FLC_OK]++;
    memcpy(again, high, elems_bytes);
    assert_int_equal(decode_at(format, type, count, bytes, wire_room.low, elems_room.low), status);
    if (status == FLC_OK) {
        assert_memory_equal(elems_room.low, again, elems_bytes);
    } else {
        assert_int_equal(strncmp(flc_last_error(NULL), "wire: ", 6), 0);
    }
    return status;
}

/* Of decoded elements: every NaN is the canonical one. */
static void assert_canonical(flc_type type, size_t count)
{
    float x[MOST_ELEMS];
    test_load(type, again, count, x);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        assert_true(!isnan(x[i]) || bits == 0x7fc00000u);
    }
}

static size_t random_count(uint64_t *random)
{
    const size_t among[] = {1, 2, 15, 17, 255, 257, 4095, 4096, 4097, MOST_ELEMS};
    const size_t i = test_random_below(random, 14);
    return i < 10 ? among[i] : 1 + test_random_below(random, 700);
}

static void random_bytes_do_no_harm(void **state)
{
    uint64_t random = 21;
    (void)state;
    memset(outcomes, 0, sizeof outcomes);
    for (int i = 0; i < 12 * ALL_FORMATS; i++) {
        const flc_format format = all_formats_at(i % ALL_FORMATS);
        const flc_type type = (flc_type)(i / ALL_FORMATS % ALL_TYPES);
        const size_t count = random_count(&random);
        for (size_t k = 0; k < sizeof wire; k++) {
            wire[k] = (uint8_t)(test_random(&random) >> 56);
        }
        if (decode(format, type, count) == FLC_OK) {
            assert_canonical(type, count);
        }
    }
    assert_true(outcomes[0] > 0 && outcomes[1] > 0);
}

static void encode(flc_format format, flc_type type, size_t count, uint64_t *random)
{
    const enum test_data kind = (enum test_data)test_random_below(random, TEST_DATA_KINDS);
    size_t bytes = 0;
    test_fill_elems(type, elems_room.low, count, kind, test_random(random));
    assert_int_equal(flc_format_wire_bytes(format, type, count, &bytes), FLC_OK);
    assert_int_equal(flc_encode(format, type, elems_room.low, count, wire, bytes, NULL), FLC_OK);
}

/* Valid wires but for a few bits; half of the flips hit the metadata in front. */
static void flipped_bits_do_no_harm(void **state)
{
    uint64_t random = 22;
    (void)state;
    memset(outcomes, 0, sizeof outcomes);
    for (int i = 0; i < 20 * ALL_FORMATS; i++) {
        const flc_format format = all_formats_at(i % ALL_FORMATS);
        const flc_type type = (flc_type)(i / ALL_FORMATS % ALL_TYPES);
        const size_t count = random_count(&random);
        const size_t flips = 1 + test_random_below(&random, 8);
        size_t bytes = 0;
        assert_int_equal(flc_format_wire_bytes(format, type, count, &bytes), FLC_OK);
        encode(format, type, count, &random);
        for (size_t k = 0; k < flips; k++) {
            const size_t most = k % 2 == 0 || bytes < 64 ? bytes : 64;
            const size_t at = test_random_below(&random, most);
            wire[at] = (uint8_t)(wire[at] ^ 1u << test_random_below(&random, 8));
        }
        if (decode(format, type, count) == FLC_OK) {
            assert_canonical(type, count);
        }
    }
    assert_true(outcomes[0] > 0 && outcomes[1] > 0);
}

static void wrong_sizes_are_corrupt(void **state)
{
    uint64_t random = 23;
    (void)state;
    for (int i = 0; i < 2 * ALL_FORMATS; i++) {
        const flc_format format = i % 2 == 0 ? all_formats_at(i / 2) : (flc_format){0};
        const flc_type type = (flc_type)(i % ALL_TYPES);
        const size_t count = random_count(&random);
        size_t bytes = 0;
        assert_int_equal(flc_format_wire_bytes(format, type, count, &bytes), FLC_OK);
        const size_t wrong[] = {0,          1,         bytes - 1,  bytes + 1, bytes - 2,
                                bytes + 16, bytes * 2, bytes - 16, SIZE_MAX};
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            if (wrong[k] != bytes) {
                assert_int_equal(
                    flc_decode(format, type, wire_room.low, wrong[k], elems_room.low, count),
                    FLC_ERR_CORRUPT);
                assert_non_null(strstr(flc_last_error(NULL), "wire_bytes is "));
            }
        }
        assert_int_equal(flc_decode(format, type, wire_room.low, 16, elems_room.low, 0),
                         FLC_ERR_CORRUPT);
        assert_int_equal(flc_decode(format, type, NULL, 0, NULL, 0), FLC_OK);
    }
}

/* ---- What is rejected, and nothing else ---- */

static void put16(size_t at, unsigned value)
{
    wire[at] = (uint8_t)(value & 0xff);
    wire[at + 1] = (uint8_t)(value >> 8 & 0xff);
}

static void wide_scales_are_normal_or_nan(void **state)
{
    (void)state;
    for (int scheme = 0; scheme < 2; scheme++) {
        const flc_format format = {.bits = 4, .group = 16, .scheme = (uint8_t)scheme};
        const size_t second = scheme == FLC_SYMMETRIC ? 2 : 4; /* the second group's scale */
        for (unsigned pattern = 0; pattern < 0x10000u; pattern++) {
            const int good = pattern == 0x7fc0u || (pattern >= 0x0080u && pattern <= 0x7f7fu);
            memset(wire, 0, sizeof wire);
            put16(0, 0x3f80);
            put16(second, pattern);
            assert_int_equal(decode(format, FLC_FLOAT32, 20) == FLC_OK, good);
        }
    }
}

static void headers_are_in_range(void **state)
{
    const flc_format format = {.bits = 4, .group = 16, .metadata = FLC_COMPACT};
    (void)state;
    memset(wire, 0, sizeof wire);
    for (int exponent = -32768; exponent <= 32767; exponent++) {
        put16(0, (unsigned)exponent & 0xffffu);
        assert_int_equal(decode(format, FLC_FLOAT32, 16) == FLC_OK,
                         exponent >= -126 && exponent <= 97);
    }
    put16(0, 0);
    for (size_t at = 2; at < FLCI_COMPACT_HEADER_BYTES; at++) {
        wire[at] = 0x80;
        assert_int_equal(decode(format, FLC_FLOAT32, 16), FLC_ERR_CORRUPT);
        wire[at] = 0;
    }
    assert_int_equal(decode(format, FLC_FLOAT32, 16), FLC_OK);
}

static void compact_scales_are_in_range(void **state)
{
    const flc_format format = {
        .bits = 3, .group = 16, .scheme = FLC_SYMMETRIC, .metadata = FLC_COMPACT};
    (void)state;
    for (int exponent = -126; exponent <= 97; exponent++) {
        for (int code = 0; code < 256; code++) {
            const int good = code == 255 || (code <= 248 && exponent + code / 8 <= 127);
            memset(wire, 0, 64);
            put16(0, (unsigned)exponent & 0xffffu);
            wire[FLCI_COMPACT_HEADER_BYTES] = (uint8_t)code;
            assert_int_equal(decode(format, FLC_BFLOAT16, 3) == FLC_OK, good);
        }
    }
}

/* Positions of the last, short group; NaN groups too. */
static void check_positions(flc_format format, size_t count, int is_nan)
{
    const struct flci_layout layout = flci_layout_of(format, (uint32_t)count);
    const size_t elems = count % format.group == 0 ? format.group : count % format.group;
    for (unsigned position = 0; position < format.group; position++) {
        for (size_t which = 0; which < 2; which++) {
            memset(wire, 0, layout.bytes);
            for (uint32_t g = 0; g < layout.groups; g++) {
                put16(4 * (size_t)g, is_nan ? 0x7fc0 : 0x3f80);
            }
            wire[layout.positions + 2 * (layout.groups - 1) + which] = (uint8_t)position;
            assert_int_equal(decode(format, FLC_FLOAT16, count) == FLC_OK, position < elems);
        }
    }
}

static void positions_are_inside_their_group(void **state)
{
    static const size_t counts[] = {1, 2, 15, 16, 17, 100, 255, 256, 257, 300};
    (void)state;
    for (int group = 16; group <= 256; group *= 2) {
        const flc_format format = {.bits = 2, .group = (uint16_t)group, .spikes = 1};
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            check_positions(format, counts[i], 0);
            check_positions(format, counts[i], 1);
        }
    }
}

/* A NaN as a spike is let through, and becomes the canonical one. */
static void spikes_may_be_anything(void **state)
{
    const flc_format format = {.bits = 8, .group = 32, .spikes = 1};
    const struct flci_layout layout = flci_layout_of(format, 5);
    (void)state;
    for (unsigned pattern = 0; pattern < 0x10000u; pattern++) {
        memset(wire, 0, layout.bytes);
        put16(0, 0x3f80);
        put16(layout.spikes, pattern);
        put16(layout.spikes + 2, pattern ^ 0x8000u);
        wire[layout.positions] = 1;
        wire[layout.positions + 1] = 4;
        for (int type = 0; type < ALL_TYPES; type++) {
            assert_int_equal(decode(format, (flc_type)type, 5), FLC_OK);
            assert_canonical((flc_type)type, 5);
        }
    }
}

static void padding_is_not_looked_at(void **state)
{
    const flc_format format = {.bits = 1, .group = 256};
    uint64_t random = 24;
    uint8_t before[4];
    (void)state;
    encode(format, FLC_BFLOAT16, 1, &random);
    assert_int_equal(decode(format, FLC_BFLOAT16, 1), FLC_OK);
    memcpy(before, again, 2);
    memset(wire + 4, 0xff, 12);
    memset(wire + 17, 0xff, 15);
    wire[16] = wire[16] | 0xfe;
    assert_int_equal(decode(format, FLC_BFLOAT16, 1), FLC_OK);
    assert_memory_equal(again, before, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(wrong_sizes_are_corrupt),
        cmocka_unit_test(wide_scales_are_normal_or_nan),
        cmocka_unit_test(headers_are_in_range),
        cmocka_unit_test(compact_scales_are_in_range),
        cmocka_unit_test(positions_are_inside_their_group),
        cmocka_unit_test(spikes_may_be_anything),
        cmocka_unit_test(padding_is_not_looked_at),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
