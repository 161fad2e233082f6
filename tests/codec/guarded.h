// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Memory between two pages that may not be touched: a read or write one byte outside ends the
 * program, without a sanitizer and for vector instructions too.
 *
 * A buffer cannot touch both pages unless it fills its pages, so tests place it once at either end.
 */
#ifndef GUARDED_H
#define GUARDED_H

#include <stddef.h>
#include <stdint.h>

struct guarded {
    uint8_t *low; /* the first byte behind the lower page */
    size_t room;  /* bytes up to the upper page, a multiple of the page */
};

/* Room for at least `bytes`; ends the program where memory is out. */
struct guarded guarded_create(size_t bytes);
void guarded_destroy(struct guarded memory);

/* The address of `bytes` bytes that end at the upper page. */
static inline uint8_t *guarded_high(struct guarded memory, size_t bytes)
{
    return memory.low + memory.room - bytes;
}

#endif
