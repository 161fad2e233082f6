// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The text form of formats: what is read, what is refused and with which words, what is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "all_formats.h"
#include "flashcomm/flashcomm.h"

static void assert_same(flc_format a, flc_format b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static flc_format format_of(int bits, int group, enum flc_scheme scheme, int spikes,
                            enum flc_metadata metadata)
{
    return (flc_format){.bits = (uint8_t)bits,
                        .group = (uint16_t)group,
                        .scheme = (uint8_t)scheme,
                        .spikes = (uint8_t)spikes,
                        .metadata = (uint8_t)metadata};
}

static flc_format parsed(const char *text)
{
    flc_format format;
    memset(&format, 0xee, sizeof format);
    if (flc_format_parse(text, &format) != FLC_OK) {
        fail_msg("'%s' was refused: %s", text, flc_last_error(NULL));
    }
    return format;
}

static void good_texts_are_read(void **state)
{
    (void)state;
    assert_same(parsed("raw"), (flc_format){0});
    assert_same(parsed("int1"), format_of(1, 128, FLC_ASYMMETRIC, 0, FLC_WIDE));
    assert_same(parsed("int8"), format_of(8, 128, FLC_ASYMMETRIC, 0, FLC_WIDE));
    assert_same(parsed("int4:g128:asym:wide"), format_of(4, 128, FLC_ASYMMETRIC, 0, FLC_WIDE));
    assert_same(parsed("int5:g64"), format_of(5, 64, FLC_ASYMMETRIC, 0, FLC_WIDE));
    assert_same(parsed("int5:g64:sym"), format_of(5, 64, FLC_SYMMETRIC, 0, FLC_WIDE));
    assert_same(parsed("int3:spike"), format_of(3, 128, FLC_ASYMMETRIC, 1, FLC_WIDE));
    assert_same(parsed("int2:g32:spike:compact"), format_of(2, 32, FLC_ASYMMETRIC, 1, FLC_COMPACT));
    assert_same(parsed("int7:compact:g16:sym"), format_of(7, 16, FLC_SYMMETRIC, 0, FLC_COMPACT));
    assert_same(parsed("int6:g256"), format_of(6, 256, FLC_ASYMMETRIC, 0, FLC_WIDE));
    assert_same(parsed("int6:rot"), format_of(6, 128, FLC_ROTATED, 0, FLC_COMPACT));
    assert_same(parsed("int5:g64:compact:rot"), format_of(5, 64, FLC_ROTATED, 0, FLC_COMPACT));
    flc_format searched = format_of(3, 32, FLC_ROTATED, 0, FLC_COMPACT);
    searched.search = 1;
    assert_same(parsed("int3:g32:rot:search"), searched);
    assert_same(parsed("int3:search:rot:g32"), searched);
}

/* Every preset is read by its name, and is a format whose own text gives it again. */
static void presets_are_read_by_name(void **state)
{
    double previous = 0.0;
    size_t index = 0;
    const char *name, *summary;
    flc_format format, reduce, gather;
    (void)state;
    for (; flc_preset_at(index, &name, &format, &summary) == FLC_OK; index++) {
        char text[FLC_FORMAT_TEXT_BYTES];
        size_t bytes = 0;
        assert_same(parsed(name), format);
        assert_int_equal(flc_format_print(format, text, sizeof text), FLC_OK);
        assert_same(parsed(text), format);
        assert_true(strlen(summary) > 0);
        assert_int_equal(flc_format_wire_bytes(format, FLC_BFLOAT16, 4096, &bytes), FLC_OK);
        assert_true((double)bytes > previous); /* fewest wire bits first */
        previous = (double)bytes;
    }
    assert_int_equal(index, 5);
    assert_int_equal(flc_preset_at(index, NULL, NULL, NULL), FLC_ERR_INVALID_ARG);
    assert_non_null(strstr(flc_last_error(NULL), "index is 5: there are 5 presets"));
    assert_int_equal(flc_preset_at(0, NULL, NULL, NULL), FLC_OK);
    assert_int_equal(flc_format_parse_pair("fast/int8", &reduce, &gather), FLC_OK);
    assert_same(reduce, parsed("fast"));
    assert_same(gather, parsed("int8"));
}

/* Every order of four options, for every choice of their values. */
static void options_come_in_any_order(void **state)
{
    static const char *const groups[] = {"g16", "g32", "g64", "g128", "g256"};
    static const char *const schemes[] = {"asym", "sym"};
    static const char *const forms[] = {"wide", "compact"};
    (void)state;
    for (int choice = 0; choice < 20; choice++) {
        const char *const words[4] = {groups[choice / 4], schemes[choice / 2 % 2], "spike",
                                      forms[choice % 2]};
        const flc_format expected = format_of(3, 16 << choice / 4, choice / 2 % 2 != 0, 1,
                                              choice % 2 != 0 ? FLC_COMPACT : FLC_WIDE);
        for (int order = 0; order < 256; order++) {
            const int a = order & 3, b = order >> 2 & 3, c = order >> 4 & 3, d = order >> 6;
            char text[FLC_FORMAT_TEXT_BYTES];
            if ((1 << a | 1 << b | 1 << c | 1 << d) != 15) {
                continue;
            }
            (void)snprintf(text, sizeof text, "int3:%s:%s:%s:%s", words[a], words[b], words[c],
                           words[d]);
            assert_same(parsed(text), expected);
        }
    }
}

/* A text, the character its error is at (from 1), the word quoted there, and what is said. */
static const struct {
    const char *text;
    int at;
    const char *word, *said;
} bad[] = {
    {"", 1, "", "is no format: expected 'raw', 'int1' to 'int8' or a preset"},
    {":", 1, "", "is no format"},
    {"int", 1, "int", "has a bad width: allowed are int1 to int8"},
    {"int0", 1, "int0", "has a bad width"},
    {"int9", 1, "int9", "has a bad width"},
    {"int10", 1, "int10", "has a bad width"},
    {"int04", 1, "int04", "has a bad width"},
    {"int4294967300", 1, "int4294967300", "has a bad width"},
    {"int-4", 1, "int-4", "has a bad width"},
    {"int+4", 1, "int+4", "has a bad width"},
    {"int 4", 1, "int 4", "has a bad width"},
    {"int4 ", 1, "int4 ", "has a bad width"},
    {"int4x", 1, "int4x", "has a bad width"},
    {"int4/int8", 1, "int4/int8", "has a bad width"},
    {" int4", 1, " int4", "is no format"},
    {"INT4", 1, "INT4", "is no format"},
    {"in", 1, "in", "is no format"},
    {"fp16", 1, "fp16", "is no format"},
    {"Raw", 1, "Raw", "is no format"},
    {"rawx", 1, "rawx", "is no format"},
    {"raw:", 1, "raw", "takes no options"},
    {"raw:g32", 1, "raw", "takes no options"},
    {"fast:g32", 1, "fast", "takes no options"},
    {"fas", 1, "fas", "is no format"},
    {"faster", 1, "faster", "is no format"},
    {"int4:rot:spike", 1, "int4:rot:spike", "combines rot and spike"},
    {"int4:wide:rot", 1, "int4:wide:rot", "combines rot and wide"},
    {"int4:search", 1, "int4:search", "asks for search: only rot of int1 to int4"},
    {"int5:rot:search", 1, "int5:rot:search", "asks for search: only rot of int1 to int4"},
    {"int4:rot:search:search", 17, "search", "says again"},
    {"int4:rot:sym", 10, "sym", "says again"},
    {"int4:", 6, "",
     "is no option: allowed are g16 to g256, asym, sym, rot, spike, compact, wide and search"},
    {"int4::sym", 6, "", "is no option"},
    {"int4:sym:", 10, "", "is no option"},
    {"int4:raw", 6, "raw", "is no option"},
    {"int4:int4", 6, "int4", "is no option"},
    {"int4:symm", 6, "symm", "is no option"},
    {"int4:SYM", 6, "SYM", "is no option"},
    {"int4:spikes", 6, "spikes", "is no option"},
    {"int4:32", 6, "32", "is no option"},
    {"int4:sym:fine", 10, "fine", "is no option"},
    {"int4:g", 6, "g", "is a bad group: allowed are g16, g32, g64, g128 and g256"},
    {"int4:g0", 6, "g0", "is a bad group"},
    {"int4:g8", 6, "g8", "is a bad group"},
    {"int4:g48", 6, "g48", "is a bad group"},
    {"int4:g512", 6, "g512", "is a bad group"},
    {"int4:g032", 6, "g032", "is a bad group"},
    {"int4:g4294967328", 6, "g4294967328", "is a bad group"},
    {"int4:gx", 6, "gx", "is a bad group"},
    {"int4:g-32", 6, "g-32", "is a bad group"},
    {"int4:g32:g32", 10, "g32", "says again what an earlier option said"},
    {"int4:g32:g64", 10, "g64", "says again"},
    {"int4:sym:sym", 10, "sym", "says again"},
    {"int4:sym:asym", 10, "asym", "says again"},
    {"int4:spike:sym:spike", 16, "spike", "says again"},
    {"int4:compact:wide", 14, "wide", "says again"},
};

static void assert_said(const char *text, int at, const char *word, const char *said)
{
    char expected[256];
    (void)snprintf(expected, sizeof expected, "format '%s', character %d: '%s' %s", text, at, word,
                   said);
    if (strncmp(flc_last_error(NULL), expected, strlen(expected)) != 0) {
        fail_msg("'%s' instead of '%s'", flc_last_error(NULL), expected);
    }
}

static void bad_texts_are_refused_in_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        flc_format format = format_of(7, 64, FLC_SYMMETRIC, 1, FLC_COMPACT);
        const flc_format before = format;
        if (flc_format_parse(bad[i].text, &format) != FLC_ERR_INVALID_ARG) {
            fail_msg("'%s' was accepted", bad[i].text);
        }
        assert_said(bad[i].text, bad[i].at, bad[i].word, bad[i].said);
        assert_same(format, before);
    }
}

