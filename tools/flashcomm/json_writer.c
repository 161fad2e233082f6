// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Writes JSON: see json_writer.h. Nesting needs no stack: a container that just ended is an
 * element of the one around it, so that one has elements.
 */
#include "json_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void json_start(struct json_writer *writer, FILE *out)
{
    *writer = (struct json_writer){.out = out};
}

static void new_line(const struct json_writer *writer)
{
    (void)fprintf(writer->out, "\n%*s", 2 * writer->depth, "");
}

/*
 * Bytes of the UTF-8 sequence at `text`, 0 where there is none: continuation bytes are 10xxxxxx,
 * and overlong forms, surrogates and values above U+10FFFF are not allowed.
 */
static size_t utf8_bytes(const unsigned char *text)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char lead = text[0];
    if (lead < 0x80) {
        return 1;
    }
    const size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc0 || lead > 0xf7) {
        return 0;
    }
    uint32_t value = lead & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80) { /* also at the final NUL */
            return 0;
        }
        value = value << 6 | (text[i] & 0x3fu);
    }
    if (value < smallest[bytes] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }
    return bytes;
}

static void write_string(FILE *out, const char *value)
{
    (void)fputc('"', out);
    const unsigned char *text = (const unsigned char *)value;
    while (*text != '\0') {
        const size_t bytes = utf8_bytes(text);
        if (bytes == 0) {
            (void)fputs("\\ufffd", out);
        } else if (*text == '"' || *text == '\\') {
            (void)fprintf(out, "\\%c", *text);
        } else if (*text < 0x20) {
            (void)fprintf(out, "\\u%04x", *text);
        } else {
            (void)fwrite(text, 1, bytes, out);
        }
        text += bytes == 0 ? 1 : bytes;
    }
    (void)fputc('"', out);
}

/* Everything that stands before a value: comma, line, key. */
static void before_value(struct json_writer *writer, const char *key)
{
    if (writer->has_elements) {
        (void)fputc(',', writer->out);
    }
    if (writer->depth > 0) {
        new_line(writer);
    }
    if (key != NULL) {
        write_string(writer->out, key);
        (void)fputs(": ", writer->out);
    }
    writer->has_elements = true;
}

static void begin(struct json_writer *writer, const char *key, char bracket)
{
    before_value(writer, key);
    (void)fputc(bracket, writer->out);
    writer->depth++;
    writer->has_elements = false;
}

static void end(struct json_writer *writer, char bracket)
{
    assert(writer->depth > 0);
    writer->depth--;
    if (writer->has_elements) {
        new_line(writer);
    }
    (void)fputc(bracket, writer->out);
    if (writer->depth == 0) {
        (void)fputc('\n', writer->out);
    }
    writer->has_elements = true;
}

void json_begin_object(struct json_writer *writer, const char *key)
{
    begin(writer, key, '{');
}

void json_end_object(struct json_writer *writer)
{
    end(writer, '}');
}

void json_begin_array(struct json_writer *writer, const char *key)
{
    begin(writer, key, '[');
}

void json_end_array(struct json_writer *writer)
{
    end(writer, ']');
}

void json_text(struct json_writer *writer, const char *key, const char *value)
{
    before_value(writer, key);
    if (value == NULL) {
        (void)fputs("null", writer->out);
        return;
    }
    write_string(writer->out, value);
}

void json_real(struct json_writer *writer, const char *key, double value)
{
    before_value(writer, key);
    if (!isfinite(value)) {
        (void)fputs("null", writer->out);
        return;
    }
    /* As few digits as give the same double back: 17 always do. */
    char text[32];
    int digits = 15;
    do {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
    } while (strtod(text, NULL) != value && ++digits <= 17);
    (void)fputs(text, writer->out);
}

void json_unsigned(struct json_writer *writer, const char *key, uint64_t value)
{
    before_value(writer, key);
    (void)fprintf(writer->out, "%" PRIu64, value);
}

void json_integer(struct json_writer *writer, const char *key, int64_t value)
{
    before_value(writer, key);
    (void)fprintf(writer->out, "%" PRId64, value);
}

void json_boolean(struct json_writer *writer, const char *key, bool value)
{
    before_value(writer, key);
    (void)fputs(value ? "true" : "false", writer->out);
}
