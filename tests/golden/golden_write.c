// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Write the golden vectors anew, after a change of the wire format that is meant:
 *
 *   cmake --build build/dev --target golden_update
 *
 * or `golden_write DIRECTORY`. The wires are the library's; golden_decode_test.py checks them with
 * a decoder of its own. The inputs are the same everywhere, so a
 * difference in git is a difference of the codec.
 *
 * A file holds records of lines, separated by empty lines; bytes are hexadecimal, in memory order:
 *
 *   case FORMAT TYPE COUNT NAME
 *   input BYTES      the elements; missing where no encoder writes such a wire
 *   wire BYTES
 *   decoded BYTES    or `rejected corrupt`: what flc_decode must answer
 *
 * BYTES of nothing are a single `-`.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flashcomm/codec.h"
#include "golden_input.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

#define MOST_ELEMS    4200

/* Room for the widest wire: 8 bits and wide metadata with spikes in groups of 16. */
#define MOST_WIRE_BYTES ((size_t)MOST_ELEMS * 4)

/* ---- Records ---- */

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "golden_write: %s: %s\n", name, what);
    exit(EXIT_FAILURE);
}

static FILE *open_file(const char *directory, const char *name)
{
    char path[4096];
    FILE *file;
    int length = snprintf(path, sizeof path, "%s/%s.gold", directory, name);
    if (length < 0 || length >= (int)sizeof path)
        fail("path too long", directory);
    file = fopen(path, "w");
    if (file == NULL)
        fail("cannot be written", path);
    return file;
}

static void close_file(FILE *file, const char *name)
{
    bool has_failed = ferror(file) != 0;
    if (fclose(file) != 0 || has_failed)
        fail("write error", name);
}

static void write_bytes(FILE *file, const char *key, const uint8_t *bytes, size_t count)
{
    fprintf(file, "%s %s", key, count == 0 ? "-" : "");
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%02x", bytes[i]);
    fputc('\n', file);
}

/* The case that is being written. */
typedef struct golden_case {
    flc_format format;
    flc_type type;
    int count;
    const char *name;
} golden_case;

static void write_head(FILE *file, const golden_case *it)
{
    char text[FLC_FORMAT_TEXT_BYTES];
    if (flc_format_print(it->format, text, sizeof text) != FLC_OK)
        fail("flc_format_print failed", it->name);
    fprintf(file, "%scase %s %s %d %s\n", ftell(file) > 0 ? "\n" : "", text,
            flc_type_name(it->type), it->count, it->name);
}

static size_t encode(const golden_case *it, const void *elements, uint8_t *wire)
{
    size_t wire_bytes = 0;
    if (flc_format_wire_bytes(it->format, it->type, (size_t)it->count, &wire_bytes) != FLC_OK ||
        wire_bytes > MOST_WIRE_BYTES ||
        flc_encode(it->format, it->type, elements, (size_t)it->count, wire, wire_bytes, NULL) !=
            FLC_OK)
        fail("flc_encode failed", it->name);
    return wire_bytes;
}

static void write_outcome(FILE *file, const golden_case *it, const uint8_t *wire, size_t wire_bytes,
                          flc_status expected)
{
    static uint32_t decoded[MOST_ELEMS];
    if (flc_decode(it->format, it->type, wire, wire_bytes, decoded, (size_t)it->count) != expected)
        fail("flc_decode answers otherwise than expected", it->name);
    write_bytes(file, "wire", wire, wire_bytes);
    if (expected == FLC_ERR_CORRUPT)
        fputs("rejected corrupt\n", file);
    else
        write_bytes(file, "decoded", (const uint8_t *)decoded,
                    (size_t)it->count * flc_type_bytes(it->type));
}