static void long_texts_are_cut_in_messages(void **state)
{
    char text[4000];
    flc_format format;
    (void)state;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(flc_format_parse(text, &format), FLC_ERR_INVALID_ARG);
    assert_non_null(strstr(flc_last_error(NULL), "is no format: expected 'raw'"));
    memcpy(text, "int4:g", 6);
    assert_int_equal(flc_format_parse(text, &format), FLC_ERR_INVALID_ARG);
    assert_non_null(strstr(flc_last_error(NULL), "is a bad group: allowed are g16"));
}

static void pairs_are_two_formats(void **state)
{
    flc_format reduce, gather;
    (void)state;
    assert_int_equal(flc_format_parse_pair("int4/int8", &reduce, &gather), FLC_OK);
    assert_same(reduce, parsed("int4"));
    assert_same(gather, parsed("int8"));
    assert_int_equal(flc_format_parse_pair("int2:g32:spike:compact/raw", &reduce, &gather), FLC_OK);
    assert_same(reduce, parsed("int2:g32:spike:compact"));
    assert_same(gather, parsed("raw"));
    assert_int_equal(flc_format_parse_pair("raw/int5:sym", &reduce, &gather), FLC_OK);
    assert_same(reduce, parsed("raw"));
    assert_same(gather, parsed("int5:sym"));
    assert_int_equal(flc_format_parse_pair("int3:g16", &reduce, &gather), FLC_OK);
    assert_same(reduce, parsed("int3:g16"));
    assert_same(gather, parsed("int3:g16"));
}

