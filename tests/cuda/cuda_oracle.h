// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What a two-step all-reduce must give, block by block, without communicators: an element's block
 * depends on the same block of all ranks and on who owns it, on nothing else. Thread-safe.
 */
#ifndef CUDA_ORACLE_H
#define CUDA_ORACLE_H

#include "cuda_call.h"
#include "flashcomm/with_cuda.h"

/*
 *   inputs  [ranks] the elements of this block
 *   result  the same elements, reduced
 */
void cuda_oracle_block(const struct cuda_call *call, int ranks, size_t block,
                       const void *const *inputs, void *result);

/* All blocks; `images` are [ranks] images with the inputs at call->send_at. */
void cuda_oracle_call(const struct cuda_call *call, int ranks, uint8_t *const *images,
                      void *result);

/* Elements of block `block`. */
uint32_t cuda_oracle_block_elems(const struct cuda_call *call, size_t block);

#endif
