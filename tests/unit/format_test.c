// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What a format is, and how many bytes it takes: flc_format_check, and flc_format_wire_bytes
 * against the formula of docs/format.md written out here a second time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "all_formats.h"
#include "codec/format.h"
#include "flashcomm/flashcomm.h"

static const flc_format raw;
static const flc_format int4 = {.bits = 4, .group = 128};
static const flc_format rotated = {
    .bits = 4, .group = 64, .scheme = FLC_ROTATED, .metadata = FLC_COMPACT};

/* ---- Checks ---- */

static void assert_refused(flc_format format, const char *sentence)
{
    char text[FLC_FORMAT_TEXT_BYTES] = "untouched";
    size_t bytes = 7;
    assert_int_equal(flc_format_check(format), FLC_ERR_INVALID_ARG);
    assert_non_null(strstr(flc_last_error(NULL), sentence));
    assert_int_equal(flc_format_wire_bytes(format, FLC_FLOAT32, 1, &bytes), FLC_ERR_INVALID_ARG);
    assert_int_equal(bytes, 7);
    assert_int_equal(flc_format_print(format, text, sizeof text), FLC_ERR_INVALID_ARG);
    assert_string_equal(text, "untouched");
    assert_true(flc_format_error_bound(format, FLC_FLOAT32, 0, 1, 1) !=
                flc_format_error_bound(format, FLC_FLOAT32, 0, 1, 1)); /* NaN */
}

static void bad_fields_are_named(void **state)
{
    static const uint16_t bad_groups[] = {0, 1, 8, 15, 17, 48, 127, 129, 512, 32768, 65535};
    (void)state;
    for (unsigned bits = 9; bits < 256; bits++) {
        flc_format format = int4;
        format.bits = (uint8_t)bits;
        assert_refused(format, "format.bits is ");
    }
    for (size_t i = 0; i < sizeof bad_groups / sizeof bad_groups[0]; i++) {
        flc_format format = int4;
        format.group = bad_groups[i];
        assert_refused(format, "allowed are 16, 32, 64, 128 and 256");
    }
    for (unsigned value = 2; value < 256; value++) {
        flc_format scheme = int4, spikes = int4, metadata = int4;
        scheme.scheme = (uint8_t)value;
        assert_refused(scheme, "format.scheme is ");
        spikes.spikes = (uint8_t)value;
        assert_refused(spikes, "format.spikes is ");
        metadata.metadata = (uint8_t)value;
        assert_refused(metadata, "format.metadata is ");
        flc_format search = rotated;
        search.search = (uint8_t)value;
        assert_refused(search, "format.search is ");
    }
    for (size_t i = 0; i < sizeof int4.reserved; i++) {
        flc_format format = int4;
        format.reserved[i] = 1;
        assert_refused(format, "format.reserved");
        format.bits = 0;
        assert_refused(format, "format.reserved");
    }
    flc_format format = int4;
    format.bits = 9;
    assert_refused(format, "format.bits is 9: allowed are 0 (raw) to 8");
    format = int4;
    format.group = 48;
    assert_refused(format, "format.group is 48:");
}

static void rotated_formats_are_compact_and_without_spikes(void **state)
{
    flc_format format = rotated;
    (void)state;
    format.metadata = FLC_WIDE;
    assert_refused(format, "format.scheme is FLC_ROTATED, but format.spikes is 0 and "
                           "format.metadata 0");
    format = rotated;
    format.spikes = 1;
    assert_refused(format, "format.scheme is FLC_ROTATED, but format.spikes is 1");
    format = rotated;
    format.search = 1;
    for (format.bits = 1; format.bits <= 8; format.bits++) {
        if (format.bits <= 4) {
            assert_int_equal(flc_format_check(format), FLC_OK);
        } else {
            assert_refused(format, "allowed only with FLC_ROTATED and 1 to 4 bits");
        }
    }
    format = int4;
    format.search = 1;
    assert_refused(format, "format.search is 1");
}

static void raw_has_no_other_field(void **state)
{
    (void)state;
    assert_int_equal(flc_format_check(raw), FLC_OK);
    assert_refused((flc_format){.group = 128}, "format.bits is 0 (raw)");
    assert_refused((flc_format){.scheme = 1}, "format.bits is 0 (raw)");
    assert_refused((flc_format){.spikes = 1}, "format.bits is 0 (raw)");
    assert_refused((flc_format){.metadata = 1}, "format.bits is 0 (raw)");
    assert_refused((flc_format){.search = 1}, "format.bits is 0 (raw)");
}

static void all_formats_are_distinct_and_good(void **state)
{
    (void)state;
    assert_int_equal(sizeof(flc_format), 16);
    for (int i = 0; i < ALL_FORMATS; i++) {
        const flc_format format = all_formats_at(i);
        assert_int_equal(flc_format_check(format), FLC_OK);
        for (int j = 0; j < i; j++) {
            const flc_format other = all_formats_at(j);
            assert_memory_not_equal(&format, &other, sizeof format);
        }
    }
}

static void types_have_names_and_sizes(void **state)
{
    size_t bytes = 7;
    (void)state;
    assert_int_equal(flc_type_bytes(FLC_FLOAT32), 4);
    assert_int_equal(flc_type_bytes(FLC_FLOAT16), 2);
    assert_int_equal(flc_type_bytes(FLC_BFLOAT16), 2);
    assert_int_equal(flc_type_bytes((flc_type)3), 0);
    assert_string_equal(flc_type_name(FLC_FLOAT32), "fp32");
    assert_string_equal(flc_type_name(FLC_FLOAT16), "fp16");
    assert_string_equal(flc_type_name(FLC_BFLOAT16), "bf16");
    assert_string_equal(flc_type_name((flc_type)3), "unknown");
    assert_int_equal(flc_format_wire_bytes(int4, (flc_type)3, 1, &bytes), FLC_ERR_INVALID_ARG);
    assert_non_null(strstr(flc_last_error(NULL), "type is 3: allowed are FLC_FLOAT32"));
    assert_int_equal(bytes, 7);
    assert_int_equal(flc_format_wire_bytes(int4, FLC_FLOAT32, 1, NULL), FLC_ERR_INVALID_ARG);
    assert_non_null(strstr(flc_last_error(NULL), "wire_bytes is NULL"));
}