static void write_case(FILE *file, golden_case it, const input_kind *kind, uint64_t seed)
{
    static uint32_t elements[MOST_ELEMS];
    static uint8_t wire[MOST_WIRE_BYTES];
    size_t wire_bytes;
    it.name = kind->name;
    fill_input(elements, it.type, it.count, kind, seed);
    wire_bytes = encode(&it, elements, wire);
    write_head(file, &it);
    write_bytes(file, "input", (const uint8_t *)elements,
                (size_t)it.count * flc_type_bytes(it.type));
    write_outcome(file, &it, wire, wire_bytes, FLC_OK);
}

/* ---- Wires an encoder writes ---- */

/* The larger cases: several groups of the wide widths, several blocks, empty tensors, raw. */
static const struct {
    const char *format;
    flc_type type;
    int count;
    const char *kind;
} larger_cases[] = {
    {"int1:g256", FLC_FLOAT16, 1009, "gaussian"},
    {"int2:g32:spike:compact", FLC_BFLOAT16, 1009, "outliers"},
    {"int3:compact", FLC_BFLOAT16, 1009, "stairs"},
    {"int3:g64:spike:compact", FLC_FLOAT16, 4096 + 77, "outliers"},
    {"int4", FLC_BFLOAT16, 4096 + 77, "gaussian"},
    {"int4:spike", FLC_FLOAT32, 0, "zeros"},
    {"int5:g64:sym:compact", FLC_FLOAT16, 1009, "nonfinite"},
    {"int6:g256:spike", FLC_BFLOAT16, 1009, "offset"},
    {"int7:g16:spike:compact", FLC_FLOAT16, 1009, "any-bits"},
    {"int8:compact", FLC_FLOAT32, 1009, "stairs"},
    {"raw", FLC_BFLOAT16, 0, "zeros"},
    {"raw", FLC_FLOAT32, 33, "nonfinite"},
    {"raw", FLC_FLOAT16, 15, "any-bits"},
    {"raw", FLC_BFLOAT16, 1, "gaussian"},
    {"int2:g32:rot:search", FLC_BFLOAT16, 500, "outliers"},
    {"int3:g32:rot:search", FLC_FLOAT16, 500, "gaussian"},
    {"int4:g32:rot", FLC_FLOAT32, 300, "stairs"},
};

static const input_kind *find_kind(const char *name)
{
    for (int i = 0; i < INPUT_KINDS; i++)
        if (strcmp(input_kinds[i].name, name) == 0)
            return &input_kinds[i];
    fail("no such kind of input", name);
    return NULL;
}

static flc_format parse_format(const char *text)
{
    flc_format format;
    if (flc_format_parse(text, &format) != FLC_OK)
        fail("flc_format_parse failed", text);
    return format;
}

static void write_larger(FILE *file, uint8_t bits)
{
    for (size_t i = 0; i < LENGTH(larger_cases); i++) {
        golden_case it = {parse_format(larger_cases[i].format), larger_cases[i].type,
                          larger_cases[i].count, NULL};
        if (it.format.bits == bits)
            write_case(file, it, find_kind(larger_cases[i].kind), 1000 + i);
    }
}

/*
 * Every scheme, spikes, metadata and type at one width. Counts, groups and kinds of input rotate
 * with periods that are prime to each other and to the number of types, so that they mix.
 */
static void write_systematic(FILE *file, uint8_t bits)
{
    static const int counts[] = {1, 2, 15, 16, 33, 77, 130};
    static const uint16_t groups[] = {16, 32, 64, 128, 256};
    static const flc_type types[] = {FLC_FLOAT32, FLC_FLOAT16, FLC_BFLOAT16};
    size_t first = (bits - 1u) * 8 * LENGTH(types);
    for (size_t i = first; i < first + 8 * LENGTH(types); i++) {
        size_t options = i / LENGTH(types);
        golden_case it = {.format = {.bits = bits,
                                     .scheme = options & 1,
                                     .spikes = options >> 1 & 1,
                                     .metadata = options >> 2 & 1,
                                     .group = groups[i % LENGTH(groups)]},
                          .type = types[i % LENGTH(types)],
                          .count = counts[i % LENGTH(counts)]};
        write_case(file, it, &input_kinds[i % INPUT_KINDS], i);
    }
}

