// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Hold the library to the golden vectors: `golden_test FILE.gold...`.
 *
 * flc_encode must write each wire byte for byte, flc_decode give the decoded bytes, or reject the
 * wire. golden_write.c describes the files; golden_decode_test.py reads them too. Every buffer is
 * as large as it must be and no larger, so that a sanitizer sees a byte beyond. FLC_CPU names the
 * row; the exit status is 77 where this processor does not run it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flashcomm/flashcomm.h"

typedef struct byte_string {
    uint8_t *bytes; /* NULL: the record has no such line */
    size_t count;
} byte_string;

typedef struct record {
    const char *file;
    const char *format_text;
    const char *name;
    flc_format format;
    flc_type type;
    size_t count;
    byte_string input;
    byte_string wire;
    byte_string decoded;
    bool is_rejected;
} record;

static int failures;

static void fail_file(const char *file, const char *what, const char *detail)
{
    fprintf(stderr, "%s: %s%s\n", file, what, detail);
    exit(EXIT_FAILURE);
}

static void fail_case(const record *it, const char *what)
{
    fprintf(stderr, "%s: case %s %s %zu %s: %s\n", it->file, it->format_text,
            flc_type_name(it->type), it->count, it->name, what);
    failures++;
}

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes == 0 ? 1 : bytes);
    if (memory == NULL)
        fail_file("golden_test", "out of memory", "");
    return memory;
}

/* ---- Reading ---- */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    char *text;
    if (file == NULL)
        fail_file(path, "cannot be opened", "");
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0)
        fail_file(path, "cannot be read", "");
    text = allocate((size_t)size + 1);
    if (fread(text, 1, (size_t)size, file) != (size_t)size)
        fail_file(path, "cannot be read", "");
    text[size] = '\0';
    (void)fclose(file);
    return text;
}

/* The next word of the text, made a string of its own; NULL at the end. */
static char *next_word(char **text)
{
    char *word = *text + strspn(*text, " \n");
    size_t length = strcspn(word, " \n");
    if (length == 0)
        return NULL;
    *text = word + length;
    if (word[length] != '\0')
        *(*text)++ = '\0';
    word[length] = '\0';
    return word;
}

static const char *need_word(char **text, const char *file, const char *what)
{
    const char *word = next_word(text);
    if (word == NULL)
        fail_file(file, "ends before ", what);
    return word;
}

static int digit_value(const char *file, char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    if (found == NULL)
        fail_file(file, "a byte string has a character that is no digit or half a byte", "");
    return (int)(found - digits);
}

static byte_string parse_bytes(const char *file, const char *word)
{
    size_t digits = strcmp(word, "-") == 0 ? 0 : strlen(word);
    byte_string read = {NULL, digits / 2};
    if (digits % 2 != 0)
        fail_file(file, "a byte string has an odd number of digits", "");
    read.bytes = allocate(read.count);
    for (size_t i = 0; i < read.count; i++)
        read.bytes[i] =
            (uint8_t)(digit_value(file, word[2 * i]) << 4 | digit_value(file, word[2 * i + 1]));
    return read;
}

static flc_type parse_type(const char *file, const char *word)
{
    for (flc_type type = FLC_FLOAT32; type <= FLC_BFLOAT16; type++)
        if (strcmp(word, flc_type_name(type)) == 0)
            return type;
    fail_file(file, "unknown type ", word);
    return FLC_FLOAT32;
}

/* Read the record whose word `case` has just been read, up to the next `case` or the end. */
static record read_record(char **text, const char *file)
{
    record it = {.file = file};
    char *end;
    const char *word;
    it.format_text = need_word(text, file, "a format");
    if (flc_format_parse(it.format_text, &it.format) != FLC_OK)
        fail_file(file, "unknown format ", it.format_text);
    it.type = parse_type(file, need_word(text, file, "a type"));
    word = need_word(text, file, "a count");
    it.count = strtoul(word, &end, 10);
    if (*end != '\0')
        fail_file(file, "not a count: ", word);
    it.name = need_word(text, file, "a name");
    while (strncmp(*text + strspn(*text, " \n"), "case ", 5) != 0 &&
           (word = next_word(text)) != NULL) {
        const char *value = need_word(text, file, word);
        if (strcmp(word, "input") == 0)
            it.input = parse_bytes(file, value);
        else if (strcmp(word, "wire") == 0)
            it.wire = parse_bytes(file, value);
        else if (strcmp(word, "decoded") == 0)
            it.decoded = parse_bytes(file, value);
        else if (strcmp(word, "rejected") == 0 && strcmp(value, "corrupt") == 0)
            it.is_rejected = true;
        else
            fail_file(file, "unknown line ", word);
    }
    return it;
}

