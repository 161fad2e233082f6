// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What flc_encode and flc_decode refuse, with which words, and that they then write nothing; which
 * row they use; and bounds of arguments that make no sense.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "all_formats.h"
#include "codec/codec_rows.h"
#include "flashcomm/flashcomm.h"

#define COUNT 100

static const flc_format int4 = {.bits = 4, .group = 32};
static const flc_format raw;

static _Alignas(16) uint8_t elems[4 * COUNT + 4], wire[4 * COUNT + 4];

static size_t bytes_of(flc_format format, flc_type type, size_t count)
{
    size_t bytes = 0;
    assert_int_equal(flc_format_wire_bytes(format, type, count, &bytes), FLC_OK);
    return bytes;
}

static void assert_encode_refuses(flc_format format, flc_type type, const void *src, size_t count,
                                  void *to, size_t bytes, const char *sentence)
{
    flc_stats stats = {1, 2};
    uint8_t before[sizeof wire];
    memcpy(before, wire, sizeof wire);
    assert_int_equal(flc_encode(format, type, src, count, to, bytes, &stats), FLC_ERR_INVALID_ARG);
    assert_non_null(strstr(flc_last_error(NULL), sentence));
    assert_memory_equal(before, wire, sizeof wire);
    assert_true(stats.groups == 1 && stats.nonfinite_groups == 2);
}

static void assert_decode_refuses(flc_format format, flc_type type, const void *from, size_t bytes,
                                  void *dst, size_t count, const char *sentence)
{
    uint8_t before[sizeof elems];
    memcpy(before, elems, sizeof elems);
    assert_int_equal(flc_decode(format, type, from, bytes, dst, count), FLC_ERR_INVALID_ARG);
    assert_non_null(strstr(flc_last_error(NULL), sentence));
    assert_memory_equal(before, elems, sizeof elems);
}

static void bad_arguments_are_named(void **state)
{
    const size_t bytes = bytes_of(int4, FLC_FLOAT32, COUNT);
    const flc_format bad = {.bits = 9, .group = 32};
    const flc_type no_type = (flc_type)7;
    (void)state;
    assert_encode_refuses(bad, FLC_FLOAT32, elems, COUNT, wire, bytes, "format.bits is 9");
    assert_decode_refuses(bad, FLC_FLOAT32, wire, bytes, elems, COUNT, "format.bits is 9");
    assert_encode_refuses(int4, no_type, elems, COUNT, wire, bytes, "type is 7");
    assert_decode_refuses(int4, no_type, wire, bytes, elems, COUNT, "type is 7");
    assert_encode_refuses(int4, FLC_FLOAT32, NULL, COUNT, wire, bytes, "src is NULL");
    assert_decode_refuses(int4, FLC_FLOAT32, wire, bytes, NULL, COUNT, "dst is NULL");
    assert_encode_refuses(int4, FLC_FLOAT32, elems, COUNT, NULL, bytes, "wire is NULL");
    assert_decode_refuses(int4, FLC_FLOAT32, NULL, bytes, elems, COUNT, "wire is NULL");
    assert_encode_refuses(int4, FLC_FLOAT32, elems, COUNT, wire, bytes - 1, "wire_bytes is ");
    assert_encode_refuses(int4, FLC_FLOAT32, elems, COUNT, wire, bytes + 16, "wire_bytes is ");
    assert_encode_refuses(raw, FLC_FLOAT32, elems, SIZE_MAX, wire, bytes, "count is ");
    assert_decode_refuses(raw, FLC_FLOAT32, wire, bytes, elems, SIZE_MAX, "count is ");
}

static void elements_are_aligned(void **state)
{
    (void)state;
    for (int type = 0; type < ALL_TYPES; type++) {
        const size_t size = flc_type_bytes((flc_type)type);
        const size_t bytes = bytes_of(int4, (flc_type)type, COUNT);
        for (size_t shift = 1; shift < size; shift++) {
            assert_encode_refuses(int4, (flc_type)type, elems + shift, COUNT, wire, bytes,
                                  "not aligned to an element of ");
            assert_decode_refuses(int4, (flc_type)type, wire, bytes, elems + shift, COUNT,
                                  "not aligned to an element of ");
        }
        assert_int_equal(flc_encode(int4, (flc_type)type, elems + size, COUNT, wire, bytes, NULL),
                         FLC_OK);
        assert_int_equal(flc_decode(int4, (flc_type)type, wire, bytes, elems + size, COUNT),
                         FLC_OK);
    }
}

/* One buffer of elements, the wire in front of it, inside it, behind it. */
static void elements_and_wire_are_apart(void **state)
{
    static _Alignas(16) uint8_t both[16 * COUNT];
    const size_t elems_bytes = 4 * COUNT, bytes = bytes_of(int4, FLC_FLOAT32, COUNT);
    uint8_t *middle = both + 4 * COUNT;
    (void)state;
    for (size_t at = 4 * COUNT - bytes; at <= 8 * COUNT; at++) {
        const int is_apart = at == 4 * COUNT - bytes || at == 4 * COUNT + elems_bytes;
        const flc_status expected = is_apart ? FLC_OK : FLC_ERR_INVALID_ARG;
        assert_int_equal(flc_encode(int4, FLC_FLOAT32, middle, COUNT, both + at, bytes, NULL),
                         expected);
        if (!is_apart) {
            assert_non_null(strstr(flc_last_error(NULL), "src and wire overlap"));
        }
        assert_int_equal(flc_decode(int4, FLC_FLOAT32, both + at, bytes, middle, COUNT), expected);
    }
}

