// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The promises, group by group, in float64.
 */
#include "codec_properties.h"

#include <math.h>
#include <string.h>

/* ---- Decoded values ---- */

/* A group as the promises see it; nothing here is shared with the codec. */
struct group {
    const float *x, *y;
    size_t n;
    int is_finite;
    size_t min_at, max_at;
    double low, high; /* of the elements that are no spikes; 0, 0 if there are none */
    double largest;   /* magnitude of all elements */
};

static struct group look_at(flc_format format, const float *x, const float *y, size_t n)
{
    struct group g = {.x = x, .y = y, .n = n, .is_finite = 1};
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        g.is_finite = g.is_finite && isfinite(x[i]);
        g.min_at = x[i] < x[g.min_at] ? i : g.min_at;
        g.max_at = x[i] > x[g.max_at] ? i : g.max_at;
        g.largest = fmax(g.largest, fabs((double)x[i]));
    }
    for (size_t i = 0; i < n; i++) {
        if (!format.spikes || (i != g.min_at && i != g.max_at)) {
            /* No fmin and fmax: gcc 12 fails to compile them for 64-bit Arm with -O3. */
            low = (double)x[i] < low ? (double)x[i] : low;
            high = (double)x[i] > high ? (double)x[i] : high;
        }
    }
    g.low = low > high ? 0.0 : low;
    g.high = low > high ? 0.0 : high;
    return g;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Of `type`, widened: 0x7e00 of fp16 is 0x7fc00000 too. */
static int is_canonical_nan(float y)
{
    return bits_of(y) == 0x7fc00000u;
}

static int is_spike(flc_format format, const struct group *g, size_t i)
{
    return format.spikes && (i == g->min_at || i == g->max_at);
}

static const char *check_element(flc_format format, flc_type type, const struct group *g, size_t i,
                                 double bound, struct tightness *seen)
{
    const double x = (double)g->x[i], error = fabs((double)g->y[i] - x);
    const int spike = is_spike(format, g, i);
    const double allowed = spike ? flc_format_spike_bound(type, x) : bound;
    double *most = spike ? &seen->spikes[type]
                         : &seen->codes[format.bits][format.scheme][format.metadata][type];
    if (!isfinite(g->y[i])) {
        return "a finite group decoded to a value that is not finite";
    }
    if (!(error <= allowed)) {
        return spike ? "a spike is off by more than flc_format_spike_bound"
                     : "an element is off by more than flc_format_error_bound";
    }
    if (x == 0.0 && g->y[i] != 0.0f &&
        (format.scheme == FLC_ROTATED ? g->largest == 0.0 : format.bits > 1)) {
        return "0 did not decode to 0";
    }
    *most = fmax(*most, error > 0.0 ? error / allowed : 0.0);
    return NULL;
}

static const char *check_group(flc_format format, flc_type type, const struct group *g,
                               double block_max, size_t *at, struct tightness *seen)
{
    const double bound = flc_format_error_bound(format, type, g->low, g->high, block_max);
    size_t first = g->n; /* that is no spike */
    for (size_t i = 0; i < g->n; i++) {
        const char *wrong = NULL;
        *at = i;
        if (!g->is_finite) {
            wrong = is_canonical_nan(g->y[i]) ? NULL
                                              : "a group with a NaN or an infinity decoded "
                                                "to something but the canonical NaN";
        } else {
            wrong = check_element(format, type, g, i, bound, seen);
        }
        if (wrong != NULL) {
            return wrong;
        }
        if (is_spike(format, g, i)) {
            continue;
        }
        first = first == g->n ? i : first;
        if (g->low == g->high && format.scheme != FLC_ROTATED &&
            bits_of(g->y[i]) != bits_of(g->y[first])) {
            return "a constant group decoded to several values";
        }
    }
    return NULL;
}

