// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Element types turned into one another: fp32, fp16 and bf16.
 *
 * To a narrower type values are rounded to nearest even, overflow gives an infinity, subnormals
 * are kept, and a NaN stays a NaN. All of it is integer arithmetic, so that neither the
 * processor nor its floating-point environment has a say in the result.
 */
#ifndef ELEM_CONVERT_H
#define ELEM_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "flashcomm/codec.h"

/* The bit patterns of one element. */
uint32_t elem_fp16_to_fp32(uint16_t bits);
uint32_t elem_bf16_to_fp32(uint16_t bits);
uint16_t elem_fp32_to_fp16(uint32_t bits);
uint16_t elem_fp32_to_bf16(uint32_t bits);

/* src, dst  [count] elements, each aligned to its type; they do not overlap */
void elems_convert(flc_type from, const void *src, flc_type to, void *dst, size_t count);

/* Element `index` of `data`, exactly. */
double elem_value(flc_type type, const void *data, size_t index);

#endif
