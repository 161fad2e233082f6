// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What one format does to one tensor: every element is encoded and decoded once, without ranks,
 * and the error is taken in double.
 */
#ifndef FORMAT_ERROR_H
#define FORMAT_ERROR_H

#include <stdint.h>

#include "arguments.h"
#include "tensor.h"
#include "tool_failure.h"

struct format_error {
    const char *text; /* the format, as it was given; the format_item's */
    double wire_bits; /* NaN without elements */
    double sqnr_db;   /* infinite without error, NaN without finite elements */
    double max_abs_error;
    uint64_t nonfinite_groups;
};

/* Measure `item->reduce`. 0, or -1 with a sentence that names the format. */
int format_error_measure(const struct tensor *tensor, const struct format_item *item,
                         struct format_error *result, struct failure *failure);

#endif
