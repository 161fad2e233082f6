// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Encodes, decodes and compares: see format_error.h.
 */
#include "format_error.h"

#include <math.h>
#include <stdlib.h>

#include "elem_convert.h"
#include "flashcomm/flashcomm.h"

/* Elements that are finite on both sides count; no error at all gives an infinite SQNR, none
   to compare a NaN. */
static void compare(const struct tensor *tensor, const void *decoded, struct format_error *result)
{
    double signal = 0.0;
    double noise = 0.0;
    double largest = 0.0;
    size_t compared = 0;
    for (size_t i = 0; i < tensor->count; i++) {
        const double x = elem_value(tensor->type, tensor->data, i);
        const double y = elem_value(tensor->type, decoded, i);
        if (!isfinite(x) || !isfinite(y)) {
            continue;
        }
        compared++;
        signal += x * x;
        noise += (y - x) * (y - x);
        largest = fmax(largest, fabs(y - x));
    }
    result->sqnr_db = compared == 0  ? (double)NAN
                      : noise == 0.0 ? (double)INFINITY
                                     : 10.0 * log10(signal / noise);
    result->max_abs_error = largest;
}

static flc_status round_trip(const struct tensor *tensor, flc_format format, void *wire,
                             size_t wire_bytes, void *decoded, flc_stats *stats)
{
    const flc_status status =
        flc_encode(format, tensor->type, tensor->data, tensor->count, wire, wire_bytes, stats);
    return status != FLC_OK
               ? status
               : flc_decode(format, tensor->type, wire, wire_bytes, decoded, tensor->count);
}

int format_error_measure(const struct tensor *tensor, const struct format_item *item,
                         struct format_error *result, struct failure *failure)
{
    size_t wire_bytes = 0;
    if (flc_format_wire_bytes(item->reduce, tensor->type, tensor->count, &wire_bytes) != FLC_OK) {
        return failure_set(failure, "format '%s': %s", item->text, flc_last_error(NULL));
    }
    const size_t elem_bytes = tensor->count * flc_type_bytes(tensor->type);
    void *const wire = malloc(wire_bytes == 0 ? 1 : wire_bytes);
    void *const decoded = malloc(elem_bytes == 0 ? 1 : elem_bytes);
    flc_stats stats = {0, 0};
    int status = 0;
    if (wire == NULL || decoded == NULL) {
        status = failure_set(failure, "format '%s': out of memory: %zu and %zu bytes", item->text,
                             wire_bytes, elem_bytes);
    } else if (round_trip(tensor, item->reduce, wire, wire_bytes, decoded, &stats) != FLC_OK) {
        status = failure_set(failure, "format '%s': %s", item->text, flc_last_error(NULL));
    } else {
        *result = (struct format_error){
            .text = item->text,
            .wire_bits =
                tensor->count == 0 ? (double)NAN : 8.0 * (double)wire_bytes / (double)tensor->count,
            .nonfinite_groups = stats.nonfinite_groups,
        };
        compare(tensor, decoded, result);
    }
    free(wire);
    free(decoded);
    return status;
}