/* ---- Checking ---- */

/* Names the first byte that differs. */
static void check_bytes(const record *it, const char *what, const uint8_t *actual,
                        const byte_string *expected)
{
    char text[128];
    for (size_t i = 0; i < expected->count; i++) {
        if (actual[i] == expected->bytes[i])
            continue;
        (void)snprintf(text, sizeof text, "%s byte %zu is %02x, the vector has %02x", what, i,
                       actual[i], expected->bytes[i]);
        fail_case(it, text);
        return;
    }
}

static void check_encode(const record *it)
{
    size_t wire_bytes = 0;
    uint8_t *wire;
    flc_status status = flc_format_wire_bytes(it->format, it->type, it->count, &wire_bytes);
    if (status != FLC_OK || wire_bytes != it->wire.count) {
        fail_case(it, "flc_format_wire_bytes is not the size of the vector");
        return;
    }
    wire = allocate(wire_bytes);
    memset(wire, 0xa5, wire_bytes); /* a byte left unwritten shows */
    status = flc_encode(it->format, it->type, it->input.bytes, it->count, wire, wire_bytes, NULL);
    if (status != FLC_OK)
        fail_case(it, "flc_encode failed");
    else
        check_bytes(it, "encoded", wire, &it->wire);
    free(wire);
}

static void check_decode(const record *it)
{
    uint8_t *decoded = allocate(it->count * flc_type_bytes(it->type));
    flc_status status =
        flc_decode(it->format, it->type, it->wire.bytes, it->wire.count, decoded, it->count);
    if (it->is_rejected && status != FLC_ERR_CORRUPT)
        fail_case(it, "flc_decode does not answer FLC_ERR_CORRUPT");
    else if (!it->is_rejected && status != FLC_OK)
        fail_case(it, "flc_decode failed");
    else if (!it->is_rejected)
        check_bytes(it, "decoded", decoded, &it->decoded);
    free(decoded);
}

static void check_record(const record *it)
{
    size_t element_bytes = it->count * flc_type_bytes(it->type);
    if (it->wire.bytes == NULL || (it->decoded.bytes == NULL) != it->is_rejected ||
        (it->input.bytes != NULL && it->input.count != element_bytes) ||
        (it->decoded.bytes != NULL && it->decoded.count != element_bytes)) {
        fail_case(it, "the record is incomplete");
        return;
    }
    if (it->input.bytes != NULL)
        check_encode(it);
    check_decode(it);
}

static int check_file(const char *path)
{
    char *contents = read_file(path);
    char *text = contents;
    const char *word;
    int records = 0;
    while ((word = next_word(&text)) != NULL) {
        record it;
        if (strcmp(word, "case") != 0)
            fail_file(path, "not the start of a record: ", word);
        it = read_record(&text, path);
        check_record(&it);
        free(it.input.bytes);
        free(it.wire.bytes);
        free(it.decoded.bytes);
        records++;
    }
    free(contents);
    return records;
}

/* FLC_CPU may name a codec row that this processor does not run: then nothing can be tested. */
static bool has_row(void)
{
    const flc_format raw = {0};
    uint8_t wire[2] = {0}, decoded[2];
    if (flc_decode(raw, FLC_BFLOAT16, wire, sizeof wire, decoded, 1) == FLC_OK)
        return true;
    printf("golden_test: NOT TESTED: %s\n", flc_last_error(NULL));
    return false;
}

int main(int argc, char **argv)
{
    int records = 0;
    if (!has_row())
        return 77;
    for (int i = 1; i < argc; i++)
        records += check_file(argv[i]);
    printf("golden_test: %d cases, %d failures\n", records, failures);
    return records == 0 || failures != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
