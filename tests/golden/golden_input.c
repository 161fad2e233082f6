// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The inputs of the golden vectors. An element is made as a bit pattern, from integers alone: no
 * rounding mode, compiler or libm can change it. Each kind aims at a rule of docs/format.md.
 */
#include "golden_input.h"

#include <string.h>

/* A type's layout: the bits of its mantissa without the leading one, and those of its exponent. */
typedef struct layout {
    int mantissa_bits;
    int exponent_bits;
} layout;

static const layout layouts[] = {
    [FLC_FLOAT32] = {23, 8},
    [FLC_FLOAT16] = {10, 5},
    [FLC_BFLOAT16] = {7, 8},
};

/* What a generator knows of the element it makes. */
struct element_place {
    layout type;
    int index;
    int salt; /* the same for all elements of a case */
};

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

static int random_below(uint64_t *state, int limit)
{
    return (int)(next_random(state) % (uint64_t)limit);
}

static uint32_t sign_bit(layout type)
{
    return 1u << (type.mantissa_bits + type.exponent_bits);
}

static uint32_t infinity_bits(layout type)
{
    return ((1u << type.exponent_bits) - 1) << type.mantissa_bits;
}

/* mantissa * 2^exponent as an element, cut off towards zero; too large becomes the largest. */
static uint32_t make_element(layout type, int64_t mantissa, int exponent)
{
    uint64_t magnitude = (uint64_t)(mantissa < 0 ? -mantissa : mantissa);
    uint32_t sign = mantissa < 0 ? sign_bit(type) : 0;
    int bias = (1 << (type.exponent_bits - 1)) - 1;
    int least = 1 - bias - type.mantissa_bits; /* exponent of the last bit of a subnormal */
    uint64_t bits;
    if (magnitude == 0)
        return sign;
    while (magnitude >> (type.mantissa_bits + 1) != 0 || exponent < least) {
        magnitude >>= 1;
        exponent++;
    }
    while (magnitude != 0 && magnitude >> type.mantissa_bits == 0 && exponent > least) {
        magnitude <<= 1;
        exponent--;
    }
    /* A leading one counts as one step of the exponent field: a subnormal has none. */
    bits = magnitude + ((uint64_t)(exponent - least) << type.mantissa_bits);
    return sign | (uint32_t)(bits < infinity_bits(type) ? bits : infinity_bits(type) - 1);
}

/* About gaussian with standard deviation 53510. */
static int64_t gaussian_int(uint64_t *state)
{
    int64_t sum = -4 * 65535;
    for (int term = 0; term < 8; term++)
        sum += (int64_t)(next_random(state) >> 48);
    return sum;
}

static uint32_t make_gaussian(const element_place *at, uint64_t *state)
{
    return make_element(at->type, gaussian_int(state), -16);
}

static uint32_t make_outliers(const element_place *at, uint64_t *state)
{
    int64_t factor = random_below(state, 20) == 0 ? 30 : 1;
    return make_element(at->type, factor * gaussian_int(state), -18);
}

static uint32_t make_constant(const element_place *at, uint64_t *state)
{
    (void)state;
    return make_element(at->type, 2 * at->salt - 255, -5);
}

static uint32_t make_zero(const element_place *at, uint64_t *state)
{
    (void)at;
    (void)state;
    return 0;
}

static uint32_t make_signed_zero(const element_place *at, uint64_t *state)
{
    return random_below(state, 2) == 0 ? 0 : sign_bit(at->type);
}

static uint32_t make_subnormal(const element_place *at, uint64_t *state)
{
    uint32_t mask = (1u << at->type.mantissa_bits) - 1;
    return (uint32_t)next_random(state) & (sign_bit(at->type) | mask);
}

/* Up to twice the least normal: the scale's floor for fp32 and bf16. */
static uint32_t make_least_normal(const element_place *at, uint64_t *state)
{
    uint32_t mask = (2u << at->type.mantissa_bits) - 1;
    return (uint32_t)next_random(state) & (sign_bit(at->type) | mask);
}

/* The largest values of the type, some halves of them and some ones. */
static uint32_t make_extreme(const element_place *at, uint64_t *state)
{
    uint32_t sign = random_below(state, 2) == 0 ? 0 : sign_bit(at->type);
    int step = random_below(state, 8);
    if (step == 7)
        return sign | make_element(at->type, 1, 0);
    return (sign | (infinity_bits(at->type) - 1)) - ((uint32_t)step / 3 << at->type.mantissa_bits);
}

static uint32_t make_nonfinite(const element_place *at, uint64_t *state)
{
    int kind = random_below(state, 40);
    if (kind < 2)
        return infinity_bits(at->type) | (kind == 0 ? sign_bit(at->type) : 0);
    if (kind == 2) /* a NaN with a payload, quiet or signalling */
        return infinity_bits(at->type) | 1u | (uint32_t)random_below(state, 128);
    return make_gaussian(at, state);
}

/* Few values, so that the extremes of a group come several times. */
static uint32_t make_equal_extremes(const element_place *at, uint64_t *state)
{
    int64_t value = random_below(state, 5) - 2;
    if (value == 0)
        return make_signed_zero(at, state);
    return make_element(at->type, value * (at->salt + 1), -4);
}

/* A narrow range far from 0, which takes the zero to its bound. */
static uint32_t make_offset(const element_place *at, uint64_t *state)
{
    int64_t centre = (at->salt & 1) != 0 ? 300 * 65536 : -300 * 65536;
    return make_element(at->type, centre + gaussian_int(state), -16);
}

/* All finite bit patterns. */
static uint32_t make_any(const element_place *at, uint64_t *state)
{
    uint32_t magnitude = (uint32_t)next_random(state) & (sign_bit(at->type) - 1);
    uint32_t sign = random_below(state, 2) == 0 ? 0 : sign_bit(at->type);
    return sign | magnitude % infinity_bits(at->type);
}

/* Each 16 elements 2^5 larger, so that a block's compact scales reach from end to end. */
static uint32_t make_stairs(const element_place *at, uint64_t *state)
{
    int half = 1 << (at->type.exponent_bits - 1);
    int step = at->index / 16 * 5 % (2 * half - 8);
    return make_element(at->type, gaussian_int(state), step - half - 13);
}

const input_kind input_kinds[INPUT_KINDS] = {
    {"gaussian", make_gaussian},
    {"extremes", make_extreme},
    {"constant", make_constant},
    {"outliers", make_outliers},
    {"subnormals", make_subnormal},
    {"stairs", make_stairs},
    {"equal-extremes", make_equal_extremes},
    {"signed-zeros", make_signed_zero},
    {"nonfinite", make_nonfinite},
    {"offset", make_offset},
    {"any-bits", make_any},
    {"least-normals", make_least_normal},
    {"zeros", make_zero},
};

void fill_input(void *elements, flc_type type, int count, const input_kind *kind, uint64_t seed)
{
    uint64_t state = seed;
    element_place at = {layouts[type], 0, random_below(&state, 256)};
    for (; at.index < count; at.index++) {
        uint32_t bits = kind->make(&at, &state);
        uint16_t half = (uint16_t)bits;
        if (type == FLC_FLOAT32)
            memcpy((uint32_t *)elements + at.index, &bits, sizeof bits);
        else
            memcpy((uint16_t *)elements + at.index, &half, sizeof half);
    }
}