/* Every group and type of rotated formats at one width, with and without search by turns. */
static void write_rotated(FILE *file, uint8_t bits)
{
    static const int counts[] = {1, 16, 33, 50};
    for (size_t i = 0; i < 5 * 3; i++) {
        const golden_case it = {.format = {.bits = bits,
                                           .scheme = FLC_ROTATED,
                                           .metadata = FLC_COMPACT,
                                           .search = bits <= 4 && i % 2 == 0,
                                           .group = (uint16_t)(16 << i % 5)},
                                .type = (flc_type)(i % 3),
                                .count = counts[i % LENGTH(counts)]};
        write_case(file, it, &input_kinds[(i + bits) % INPUT_KINDS], 3000 + 16u * bits + i);
    }
}

static void write_width(const char *directory, uint8_t bits)
{
    char name[16];
    FILE *file;
    (void)snprintf(name, sizeof name, bits == 0 ? "raw" : "int%d", bits);
    file = open_file(directory, name);
    if (bits != 0) {
        write_systematic(file, bits);
        write_rotated(file, bits);
    }
    write_larger(file, bits);
    close_file(file, name);
}

/* ---- Wires no encoder writes ---- */

/* An encoded gaussian tensor whose bytes are then replaced; offsets count from the wire's start. */
typedef struct patched_case {
    const char *format;
    flc_type type;
    int count;
    const char *name;
    int more_bytes; /* the wire is this much longer (shorter) than it should be */
    struct {
        size_t offset;
        const char *bytes; /* hexadecimal */
    } patches[3];
} patched_case;

/* Unusual but valid: metadata at the ends of its range, bits in the padding. */
static const patched_case edge_cases[] = {
    {"int4:g32", FLC_FLOAT32, 33, "least-scale", 0, {{0, "8000"}}},
    {"int4:g32", FLC_FLOAT32, 33, "overflows-to-infinity", 0, {{0, "7f7f0080"}}},
    {"int4:g32", FLC_BFLOAT16, 33, "overflows-to-infinity", 0, {{0, "7f7fff7f"}}},
    {"int4:g32", FLC_FLOAT16, 33, "overflows-to-infinity", 0, {{0, "80470080"}}},
    {"int4:g32", FLC_FLOAT16, 33, "ties-among-subnormals", 0, {{0, "0033f8ff"}}},
    {"int8:g32", FLC_FLOAT16, 33, "rounds-24-bits", 0, {{0, "fd3a1f40"}}},
    {"int8:g32", FLC_BFLOAT16, 33, "rounds-24-bits", 0, {{0, "fd3a1f40"}}},
    {"int8:g32", FLC_BFLOAT16, 33, "ties", 0, {{0, "803f0002"}}},
    {"int8:g32", FLC_FLOAT32, 33, "integer-of-16-bits", 0, {{0, "ff3fff7f"}}},
    {"int1:g16", FLC_FLOAT32, 17, "integer-of-16-bits", 0, {{0, "ff3f0080"}}},
    {"int4:g32", FLC_FLOAT32, 33, "nan-mark", 0, {{4, "c07f0700"}}},
    {"int4:g32", FLC_FLOAT32, 33, "padding-is-free", 0, {{8, "ff01"}, {36, "80"}, {47, "ff"}}},
    {"int2:g16:spike", FLC_FLOAT32, 17, "nan-as-spike", 0, {{16, "a17f80ff"}}},
    {"int2:g16:spike", FLC_FLOAT16, 17, "nan-as-spike", 0, {{16, "017c00fc"}}},
    {"int2:g16:spike",
     FLC_BFLOAT16,
     17,
     "maximum-is-put-last",
     0,
     {{16, "80bf0040"}, {32, "0303"}}},
    {"int2:g16:spike", FLC_FLOAT16, 17, "nan-mark-over-spikes", 0, {{4, "c07f"}, {20, "0001"}}},
    {"int3:g32:spike:compact", FLC_BFLOAT16, 33, "least-base", 0, {{0, "82ff"}, {16, "00"}}},
    {"int3:g32:spike:compact",
     FLC_FLOAT32,
     33,
     "largest-scales",
     0,
     {{0, "6100"}, {16, "f780"}, {18, "f77f"}}},
    {"int3:g32:spike:compact", FLC_FLOAT16, 33, "largest-step", 0, {{0, "e2ff"}, {16, "f8"}}},
    {"int3:g32:spike:compact", FLC_FLOAT16, 33, "nan-mark", 0, {{18, "ff"}}},
    {"int3:g32:spike:compact",
     FLC_BFLOAT16,
     33,
     "padding-is-free",
     0,
     {{20, "01"}, {40, "ff"}, {63, "80"}}},
    {"int5:g32:compact", FLC_FLOAT32, 33, "zero-of-255", 0, {{17, "ff"}}},
    {"int4:g32:compact", FLC_FLOAT32, 33, "zero-of-128", 0, {{17, "80"}}},
    {"int1:g32:compact", FLC_FLOAT32, 33, "zero-of-128", 0, {{17, "80"}}},
    {"int4:g32:rot", FLC_FLOAT32, 33, "zero-scale", 0, {{16, "00"}}},
    {"int4:g32:rot", FLC_BFLOAT16, 33, "nan-mark", 0, {{17, "ff"}}},
    {"int4:g32:rot", FLC_FLOAT32, 33, "largest-scale", 0, {{0, "5300"}, {16, "f7f7"}}},
    {"int8:g32:rot", FLC_FLOAT16, 33, "saturates", 0, {{0, "0000"}, {16, "7070"}}},
    {"int6:g32:rot", FLC_BFLOAT16, 33, "least-scale", 0, {{0, "82ff"}, {16, "0101"}}},
};