/* ---- Sizes, from docs/format.md ---- */

static size_t a16(size_t x)
{
    return (x + 15) / 16 * 16;
}

static size_t formula_planes(size_t codes, int bits)
{
    static const int split[9][4] = {{0}, {1}, {2}, {2, 1}, {4}, {4, 1}, {4, 2}, {4, 2, 1}, {8}};
    size_t bytes = 0;
    for (int p = 0; p < 4 && split[bits][p] != 0; p++) {
        const size_t width = (size_t)split[bits][p];
        bytes += a16(4 * ((codes * width + 31) / 32));
    }
    return bytes;
}

static int log2_of(int power)
{
    int exponent = 0;
    while (1 << exponent < power) {
        exponent++;
    }
    return exponent;
}

static size_t formula_block(flc_format format, flc_type type, size_t n)
{
    const int compact = format.metadata == FLC_COMPACT;
    size_t groups, bytes;
    if (format.bits == 0 || n == 0) {
        return n * (type == FLC_FLOAT32 ? 4 : 2);
    }
    groups = (n + format.group - 1) / format.group;
    bytes = compact ? 16 : 0;
    bytes += a16(groups * (compact ? 1 : 2) * (format.scheme == FLC_ASYMMETRIC ? 2 : 1));
    if (format.spikes) {
        bytes += a16(4 * groups) + formula_planes(2 * groups, compact ? log2_of(format.group) : 8);
    }
    return bytes +
           formula_planes(format.scheme == FLC_ROTATED ? groups * format.group : n, format.bits);
}

/* 1 and the size, or 0 where it does not fit. */
static int formula(flc_format format, flc_type type, size_t count, size_t *bytes)
{
    const size_t block = formula_block(format, type, 4096);
    const size_t last = formula_block(format, type, count % 4096);
    if (count / 4096 > (SIZE_MAX - last) / block) {
        return 0;
    }
    *bytes = count / 4096 * block + last;
    return 1;
}

static void check_size(flc_format format, flc_type type, size_t count)
{
    size_t expected = 0, bytes = 7;
    if (formula(format, type, count, &expected)) {
        assert_int_equal(flc_format_wire_bytes(format, type, count, &bytes), FLC_OK);
        assert_int_equal(bytes, expected);
    } else {
        assert_int_equal(flc_format_wire_bytes(format, type, count, &bytes), FLC_ERR_INVALID_ARG);
        assert_non_null(strstr(flc_last_error(NULL), "its encoded size overflows"));
        assert_int_equal(bytes, 7);
    }
}

static void check_sizes(flc_format format, flc_type type)
{
    const size_t g = format.bits == 0 ? 128 : format.group;
    const size_t block_bytes = formula_block(format, type, 4096);
    const size_t counts[] = {
        0,
        1,
        2,
        g - 1,
        g,
        g + 1,
        1009,
        4095,
        4096,
        4097,
        1000000,
        SIZE_MAX,
        SIZE_MAX - 1,
        SIZE_MAX / 2,
        SIZE_MAX / 4,
        SIZE_MAX / 4 + 1,
        SIZE_MAX / 2 + 1,
        SIZE_MAX - 4095,
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        check_size(format, type, counts[i]);
    }
    if (block_bytes >= 4096) { /* the largest count that fits, and the next block's */
        const size_t most = SIZE_MAX / block_bytes * 4096;
        check_size(format, type, most);
        check_size(format, type, most + 1);
        check_size(format, type, most + 4095);
        check_size(format, type, most + 4096);
    }
}

static void sizes_follow_the_formula(void **state)
{
    (void)state;
    for (int type = 0; type < ALL_TYPES; type++) {
        check_sizes(raw, (flc_type)type);
        for (int i = 0; i < ALL_FORMATS; i++) {
            check_sizes(all_formats_at(i), (flc_type)type);
        }
    }
}

static void blocks_fit_the_largest(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= FLC_BLOCK_ELEMS; n += n < 600 ? 1 : 97) {
        for (int i = 0; i < ALL_FORMATS; i++) {
            const uint32_t bytes = flci_block_bytes(all_formats_at(i), FLC_FLOAT32, n);
            assert_int_equal(bytes, formula_block(all_formats_at(i), FLC_FLOAT32, n));
            assert_true(bytes <= FLCI_BLOCK_MAX_BYTES);
            assert_int_equal(bytes % 16, 0);
        }
    }
    for (int i = 0; i < ALL_FORMATS; i++) {
        assert_true(flci_block_bytes(all_formats_at(i), FLC_FLOAT32, FLC_BLOCK_ELEMS) <=
                    FLCI_BLOCK_MAX_BYTES);
    }
    for (int type = 0; type < ALL_TYPES; type++) {
        assert_true(flci_block_bytes(raw, (flc_type)type, FLC_BLOCK_ELEMS) <= FLCI_BLOCK_MAX_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_fields_are_named),
        cmocka_unit_test(rotated_formats_are_compact_and_without_spikes),
        cmocka_unit_test(raw_has_no_other_field),
        cmocka_unit_test(all_formats_are_distinct_and_good),
        cmocka_unit_test(types_have_names_and_sizes),
        cmocka_unit_test(sizes_follow_the_formula),
        cmocka_unit_test(blocks_fit_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
