// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The reference row: the scalar rules of codec_core.h, an element at a time, nothing clever. Every
 * other row is compared with it byte for byte, so it favours being read over being fast.
 * codec_walk.c and codec_walk_rotated.c walk the blocks.
 */
#include "codec/codec_rotated.h"
#include "codec/codec_rows.h"
#include "codec/codec_walk.h"

static int is_supported(void)
{
    return 1;
}

static void load_halves(flc_type type, const uint16_t *src, uint32_t n, float *x)
{
    for (uint32_t i = 0; i < n; i++) {
        x[i] = flci_from_float16(type, src[i]);
    }
}

static void store_halves(flc_type type, const float *x, uint32_t n, uint16_t *dst)
{
    for (uint32_t i = 0; i < n; i++) {
        dst[i] = type == FLC_FLOAT16 ? flci_to_fp16(x[i]) : flci_to_bf16(x[i]);
    }
}

static struct flci_range range_of(const float *x, uint32_t n, int spikes)
{
    return flci_range_of(x, (int)n, spikes);
}

static void quantize(const struct flci_quantizer *quantizer, const float *x, uint32_t n,
                     uint8_t *codes)
{
    for (uint32_t i = 0; i < n; i++) {
        codes[i] = flci_quantize(*quantizer, x[i]);
    }
}

static void pack(const uint8_t *codes, uint32_t count, uint32_t bits, uint8_t *planes)
{
    memset(planes, 0, flci_planes_bytes(count, bits));
    flci_pack_planes(codes, count, bits, planes);
}

static void dequantize(int bits, float scale, int zero, const uint8_t *codes, uint32_t n, float *y)
{
    for (uint32_t i = 0; i < n; i++) {
        y[i] = flci_dequantize(bits, scale, zero, codes[i]);
    }
}

static const struct flci_even_ops even_ops = {
    .range_of = range_of,
    .quantize = quantize,
    .pack = pack,
    .unpack = flci_unpack_planes,
    .dequantize = dequantize,
};

/* ---- Rotated ---- */

/* Turns a group, or finds that it is not finite. */
static int rotate(const float *x, uint32_t n, uint32_t group, float *v)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!flci_is_finite(x[i])) {
            return 0;
        }
    }
    flci_rotate(x, n, group, v);
    return 1;
}

static void rotated_quantize(int bits, const float *v, uint32_t group, float inverse,
                             uint8_t *codes)
{
    for (uint32_t i = 0; i < group; i++) {
        codes[i] = flci_rotated_code(bits, v[i], inverse);
    }
}

static void rotated_dequantize(int bits, float scale, const uint8_t *codes, uint32_t group,
                               flc_type type, float *v)
{
    for (uint32_t i = 0; i < group; i++) {
        v[i] = flci_rotated_value(bits, scale, codes[i]);
    }
    flci_rotate_back(v, group, type);
}

static const struct flci_rotated_ops rotated_ops = {
    .rotate = rotate,
    .largest = flci_rotated_largest,
    .error = flci_rotated_error,
    .quantize = rotated_quantize,
    .dequantize = rotated_dequantize,
};

const struct flci_codec_row flci_codec_ref = {
    .name = "ref",
    .summary = "scalar C, the reference",
    .is_supported = is_supported,
    .load_halves = load_halves,
    .store_halves = store_halves,
    .even = &even_ops,
    .rotated = &rotated_ops,
};
