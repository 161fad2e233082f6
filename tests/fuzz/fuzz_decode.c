// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Fuzzes the decoder with any bytes of the right and of a wrong size, in buffers of exactly the
 * stated size, so that the address sanitizer sees each byte read or written beside them. Where
 * decoding succeeds, the values must encode and decode again.
 *
 * Input: 5 bytes that choose format, type, count and size, then the wire bytes, repeated as often
 * as the size asks for.
 */
#include <stdlib.h>
#include <string.h>

#include "flashcomm/codec.h"
#include "fuzz.h"

#define CHOICE_BYTES 5
#define MAX_COUNT    20000u

/* What is passed as wire_bytes, as a difference from the right size; mostly none. */
static const int size_errors[8] = {0, 0, 0, 0, 0, -1, 1, 16};

static const uint16_t groups[8] = {16, 32, 64, 128, 256, 128, 128, 8};

struct choice {
    flc_format format;
    flc_type type;
    size_t count;
    int size_error;
};

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* Formats and types no caller may use are among the choices, rarely. */
static struct choice read_choice(const uint8_t *data)
{
    struct choice choice;
    memset(&choice, 0, sizeof choice);
    choice.format.bits = (uint8_t)(data[0] % 10);
    if (choice.format.bits != 0) {
        choice.format.scheme = data[1] & 1;
        choice.format.spikes = (data[1] >> 1) & 1;
        choice.format.metadata = (data[1] >> 2) & 1;
        choice.format.group = groups[data[2] & 7];
        if ((data[2] & 8) != 0) {
            choice.format.scheme = FLC_ROTATED;
            choice.format.search = (data[2] >> 4) & 1;
        }
    }
    choice.type = (flc_type)((data[1] >> 3) & 3);
    choice.size_error = size_errors[(data[1] >> 5) & 7];
    choice.count = (data[3] | (size_t)data[4] << 8) % (MAX_COUNT + 1);
    return choice;
}

static void check_again(const struct choice *choice, const void *values, void *wire, void *again,
                        size_t wire_bytes)
{
    flc_stats stats = {0, 0};
    require(flc_encode(choice->format, choice->type, values, choice->count, wire, wire_bytes,
                       &stats) == FLC_OK);
    require(flc_decode(choice->format, choice->type, wire, wire_bytes, again, choice->count) ==
            FLC_OK);
}

static void fuzz_choice(const struct choice *choice, const uint8_t *data, size_t size,
                        size_t right_bytes)
{
    size_t wire_bytes = right_bytes + (size_t)choice->size_error;
    size_t value_bytes = choice->count * flc_type_bytes(choice->type);
    uint8_t *wire = malloc(wire_bytes);
    void *values = malloc(value_bytes);
    void *again = malloc(value_bytes);
    if (wire != NULL && values != NULL && again != NULL) {
        for (size_t i = 0; i < wire_bytes; i++) {
            wire[i] = size > 0 ? data[i % size] : 0;
        }
        flc_status status =
            flc_decode(choice->format, choice->type, wire, wire_bytes, values, choice->count);
        require(status == FLC_OK || status == FLC_ERR_CORRUPT);
        require(status != FLC_OK || choice->size_error == 0);
        if (status == FLC_OK) {
            check_again(choice, values, wire, again, wire_bytes);
        }
    }
    free(wire);
    free(values);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CHOICE_BYTES) {
        return 0;
    }
    struct choice choice = read_choice(data);
    size_t wire_bytes = 0;
    flc_status status =
        flc_format_wire_bytes(choice.format, choice.type, choice.count, &wire_bytes);
    if (status != FLC_OK) {
        require(status == FLC_ERR_INVALID_ARG);
        return 0;
    }
    if (choice.size_error < 0 && wire_bytes < (size_t)-choice.size_error) {
        return 0;
    }
    fuzz_choice(&choice, data + CHOICE_BYTES, size - CHOICE_BYTES, wire_bytes);
    return 0;
}
