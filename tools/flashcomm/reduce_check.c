// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Error and bound of a reduction or a copy. A reduction's bound adds up, for each element, what the
 * contributions may be off, what float32 summation may be off, and what the encoding of the sum may
 * be off, given the range its group can have after the first two. It treats the owner's exact
 * contribution as quantized too: a little wide, and independent of who owns what.
 *
 * Works on one block at a time: groups never cross blocks.
 */
#include "reduce_check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "elem_convert.h"

/* What is known of an element besides its bound. */
enum {
    MUST_BE_NAN = 1,
    NOT_FINITE = 2, /* an input of the element is not */
    UNSURE = 4,     /* one of its group is not, or the sum may have overflowed */
};

/* Of two numbers, none a NaN; fmin and fmax are calls, and these are in the innermost loops. */
static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* One block of a reduction. */
struct block {
    double exact[FLC_BLOCK_ELEMS]; /* sum of the inputs */
    double sizes[FLC_BLOCK_ELEMS]; /* sum of their magnitudes */
    double off[FLC_BLOCK_ELEMS];   /* bound so far */
    double values[FLC_BLOCK_ELEMS];
    double low[FLC_BLOCK_ELEMS], high[FLC_BLOCK_ELEMS];
    unsigned char flags[FLC_BLOCK_ELEMS];
};

static size_t group_end(flc_format format, size_t first, size_t count)
{
    const size_t elems = format.bits == 0 ? 1 : format.group;
    return count - first < elems ? count : first + elems;
}

/* Smallest of low and largest of high in [first, end), the `skipped` most extreme left out. */
static void range_of(const double *low, const double *high, size_t first, size_t end, int skipped,
                     double *range_low, double *range_high)
{
    double lowest[2] = {INFINITY, INFINITY}, highest[2] = {-INFINITY, -INFINITY};
    for (size_t i = first; i < end; i++) {
        const double l = low[i], h = high[i];
        lowest[1] = smaller(lowest[1], larger(l, lowest[0]));
        lowest[0] = smaller(l, lowest[0]);
        highest[1] = larger(highest[1], smaller(h, highest[0]));
        highest[0] = larger(h, highest[0]);
    }
    *range_low = lowest[skipped];
    *range_high = highest[skipped];
    if (end - first <= (size_t)(2 * skipped)) { /* nothing remains, or one of two equal spikes */
        *range_low = smaller(lowest[0], 0.0);
        *range_high = larger(highest[0], 0.0);
    }
}

/* What encoding values that lie in [low, high] may be off: into off[], added. */
static void add_bounds(struct block *b, flc_format format, flc_type type, const double *low,
                       const double *high, size_t count)
{
    double block_max = 0.0;
    for (size_t i = 0; i < count; i++) {
        block_max = larger(block_max, larger(fabs(low[i]), fabs(high[i])));
    }
    for (size_t first = 0; first < count; first = group_end(format, first, count)) {
        const size_t end = group_end(format, first, count);
        double range_low, range_high, bound;
        range_of(low, high, first, end, format.spikes, &range_low, &range_high);
        bound = flc_format_error_bound(format, type, range_low, range_high, block_max);
        for (size_t i = first; i < end; i++) {
            const double magnitude = larger(fabs(low[i]), fabs(high[i]));
            b->off[i] +=
                format.spikes ? fmax(bound, flc_format_spike_bound(type, magnitude)) : bound;
        }
    }
}

/* Set `flag` in all elements of the groups in which any element has one of `causes`. */
static void spread(struct block *b, flc_format format, size_t count, int causes, int flag)
{
    for (size_t first = 0; first < count; first = group_end(format, first, count)) {
        const size_t end = group_end(format, first, count);
        int found = 0;
        for (size_t i = first; i < end; i++) {
            found |= b->flags[i] & causes;
        }
        for (size_t i = first; i < end && found; i++) {
            b->flags[i] = (unsigned char)(b->flags[i] | flag);
        }
    }
}

static void add_contribution(struct block *b, flc_format format, flc_type type, const void *input,
                             size_t at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const double x = elem_value(type, input, at + i);
        b->values[i] = isfinite(x) ? x : 0.0;
        b->flags[i] = (unsigned char)(b->flags[i] | (isnan(x) ? MUST_BE_NAN : 0) |
                                      (isfinite(x) ? 0 : NOT_FINITE));
        b->exact[i] += b->values[i];
        b->sizes[i] += fabs(b->values[i]);
    }
    spread(b, format, count, NOT_FINITE, UNSURE); /* unless its owner kept it exact */
    add_bounds(b, format, type, b->values, b->values, count);
}

/* A raw sum above it becomes an infinity. */
static double largest_of(flc_type type)
{
    return type == FLC_FLOAT16 ? 65504.0 : type == FLC_BFLOAT16 ? 0x1.fep127 : (double)FLT_MAX;
}

