// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Writes JSON to a stream, indented, one value a line.
 *
 * Calls follow the document: begin, members, end. `key` names a member of an object and is NULL
 * in an array and at the top. Numbers JSON has no text for (NaN, infinities) and the text NULL
 * become null, bytes that are not UTF-8 become U+FFFD. Stream errors stay in the stream for the
 * caller to check.
 */
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_writer {
    FILE *out;
    int depth;         /* open objects and arrays */
    bool has_elements; /* in the innermost of them */
};

void json_start(struct json_writer *writer, FILE *out);
void json_begin_object(struct json_writer *writer, const char *key);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer, const char *key);
void json_end_array(struct json_writer *writer);
void json_text(struct json_writer *writer, const char *key, const char *value);
void json_real(struct json_writer *writer, const char *key, double value);
void json_unsigned(struct json_writer *writer, const char *key, uint64_t value);
void json_integer(struct json_writer *writer, const char *key, int64_t value);
void json_boolean(struct json_writer *writer, const char *key, bool value);

#endif
