// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The matrix product in which the model spends its time.
 */
#ifndef TP_LLAMA_MULTIPLY_H
#define TP_LLAMA_MULTIPLY_H

#include <stddef.h>

/*
 * product[rows][outputs] = inputs[rows][terms] * matrix[terms][outputs]
 *
 * Each element is summed from 0 over the terms in their order, on every machine: the same bits as
 * three plain loops give, as long as the compiler does not contract.
 */
void multiply(float *restrict product, const float *restrict inputs, const float *restrict matrix,
              size_t rows, size_t terms, size_t outputs);

#endif
