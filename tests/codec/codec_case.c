// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * One case of check_codec: a row, a format, a type, a count, some data, and every claim about them.
 *
 * Every call reads and writes memory that ends or begins at a guard page.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fpenv.h"
#include "check_codec.h"
#include "hostile_fpenv.h"
#include "test_data.h"

void codec_case_fail(struct codec_case *c, const char *what)
{
    char text[FLC_FORMAT_TEXT_BYTES] = "?";
    (void)flc_format_print(c->format, text, sizeof text);
    (void)fprintf(stderr, "row %s, %s, %s, count %zu, %s: %s\n", c->row->name, text,
                  flc_type_name(c->type), c->count, c->data_name, what);
    c->failures++;
}

static void expect(struct codec_case *c, int condition, const char *what)
{
    if (!condition) {
        codec_case_fail(c, what);
    }
}

static size_t elems_bytes(const struct codec_case *c)
{
    return c->count * flc_type_bytes(c->type);
}

static size_t wire_bytes(const struct codec_case *c)
{
    size_t bytes = 0;
    (void)flc_format_wire_bytes(c->format, c->type, c->count, &bytes);
    return bytes;
}

/* ---- Encode ---- */

/* Elements at one end of their memory, a poisoned wire at `wire`. */
static flc_stats encode_at(struct codec_case *c, int elems_high, uint8_t *wire, int poison)
{
    uint8_t *elems = elems_high ? guarded_high(c->elems_room, elems_bytes(c)) : c->elems_room.low;
    flc_stats stats = {0};
    memcpy(elems, c->elems, elems_bytes(c));
    memset(wire, poison, wire_bytes(c));
    expect(c,
           c->calls.encode(c->format, c->type, elems, c->count, wire, wire_bytes(c), &stats) ==
               FLC_OK,
           "flc_encode failed");
    expect(c, memcmp(elems, c->elems, elems_bytes(c)) == 0, "flc_encode changed its input");
    return stats;
}

/* Every byte is written, wherever the buffers lie; two poisons cannot both be right by chance. */
static flc_stats check_encode(struct codec_case *c)
{
    const size_t bytes = wire_bytes(c);
    uint8_t *high = guarded_high(c->wire_room, bytes), *low = c->wire_room.low;
    const size_t shift = 1 + c->number % 15;
    const flc_stats stats = encode_at(c, 1, low, 0x00);
    memcpy(c->wire, low, bytes);
    (void)encode_at(c, 0, high, 0xff);
    expect(c, memcmp(high, c->wire, bytes) == 0,
           "the wire depends on what was there before, or on where buffers lie");
    memset(low, 0xa5, shift);
    low[shift + bytes] = 0xa5;
    (void)encode_at(c, 1, low + shift, 0x5a);
    expect(c, memcmp(low + shift, c->wire, bytes) == 0, "an unaligned wire has other bytes");
    for (size_t i = 0; i < shift; i++) {
        expect(c, low[i] == 0xa5, "flc_encode wrote below an unaligned wire");
    }
    expect(c, low[shift + bytes] == 0xa5, "flc_encode wrote beyond an unaligned wire");
    return stats;
}

static void check_padding(struct codec_case *c)
{
    for (size_t i = 0; i < wire_bytes(c); i++) {
        if ((c->wire[i] & ~c->mask[i] & 0xff) != 0) {
            codec_case_fail(c, "padding is not zero");
            return;
        }
    }
}

/* ---- Decode ---- */

static void decode_at(struct codec_case *c, uint8_t *wire, int elems_high, int poison)
{
    uint8_t *elems = elems_high ? guarded_high(c->elems_room, elems_bytes(c)) : c->elems_room.low;
    memcpy(wire, c->wire, wire_bytes(c));
    memset(elems, poison, elems_bytes(c));
    if (c->calls.decode(c->format, c->type, wire, wire_bytes(c), elems, c->count) != FLC_OK) {
        codec_case_fail(c, "flc_decode failed on what flc_encode wrote");
    }
    if (poison == 0) {
        memcpy(c->out, elems, elems_bytes(c));
    }
    expect(c, memcmp(elems, c->out, elems_bytes(c)) == 0,
           "decoded elements depend on what was there before, or on where buffers lie");
}