static void no_elements_need_no_buffers(void **state)
{
    flc_stats stats = {1, 2};
    (void)state;
    assert_int_equal(flc_encode(int4, FLC_FLOAT16, NULL, 0, NULL, 0, &stats), FLC_OK);
    assert_int_equal(flc_encode(raw, FLC_FLOAT16, NULL, 0, NULL, 0, NULL), FLC_OK);
    assert_int_equal(flc_decode(int4, FLC_FLOAT16, NULL, 0, NULL, 0), FLC_OK);
    assert_int_equal(flc_decode(raw, FLC_FLOAT16, NULL, 0, NULL, 0), FLC_OK);
    assert_true(stats.groups == 1 && stats.nonfinite_groups == 2);
}

static void counters_are_added_to(void **state)
{
    const size_t bytes = bytes_of(int4, FLC_FLOAT32, COUNT);
    flc_stats stats = {0};
    float x[COUNT] = {0};
    (void)state;
    x[40] = (float)NAN;
    for (unsigned call = 1; call <= 3; call++) {
        assert_int_equal(flc_encode(int4, FLC_FLOAT32, x, COUNT, wire, bytes, &stats), FLC_OK);
        assert_int_equal(stats.groups, 4 * call);
        assert_int_equal(stats.nonfinite_groups, call);
    }
}

static void rows_are_chosen_by_name(void **state)
{
    const struct flci_codec_row *row = NULL;
    size_t rows = 0;
    (void)state;
    assert_ptr_equal(flci_codec_row_at(0), &flci_codec_ref);
    for (const struct flci_codec_row *each; (each = flci_codec_row_at(rows)) != NULL; rows++) {
        assert_int_equal(setenv("FLC_CPU", each->name, 1), 0);
        assert_int_equal(flci_codec_row_choose(&row), FLC_OK);
        assert_ptr_equal(row, each);
    }
    assert_null(flci_codec_row_at(SIZE_MAX));
    assert_int_equal(setenv("FLC_CPU", "auto", 1), 0);
    assert_int_equal(flci_codec_row_choose(&row), FLC_OK);
    assert_ptr_equal(row, flci_codec_row_at(rows - 1));
    assert_int_equal(unsetenv("FLC_CPU"), 0);
}

/* The sentence names the value and the rows of this processor, from slowest to fastest. */
static void assert_row_is_refused(const char *name)
{
    const size_t bytes = bytes_of(int4, FLC_FLOAT32, COUNT);
    const struct flci_codec_row *row;
    char sentence[256];
    int length = snprintf(sentence, sizeof sentence,
                          "FLC_CPU is '%s': allowed on this processor are auto", name);
    for (size_t i = 0; (row = flci_codec_row_at(i)) != NULL; i++) {
        length += snprintf(sentence + length, sizeof sentence - (size_t)length, ", %s", row->name);
    }
    assert_int_equal(setenv("FLC_CPU", name, 1), 0);
    assert_encode_refuses(int4, FLC_FLOAT32, elems, COUNT, wire, bytes, sentence);
    assert_decode_refuses(int4, FLC_FLOAT32, wire, bytes, elems, COUNT, sentence);
    assert_int_equal(unsetenv("FLC_CPU"), 0);
}

/* Rows of other processors among them: no processor has all. */
static void other_rows_are_refused(void **state)
{
    static const char *const names[] = {"avx2", "avx512", "neon", "abacus", "REF", "avx", "ref "};
    size_t refused = 0;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct flci_codec_row *row;
        size_t at = 0;
        while ((row = flci_codec_row_at(at)) != NULL && strcmp(row->name, names[i]) != 0) {
            at++;
        }
        if (row == NULL) {
            assert_row_is_refused(names[i]);
            refused++;
        }
    }
    assert_true(refused >= 5);
}

/* A wider range never has a smaller bound: whoever knows a range roughly is still safe. */
static void bounds_grow_with_the_range(void **state)
{
    static const double ends[] = {-3e38, -65504, -17000, -1, -0.9,  -1e-3, -1e-30, 0,
                                  1e-30, 1e-3,   0.9,    1,  17000, 65504, 3e38};
    const int count = sizeof ends / sizeof ends[0];
    (void)state;
    for (int i = 0; i < ALL_FORMATS * ALL_TYPES; i++) {
        const flc_format format = all_formats_at(i / ALL_TYPES);
        const flc_type type = (flc_type)(i % ALL_TYPES);
        for (int low = 0; low < count; low++) {
            double previous = 0.0;
            for (int high = low; high < count; high++) {
                const double block_max = fmax(fabs(ends[low]), fabs(ends[high]));
                const double bound =
                    flc_format_error_bound(format, type, ends[low], ends[high], block_max);
                assert_true(bound >= previous);
                assert_true(flc_format_error_bound(format, type, ends[low], ends[high], 3.3e38) >=
                            bound);
                previous = bound;
            }
        }
    }
}

static void bounds_of_nonsense_are_nan(void **state)
{
    (void)state;
    assert_true(isnan(flc_format_error_bound(int4, (flc_type)3, -1, 1, 1)));
    assert_true(isnan(flc_format_error_bound((flc_format){.bits = 9}, FLC_FLOAT32, -1, 1, 1)));
    assert_true(isnan(flc_format_spike_bound((flc_type)3, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(elements_are_aligned),
        cmocka_unit_test(elements_and_wire_are_apart),
        cmocka_unit_test(no_elements_need_no_buffers),
        cmocka_unit_test(counters_are_added_to),
        cmocka_unit_test(rows_are_chosen_by_name),
        cmocka_unit_test(other_rows_are_refused),
        cmocka_unit_test(bounds_grow_with_the_range),
        cmocka_unit_test(bounds_of_nonsense_are_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
