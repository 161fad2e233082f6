// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Element types turned into one another: see elem_convert.h. An fp32 has 8 exponent bits (bias
 * 127) and 23 of mantissa, an fp16 5 (bias 15) and 10, a bf16 is the upper half of an fp32.
 */
#include "elem_convert.h"

#include <string.h>

#define FP32_INFINITY 0x7f800000u
#define FP32_MANTISSA 0x007fffffu
#define FP32_IMPLICIT 0x00800000u /* the mantissa's leading one */
#define FP16_INFINITY 0x7c00u
#define FP16_QUIET    0x0200u
#define BF16_QUIET    0x0040u

/* From the smallest normal fp16, 2^-14, up; and from 65520, which rounds to 2^16, up. */
#define FP32_FP16_NORMAL   0x38800000u
#define FP32_FP16_OVERFLOW 0x477ff000u

/* Difference of the biases, in the exponent's place. */
#define FP32_FP16_REBIAS ((127u - 15u) << 23)

uint32_t elem_fp16_to_fp32(uint16_t bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x8000u) << 16;
    const uint32_t magnitude = bits & 0x7fffu;
    if (magnitude >= FP16_INFINITY) {
        return sign | FP32_INFINITY | (magnitude & 0x3ffu) << 13;
    }
    if (magnitude >= 0x400u) {
        return sign | ((magnitude << 13) + FP32_FP16_REBIAS);
    }
    if (magnitude == 0) {
        return sign;
    }
    /* Subnormal: magnitude * 2^-24; its leading one becomes the implicit one. */
    const uint32_t shift = (uint32_t)__builtin_clz(magnitude) - 8u;
    const uint32_t exponent = 127u - 24u + 23u - shift;
    return sign | exponent << 23 | ((magnitude << shift) & FP32_MANTISSA);
}

uint32_t elem_bf16_to_fp32(uint16_t bits)
{
    return (uint32_t)bits << 16;
}

/* Drop the lowest `shift` bits (1 to 24) of `value`, to nearest even. */
static uint32_t shift_nearest_even(uint32_t value, uint32_t shift)
{
    const uint32_t kept = value >> shift;
    const uint32_t half = 1u << (shift - 1);
    const uint32_t dropped = value & ((half << 1) - 1u);
    return kept + ((dropped > half || (dropped == half && (kept & 1u) != 0)) ? 1u : 0u);
}

uint16_t elem_fp32_to_fp16(uint32_t bits)
{
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t result;
    if (magnitude > FP32_INFINITY) {
        result = FP16_INFINITY | FP16_QUIET | ((magnitude >> 13) & 0x3ffu);
    } else if (magnitude >= FP32_FP16_OVERFLOW) {
        result = FP16_INFINITY;
    } else if (magnitude >= FP32_FP16_NORMAL) {
        result = shift_nearest_even(magnitude - FP32_FP16_REBIAS, 13);
    } else {
        /* In units of 2^-24; below half a unit, exponent 102, everything is 0. */
        const uint32_t exponent = magnitude >> 23;
        const uint32_t mantissa = (magnitude & FP32_MANTISSA) | FP32_IMPLICIT;
        result = exponent < 102u ? 0u : shift_nearest_even(mantissa, 126u - exponent);
    }
    return (uint16_t)(sign | result);
}

uint16_t elem_fp32_to_bf16(uint32_t bits)
{
    if ((bits & 0x7fffffffu) > FP32_INFINITY) {
        return (uint16_t)(bits >> 16 | BF16_QUIET);
    }
    return (uint16_t)shift_nearest_even(bits, 16);
}

static uint32_t load_fp32(flc_type type, const void *data, size_t index)
{
    if (type == FLC_FLOAT32) {
        uint32_t bits;
        memcpy(&bits, (const char *)data + index * sizeof bits, sizeof bits);
        return bits;
    }
    const uint16_t bits = ((const uint16_t *)data)[index];
    return type == FLC_FLOAT16 ? elem_fp16_to_fp32(bits) : elem_bf16_to_fp32(bits);
}

void elems_convert(flc_type from, const void *src, flc_type to, void *dst, size_t count)
{
    if (from == to) {
        memcpy(dst, src, count * flc_type_bytes(from));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = load_fp32(from, src, i);
        if (to == FLC_FLOAT32) {
            memcpy((char *)dst + i * sizeof bits, &bits, sizeof bits);
        } else {
            ((uint16_t *)dst)[i] =
                to == FLC_FLOAT16 ? elem_fp32_to_fp16(bits) : elem_fp32_to_bf16(bits);
        }
    }
}

double elem_value(flc_type type, const void *data, size_t index)
{
    const uint32_t bits = load_fp32(type, data, index);
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}