static void bad_pairs_are_refused_in_words(void **state)
{
    static const struct {
        const char *text;
        int at;
        const char *word, *said;
    } bad_pairs[] = {
        {"", 1, "", "is no format"},
        {"/", 1, "", "is no format"},
        {"/int4", 1, "", "is no format"},
        {"int4/", 6, "", "is no format"},
        {"int4/int9", 6, "int9", "has a bad width"},
        {"int9/int4", 1, "int9", "has a bad width"},
        {"int4:/int4", 6, "", "is no option"},
        {"int4/int8/int8", 6, "int8/int8", "has a bad width"},
        {"int4:sym/int8:g33", 15, "g33", "is a bad group"},
        {"raw:sym/raw", 1, "raw", "takes no options"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad_pairs / sizeof bad_pairs[0]; i++) {
        flc_format reduce = parsed("int7"), gather = parsed("int6");
        if (flc_format_parse_pair(bad_pairs[i].text, &reduce, &gather) != FLC_ERR_INVALID_ARG) {
            fail_msg("'%s' was accepted", bad_pairs[i].text);
        }
        assert_said(bad_pairs[i].text, bad_pairs[i].at, bad_pairs[i].word, bad_pairs[i].said);
        assert_same(reduce, parsed("int7"));
        assert_same(gather, parsed("int6"));
    }
}

static void null_arguments_are_named(void **state)
{
    flc_format format;
    (void)state;
    assert_int_equal(flc_format_parse(NULL, &format), FLC_ERR_INVALID_ARG);
    assert_string_equal(flc_last_error(NULL), "text is NULL");
    assert_int_equal(flc_format_parse("int4", NULL), FLC_ERR_INVALID_ARG);
    assert_string_equal(flc_last_error(NULL), "format is NULL");
    assert_int_equal(flc_format_parse_pair("int4", NULL, &format), FLC_ERR_INVALID_ARG);
    assert_string_equal(flc_last_error(NULL), "reduce is NULL");
    assert_int_equal(flc_format_parse_pair("int4", &format, NULL), FLC_ERR_INVALID_ARG);
    assert_string_equal(flc_last_error(NULL), "gather is NULL");
    assert_int_equal(flc_format_print(parsed("int4"), NULL, 64), FLC_ERR_INVALID_ARG);
    assert_string_equal(flc_last_error(NULL), "text is NULL");
}

static void check_round_trip(flc_format format)
{
    char text[FLC_FORMAT_TEXT_BYTES], pair[FLC_FORMAT_TEXT_BYTES], cut[FLC_FORMAT_TEXT_BYTES];
    flc_format reduce, gather;
    assert_int_equal(flc_format_print(format, text, sizeof text), FLC_OK);
    assert_same(parsed(text), format);
    /* FLC_FORMAT_TEXT_BYTES also has room for a pair. */
    assert_true((size_t)snprintf(pair, sizeof pair, "%s/%s", text, text) < sizeof pair);
    assert_int_equal(flc_format_parse_pair(pair, &reduce, &gather), FLC_OK);
    assert_same(reduce, format);
    assert_same(gather, format);
    /* Room to the byte is enough, one less is not. */
    memset(cut, '!', sizeof cut);
    assert_int_equal(flc_format_print(format, cut, strlen(text) + 1), FLC_OK);
    assert_string_equal(cut, text);
    assert_int_equal(cut[strlen(text) + 1], '!');
    memset(cut, '!', sizeof cut);
    assert_int_equal(flc_format_print(format, cut, strlen(text)), FLC_ERR_INVALID_ARG);
    assert_int_equal(cut[0], '!');
    assert_non_null(strstr(flc_last_error(NULL), "text_bytes is "));
}

static void printed_texts_are_read_again(void **state)
{
    (void)state;
    check_round_trip((flc_format){0});
    for (int i = 0; i < ALL_FORMATS; i++) {
        check_round_trip(all_formats_at(i));
    }
}

static void printed_texts_are_short(void **state)
{
    static const char *const pairs[][2] = {
        {"raw", "raw"},
        {"int4:wide:asym:g128", "int4"},
        {"int2:compact:spike:g32", "int2:g32:spike:compact"},
        {"int5:sym:g64", "int5:g64:sym"},
        {"int8:spike:sym:compact:g256", "int8:g256:sym:spike:compact"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char text[FLC_FORMAT_TEXT_BYTES];
        assert_int_equal(flc_format_print(parsed(pairs[i][0]), text, sizeof text), FLC_OK);
        assert_string_equal(text, pairs[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_are_read),
        cmocka_unit_test(presets_are_read_by_name),
        cmocka_unit_test(options_come_in_any_order),
        cmocka_unit_test(bad_texts_are_refused_in_words),
        cmocka_unit_test(long_texts_are_cut_in_messages),
        cmocka_unit_test(pairs_are_two_formats),
        cmocka_unit_test(bad_pairs_are_refused_in_words),
        cmocka_unit_test(null_arguments_are_named),
        cmocka_unit_test(printed_texts_are_read_again),
        cmocka_unit_test(printed_texts_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
