// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * JSON output: layout, escapes, numbers that JSON cannot hold.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json_writer.h"

/* What `write` writes; the caller frees it. */
static char *written(void (*write)(struct json_writer *))
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *const stream = open_memstream(&text, &bytes);
    assert_non_null(stream);
    struct json_writer writer;
    json_start(&writer, stream);
    write(&writer);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void assert_written(void (*write)(struct json_writer *), const char *expected)
{
    char *const text = written(write);
    assert_string_equal(text, expected);
    free(text);
}

static void write_nested(struct json_writer *json)
{
    json_begin_object(json, NULL);
    json_text(json, "name", "a");
    json_begin_array(json, "list");
    json_unsigned(json, NULL, 1);
    json_begin_object(json, NULL);
    json_end_object(json);
    json_begin_array(json, NULL);
    json_end_array(json);
    json_end_array(json);
    json_boolean(json, "yes", true);
    json_boolean(json, "no", false);
    json_end_object(json);
}

static void layout_is_indented(void **state)
{
    (void)state;
    assert_written(write_nested, "{\n"
                                 "  \"name\": \"a\",\n"
                                 "  \"list\": [\n"
                                 "    1,\n"
                                 "    {},\n"
                                 "    []\n"
                                 "  ],\n"
                                 "  \"yes\": true,\n"
                                 "  \"no\": false\n"
                                 "}\n");
}

static void write_strings(struct json_writer *json)
{
    json_begin_array(json, NULL);
    json_text(json, NULL, "\"\\/\n\t\x01");
    json_text(json, NULL, "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    json_text(json, NULL, "\xff \xc3 \xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82");
    json_text(json, NULL, NULL);
    json_end_array(json);
}

static void strings_are_escaped(void **state)
{
    (void)state;
    assert_written(write_strings, "[\n"
                                  "  \"\\\"\\\\/\\u000a\\u0009\\u0001\",\n"
                                  "  \"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\",\n"
                                  "  \"\\ufffd \\ufffd \\ufffd\\ufffd \\ufffd\\ufffd\\ufffd "
                                  "\\ufffd\\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\",\n"
                                  "  null\n"
                                  "]\n");
}

static void write_numbers(struct json_writer *json)
{
    json_begin_array(json, NULL);
    json_real(json, NULL, 0.1);
    json_real(json, NULL, -0.0);
    json_real(json, NULL, 1.0 / 3.0);
    json_real(json, NULL, 1e300);
    json_real(json, NULL, (double)NAN);
    json_real(json, NULL, (double)INFINITY);
    json_real(json, NULL, -(double)INFINITY);
    json_unsigned(json, NULL, UINT64_MAX);
    json_integer(json, NULL, INT64_MIN);
    json_end_array(json);
}

static void numbers_are_shortest_and_finite(void **state)
{
    (void)state;
    assert_written(
        write_numbers,
        "[\n  0.1,\n  -0,\n  0.3333333333333333,\n  1e+300,\n"
        "  null,\n  null,\n  null,\n  18446744073709551615,\n  -9223372036854775808\n]\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_indented),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(numbers_are_shortest_and_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