static const patched_case bad_cases[] = {
    {"int4:g32", FLC_FLOAT32, 33, "one-byte-short", -1, {{0}}},
    {"int4:g32", FLC_FLOAT32, 33, "one-byte-long", 1, {{0}}},
    {"int4:g32", FLC_FLOAT32, 33, "empty", -48, {{0}}},
    {"int4:g32", FLC_FLOAT32, 0, "not-empty", 1, {{0}}},
    {"raw", FLC_BFLOAT16, 3, "one-byte-short", -1, {{0}}},
    {"raw", FLC_BFLOAT16, 3, "one-byte-long", 1, {{0}}},
    {"int4:g32", FLC_FLOAT32, 33, "scale-zero", 0, {{0, "0000"}}},
    {"int4:g32", FLC_FLOAT32, 33, "scale-subnormal", 0, {{4, "7f00"}}},
    {"int4:g32", FLC_FLOAT32, 33, "scale-infinite", 0, {{0, "807f"}}},
    {"int4:g32", FLC_FLOAT32, 33, "scale-another-nan", 0, {{4, "c17f"}}},
    {"int4:g32", FLC_FLOAT32, 33, "scale-negative-nan", 0, {{0, "c0ff"}}},
    {"int4:g32:sym", FLC_FLOAT16, 33, "scale-negative", 0, {{2, "80bf"}}},
    {"int1", FLC_BFLOAT16, 4100, "second-block", 0, {{640, "0000"}}},
    {"int2:g16:spike", FLC_FLOAT32, 17, "minimum-outside", 0, {{32, "10"}}},
    {"int2:g16:spike", FLC_FLOAT32, 17, "maximum-outside", 0, {{33, "ff"}}},
    {"int2:g16:spike", FLC_FLOAT32, 17, "outside-short-group", 0, {{35, "01"}}},
    {"int2:g16:spike", FLC_FLOAT32, 17, "outside-nan-group", 0, {{4, "c07f"}, {34, "01"}}},
    {"int3:g32:spike:compact", FLC_BFLOAT16, 33, "base-too-low", 0, {{0, "81ff"}}},
    {"int3:g32:spike:compact", FLC_BFLOAT16, 33, "base-too-high", 0, {{0, "6200"}, {16, "00"}}},
    {"int3:g32:spike:compact", FLC_BFLOAT16, 33, "header-byte-2", 0, {{2, "01"}}},
    {"int3:g32:spike:compact", FLC_BFLOAT16, 33, "header-byte-15", 0, {{15, "80"}}},
    {"int3:g32:spike:compact", FLC_BFLOAT16, 33, "step-249", 0, {{16, "f9"}}},
    {"int8:g32:sym:compact", FLC_FLOAT16, 33, "step-254", 0, {{17, "fe"}}},
    {"int8:g32:sym:compact", FLC_FLOAT32, 33, "scale-too-large", 0, {{0, "6100"}, {17, "f8"}}},
    {"int3:g32:spike:compact", FLC_BFLOAT16, 33, "minimum-outside", 0, {{48, "10"}}},
    {"int3:g32:spike:compact", FLC_BFLOAT16, 33, "maximum-outside", 0, {{50, "10"}}},
    {"int3:g32:spike:compact", FLC_BFLOAT16, 33, "outside-by-high-bit", 0, {{64, "02"}}},
    {"int4:g32:rot", FLC_FLOAT32, 33, "scale-too-large", 0, {{0, "5300"}, {17, "f8"}}},
    {"int4:g32:rot", FLC_FLOAT32, 33, "step-249", 0, {{16, "f9"}}},
    {"int4:g32:rot", FLC_FLOAT32, 33, "base-too-high", 0, {{0, "6200"}, {16, "0000"}}},
};