static const char *check_block(flc_format format, flc_type type, const float *x, const float *y,
                               size_t n, uint64_t *nonfinite, size_t *at, struct tightness *seen)
{
    double block_max = 0.0;
    for (size_t first = 0; first < n; first += format.group) {
        const size_t elems = n - first < format.group ? n - first : format.group;
        const struct group g = look_at(format, x + first, y + first, elems);
        if (g.is_finite) {
            block_max = fmax(block_max, g.largest);
        } else {
            ++*nonfinite;
        }
    }
    for (size_t first = 0; first < n; first += format.group) {
        const size_t elems = n - first < format.group ? n - first : format.group;
        const struct group g = look_at(format, x + first, y + first, elems);
        const char *wrong = check_group(format, type, &g, block_max, at, seen);
        if (wrong != NULL) {
            *at += first;
            return wrong;
        }
    }
    return NULL;
}

const char *properties_of_decoded(flc_format format, flc_type type, const float *x, const float *y,
                                  size_t count, const flc_stats *stats, size_t *at,
                                  struct tightness *seen)
{
    uint64_t nonfinite = 0, groups = 0;
    for (size_t first = 0; first < count; first += FLC_BLOCK_ELEMS) {
        const size_t n = count - first < FLC_BLOCK_ELEMS ? count - first : FLC_BLOCK_ELEMS;
        const char *wrong =
            check_block(format, type, x + first, y + first, n, &nonfinite, at, seen);
        if (wrong != NULL) {
            *at += first;
            return wrong;
        }
        groups += (n + format.group - 1) / format.group;
    }
    *at = 0;
    if (stats->groups != groups) {
        return "flc_stats.groups is wrong";
    }
    return stats->nonfinite_groups == nonfinite ? NULL : "flc_stats.nonfinite_groups is wrong";
}

/* ---- Padding ---- */

static size_t a16(size_t bytes)
{
    return (bytes + 15) / 16 * 16;
}

static uint8_t *mask_bytes(uint8_t *mask, size_t used)
{
    memset(mask, 0xff, used);
    return mask + a16(used);
}

/* The planes of `codes` codes of `bits` bits, code by code as docs/format.md numbers their bits. */
static uint8_t *mask_planes(uint8_t *mask, size_t codes, int bits)
{
    for (int width = 8; width > 0; width /= 2) {
        const size_t w = (size_t)width, per_word = 32 / w;
        if ((bits & width) == 0) {
            continue;
        }
        for (size_t i = 0; i < codes; i++) {
            const size_t j = i % per_word;
            const size_t bit =
                width == 8 ? 8 * i : 32 * (i / per_word) + w * (j / 2) + 16 * (j % 2);
            mask[bit / 8] = (uint8_t)(mask[bit / 8] | ((1u << width) - 1u) << bit % 8);
        }
        mask += a16(4 * ((codes * w + 31) / 32));
    }
    return mask;
}

static uint8_t *mask_block(flc_format format, size_t n, uint8_t *mask)
{
    const int is_compact = format.metadata == FLC_COMPACT;
    const size_t groups = (n + format.group - 1) / format.group;
    int position_bits = 8;
    while (is_compact && 1 << position_bits > format.group) {
        position_bits--;
    }
    if (is_compact) {
        mask = mask_bytes(mask, 2);
    }
    mask =
        mask_bytes(mask, groups * (is_compact ? 1 : 2) * (format.scheme == FLC_ASYMMETRIC ? 2 : 1));
    if (format.spikes) {
        mask = mask_bytes(mask, 4 * groups);
        mask = mask_planes(mask, 2 * groups, position_bits);
    }
    return mask_planes(mask, format.scheme == FLC_ROTATED ? groups * format.group : n, format.bits);
}

void properties_mask_used(flc_format format, size_t count, uint8_t *mask)
{
    size_t bytes = 0;
    (void)flc_format_wire_bytes(format, FLC_FLOAT32, count, &bytes);
    memset(mask, 0, bytes);
    for (size_t first = 0; first < count; first += FLC_BLOCK_ELEMS) {
        const size_t n = count - first < FLC_BLOCK_ELEMS ? count - first : FLC_BLOCK_ELEMS;
        mask = mask_block(format, n, mask);
    }
}
