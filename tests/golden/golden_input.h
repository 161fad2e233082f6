// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The inputs of the golden vectors: named kinds of elements, the same on every machine.
 */
#ifndef GOLDEN_INPUT_H
#define GOLDEN_INPUT_H

#include <stdint.h>

#include "flashcomm/codec.h"

/* What a kind knows of the element it makes; golden_input.c has the members. */
typedef struct element_place element_place;

typedef struct input_kind {
    const char *name;
    uint32_t (*make)(const element_place *at, uint64_t *state);
} input_kind;

/* Prime to 2, 3, 5 and 7, the periods of the other properties of the systematic cases. */
#define INPUT_KINDS 13

extern const input_kind input_kinds[INPUT_KINDS];

/* Fill [count] elements of `type`; equal arguments give equal elements. */
void fill_input(void *elements, flc_type type, int count, const input_kind *kind, uint64_t seed);

#endif