static void apply_patch(uint8_t *bytes, const char *digits)
{
    for (; *digits != '\0'; digits += 2) {
        const char pair[] = {digits[0], digits[1], '\0'};
        *bytes++ = (uint8_t)strtoul(pair, NULL, 16);
    }
}

static void write_patched(FILE *file, const patched_case *from, flc_status expected)
{
    static uint32_t elements[MOST_ELEMS];
    static uint8_t wire[MOST_WIRE_BYTES];
    golden_case it = {parse_format(from->format), from->type, from->count, from->name};
    size_t wire_bytes;
    memset(wire, 0, sizeof wire);
    fill_input(elements, it.type, it.count, find_kind("gaussian"), 2000);
    wire_bytes = encode(&it, elements, wire);
    for (size_t i = 0; i < LENGTH(from->patches) && from->patches[i].bytes != NULL; i++) {
        if (from->patches[i].offset + strlen(from->patches[i].bytes) / 2 > wire_bytes)
            fail("a patch lies outside the wire", it.name);
        apply_patch(wire + from->patches[i].offset, from->patches[i].bytes);
    }
    write_head(file, &it);
    write_outcome(file, &it, wire, (size_t)((long)wire_bytes + from->more_bytes), expected);
}

int main(int argc, char **argv)
{
    FILE *file;
    if (argc != 2) {
        fprintf(stderr, "usage: golden_write DIRECTORY\n");
        return 2;
    }
    for (uint8_t bits = 0; bits <= 8; bits++)
        write_width(argv[1], bits);
    file = open_file(argv[1], "edge");
    for (size_t i = 0; i < LENGTH(edge_cases); i++)
        write_patched(file, &edge_cases[i], FLC_OK);
    close_file(file, "edge");
    file = open_file(argv[1], "bad");
    for (size_t i = 0; i < LENGTH(bad_cases); i++)
        write_patched(file, &bad_cases[i], FLC_ERR_CORRUPT);
    close_file(file, "bad");
    return 0;
}