static void finish_bounds(struct block *b, const flc_coll_config *config, flc_type type, int ranks,
                          flc_op op, int is_oneshot, size_t count)
{
    const flc_format raw = {0}, gather = is_oneshot ? raw : config->gather;
    for (size_t i = 0; i < count; i++) {
        const double divisor = op == FLC_AVG ? ranks : 1.0;
        /* Each addition, and the division, rounds once. */
        b->off[i] += (ranks + 1) * 0x1p-24 * (b->sizes[i] + b->off[i]);
        b->exact[i] /= divisor;
        b->off[i] = b->off[i] / divisor + 0x1p-149;
        b->low[i] = b->exact[i] - b->off[i];
        b->high[i] = b->exact[i] + b->off[i];
        if (b->sizes[i] + b->off[i] * divisor > (double)FLT_MAX ||
            (gather.bits == 0 && larger(-b->low[i], b->high[i]) > largest_of(type))) {
            b->flags[i] = (unsigned char)(b->flags[i] | UNSURE);
        }
    }
    if (gather.bits != 0) { /* one element that is not finite makes its group NaN */
        spread(b, gather, count, NOT_FINITE, MUST_BE_NAN);
        spread(b, gather, count, UNSURE, UNSURE);
    }
    add_bounds(b, gather, type, b->low, b->high, count);
}

/* Compare the block's part of the result with what is known of it. */
static void compare(const struct block *b, flc_type type, const void *result, size_t at,
                    size_t count, struct flc_reduce_check *check)
{
    for (size_t i = 0; i < count; i++) {
        const double y = elem_value(type, result, at + i), error = fabs(y - b->exact[i]);
        if ((b->flags[i] & MUST_BE_NAN) != 0) {
            check->out_of_bound += isnan(y) ? 0 : 1;
            continue;
        }
        if (b->flags[i] != 0) {
            check->unchecked++;
            continue;
        }
        check->compared++;
        check->out_of_bound += !(error <= b->off[i]);
        if (isfinite(y)) {
            check->max_abs_error = larger(check->max_abs_error, error);
            check->signal += b->exact[i] * b->exact[i];
            check->noise += error * error;
        }
    }
}

/* A raw copy keeps every bit. */
static void compare_bytes(flc_type type, const void *input, const void *result, size_t count,
                          struct flc_reduce_check *check)
{
    const size_t elem_bytes = flc_type_bytes(type);
    for (size_t i = 0; i < count; i++) {
        const double x = elem_value(type, input, i), y = elem_value(type, result, i);
        check->out_of_bound += memcmp((const char *)input + i * elem_bytes,
                                      (const char *)result + i * elem_bytes, elem_bytes) != 0;
        check->compared += isfinite(x) ? 1 : 0;
        if (isfinite(x) && isfinite(y)) {
            check->max_abs_error = larger(check->max_abs_error, fabs(y - x));
            check->signal += x * x;
            check->noise += (y - x) * (y - x);
        }
    }
}

static double sqnr_db(const struct flc_reduce_check *check)
{
    return check->compared == 0 ? (double)NAN
           : check->noise > 0.0 ? 10.0 * log10(check->signal / check->noise)
                                : (double)INFINITY;
}

void flc_reduce_check_add(struct flc_reduce_check *sums, const struct flc_reduce_check *part)
{
    sums->elements += part->elements;
    sums->max_abs_error = fmax(sums->max_abs_error, part->max_abs_error);
    sums->out_of_bound += part->out_of_bound;
    sums->unchecked += part->unchecked;
    sums->compared += part->compared;
    sums->signal += part->signal;
    sums->noise += part->noise;
    sums->sqnr_db = sqnr_db(sums);
}

int flc_reduce_check(const void *const *inputs, int ranks, size_t count, flc_type type, flc_op op,
                     const flc_coll_config *config, const char *algorithm, const void *result,
                     struct flc_reduce_check *check)
{
    const int is_oneshot = strcmp(algorithm, "oneshot") == 0;
    flc_coll_config formats = *config;
    struct flc_reduce_check c = {.elements = count};
    struct block *b = malloc(sizeof *b);
    if (b == NULL) {
        return -1;
    }
    if (strcmp(algorithm, "copy") == 0) { /* of one rank */
        formats.reduce = formats.gather = (flc_format){0};
    }
    for (size_t at = 0; at < count; at += FLC_BLOCK_ELEMS) {
        const size_t n = count - at < FLC_BLOCK_ELEMS ? count - at : FLC_BLOCK_ELEMS;
        memset(b, 0, sizeof *b);
        for (int rank = 0; rank < ranks; rank++) {
            add_contribution(b, formats.reduce, type, inputs[rank], at, n);
        }
        finish_bounds(b, &formats, type, ranks, op, is_oneshot, n);
        compare(b, type, result, at, n, &c);
    }
    free(b);
    c.sqnr_db = sqnr_db(&c);
    *check = c;
    return 0;
}

int flc_copy_check(const void *input, size_t count, flc_type type, flc_format format,
                   const void *result, struct flc_reduce_check *check)
{
    struct flc_reduce_check c = {.elements = count};
    struct block *b = malloc(sizeof *b);
    if (b == NULL) {
        return -1;
    }
    if (format.bits == 0) {
        compare_bytes(type, input, result, count, &c);
    }
    for (size_t at = 0; at < count && format.bits != 0; at += FLC_BLOCK_ELEMS) {
        const size_t n = count - at < FLC_BLOCK_ELEMS ? count - at : FLC_BLOCK_ELEMS;
        memset(b, 0, sizeof *b);
        add_contribution(b, format, type, input, at, n);
        spread(b, format, n, NOT_FINITE, MUST_BE_NAN);
        compare(b, type, result, at, n, &c);
    }
    free(b);
    c.sqnr_db = sqnr_db(&c);
    *check = c;
    return 0;
}