static void check_decode(struct codec_case *c)
{
    decode_at(c, guarded_high(c->wire_room, wire_bytes(c)), 0, 0x00);
    decode_at(c, c->wire_room.low, 1, 0xff);
    decode_at(c, c->wire_room.low + 1 + c->number % 15, 1, 0xff);
}

/* What came out can go in again, whatever it is. */
static void check_encode_again(struct codec_case *c)
{
    uint8_t *wire = c->wire_room.low;
    flc_stats stats = {0};
    memcpy(c->elems_room.low, c->out, elems_bytes(c));
    expect(c,
           c->calls.encode(c->format, c->type, c->elems_room.low, c->count, wire, wire_bytes(c),
                           &stats) == FLC_OK,
           "decoded elements could not be encoded");
    expect(c,
           c->calls.decode(c->format, c->type, wire, wire_bytes(c), c->elems_room.low, c->count) ==
               FLC_OK,
           "decoded elements could not be encoded and decoded");
}

/* ---- What must not matter ---- */

static void check_hostile_mode(struct codec_case *c)
{
    const unsigned mode = c->number % HOSTILE_MODES;
    const size_t bytes = wire_bytes(c);
    uint8_t *wire = c->wire_room.low, *elems = c->elems_room.low;
    flc_status status;
    hostile_saved saved;
    if (!c->calls.is_library) {
        return; /* the GPU's mode is no caller's */
    }
    memcpy(elems, c->elems, elems_bytes(c));
    memset(wire, 0xff, bytes);
    saved = hostile_enter(mode);
    status = c->calls.encode(c->format, c->type, elems, c->count, wire, bytes, NULL);
    expect(c, hostile_leave(saved, mode), "flc_encode changed the floating-point mode");
    expect(c, status == FLC_OK && memcmp(wire, c->wire, bytes) == 0,
           "the wire depends on the caller's floating-point mode");
    memcpy(wire, c->wire, bytes);
    saved = hostile_enter(mode);
    status = c->calls.decode(c->format, c->type, wire, bytes, elems, c->count);
    expect(c, hostile_leave(saved, mode), "flc_decode changed the floating-point mode");
    expect(c, status == FLC_OK && memcmp(elems, c->out, elems_bytes(c)) == 0,
           "decoded elements depend on the caller's floating-point mode");
}

/* Each block encoded and decoded on its own. */
static void check_blocks_apart(struct codec_case *c)
{
    const size_t size = flc_type_bytes(c->type);
    uint8_t *wire = c->wire_room.low, *elems = c->elems_room.low;
    size_t wire_at = 0;
    for (size_t at = 0; at < c->count; at += FLC_BLOCK_ELEMS) {
        const size_t n = c->count - at < FLC_BLOCK_ELEMS ? c->count - at : FLC_BLOCK_ELEMS;
        size_t bytes = 0;
        (void)flc_format_wire_bytes(c->format, c->type, n, &bytes);
        memcpy(elems, c->elems + at * size, n * size);
        expect(c, c->calls.encode(c->format, c->type, elems, n, wire, bytes, NULL) == FLC_OK,
               "flc_encode failed on a block");
        expect(c, memcmp(wire, c->wire + wire_at, bytes) == 0, "a block depends on its neighbours");
        memset(elems, 0xff, n * size);
        expect(c, c->calls.decode(c->format, c->type, wire, bytes, elems, n) == FLC_OK,
               "flc_decode failed on a block");
        expect(c, memcmp(elems, c->out + at * size, n * size) == 0,
               "a decoded block depends on its neighbours");
        wire_at += bytes;
    }
    expect(c, wire_at == wire_bytes(c), "blocks do not add up to the wire");
}

/* The reference's bytes and floats. */
static void check_against_ref(struct codec_case *c)
{
    if (c->row == &flci_codec_ref) {
        return;
    }
    c->calls = known_row_use(&flci_codec_ref);
    (void)encode_at(c, 1, c->wire_room.low, 0x00);
    expect(c, memcmp(c->wire_room.low, c->wire, wire_bytes(c)) == 0,
           "the wire differs from the reference's");
    (void)c->calls.decode(c->format, c->type, c->wire_room.low, wire_bytes(c), c->elems_room.low,
                          c->count);
    expect(c, memcmp(c->elems_room.low, c->out, elems_bytes(c)) == 0,
           "decoded elements differ from the reference's");
    c->calls = known_row_use(c->row);
}

/* A wire with wrong bits decodes as by the reference, or is refused as by it. */
static void check_damaged(struct codec_case *c)
{
    const size_t bytes = wire_bytes(c);
    uint8_t *wire = c->wire_room.low, *elems = c->elems_room.low, *first = (uint8_t *)c->y;
    uint64_t random = c->number;
    flc_status status;
    if (c->row == &flci_codec_ref || bytes == 0) {
        return;
    }
    memcpy(wire, c->wire, bytes);
    for (int i = 0; i < 3; i++) { /* two of three where the metadata is */
        const size_t at = test_random_below(&random, i == 0 || bytes < 64 ? bytes : 64);
        wire[at] = (uint8_t)(wire[at] ^ 1u << test_random_below(&random, 8));
    }
    status = c->calls.decode(c->format, c->type, wire, bytes, elems, c->count);
    memcpy(first, elems, elems_bytes(c));
    c->calls = known_row_use(&flci_codec_ref);
    expect(c, c->calls.decode(c->format, c->type, wire, bytes, elems, c->count) == status,
           "a damaged wire is not refused as by the reference");
    expect(c, status != FLC_OK || memcmp(elems, first, elems_bytes(c)) == 0,
           "a damaged wire decodes to other elements than the reference's");
    c->calls = known_row_use(c->row);
}

static void check_properties(struct codec_case *c, const flc_stats *stats)
{
    size_t at = 0;
    const char *wrong =
        properties_of_decoded(c->format, c->type, c->x, c->y, c->count, stats, &at, &c->seen);
    if (wrong != NULL) {
        codec_case_fail(c, wrong);
        (void)fprintf(stderr, "  element %zu: %a decoded to %a\n", at, (double)c->x[at],
                      (double)c->y[at]);
    }
}

void codec_case_check(struct codec_case *c)
{
    const flc_stats stats = check_encode(c);
    check_decode(c);
    check_encode_again(c);
    check_hostile_mode(c);
    check_blocks_apart(c);
    check_against_ref(c);
    check_damaged(c);
    if (c->format.bits == 0) {
        expect(c, memcmp(c->wire, c->elems, elems_bytes(c)) == 0, "a raw wire is no copy");
        expect(c, memcmp(c->out, c->elems, elems_bytes(c)) == 0, "raw decodes to something else");
        expect(c, stats.groups == 0 && stats.nonfinite_groups == 0, "raw counted groups");
        return;
    }
    check_padding(c);
    test_load(c->type, c->elems, c->count, c->x);
    test_load(c->type, c->out, c->count, c->y);
    check_properties(c, &stats);
}

void codec_case_check_sum(struct codec_case *c)
{
    const uint32_t n = (uint32_t)c->count;
    const size_t bytes = wire_bytes(c);
    float *x = (float *)(void *)guarded_high(c->elems_room, n * sizeof *x);
    float *y = (float *)(void *)c->elems_room.low;
    uint8_t *wire = guarded_high(c->wire_room, bytes);
    flc_stats stats = {0}, ref_stats = {0};
    const flci_fpenv saved = flci_fpenv_enter();
    memcpy(x, c->x, n * sizeof *x);
    memset(wire, 0xff, bytes);
    flci_encode_block(c->row, c->format, c->type, FLC_FLOAT32, x, n, wire, &stats);
    memcpy(c->wire, wire, bytes);
    expect(c, flci_decode_block(c->row, c->format, c->type, wire, FLC_FLOAT32, n, y) == FLC_OK,
           "flci_decode_block failed on what flci_encode_block wrote");
    flci_store_elems(c->row, c->type, y, n, c->out);
    if (c->row != &flci_codec_ref) {
        memcpy(c->y, y, n * sizeof *y);
        flci_encode_block(&flci_codec_ref, c->format, c->type, FLC_FLOAT32, x, n, wire, &ref_stats);
        expect(c, memcmp(wire, c->wire, bytes) == 0, "a sum's wire differs from the reference's");
        (void)flci_decode_block(&flci_codec_ref, c->format, c->type, wire, FLC_FLOAT32, n, y);
        expect(c, memcmp(y, c->y, n * sizeof *y) == 0, "a sum differs from the reference's");
    }
    flci_fpenv_leave(saved);
    test_load(c->type, c->out, n, c->y);
    check_properties(c, &stats);
}
