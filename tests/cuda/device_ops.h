// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the tests let a GPU do in a stream beside the calls under test.
 *
 * Copies are kernels: a memory copy waits in a queue that streams share, and behind it could stand
 * the very call that a waiting kernel waits for. Every kernel is loaded by device_ops_load, while
 * nothing waits.
 */
#ifndef DEVICE_OPS_H
#define DEVICE_OPS_H

#include <cuda_runtime_api.h>
#include <stdint.h>

#include "flashcomm/codec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Run each kernel once on the current device; `memory` has 512 bytes of it, which are lost. */
cudaError_t device_ops_load(void *memory, cudaStream_t stream);

/* Copy `bytes`, a multiple of 16, between addresses that are multiples of 16. */
cudaError_t device_copy(void *dst, const void *src, size_t bytes, cudaStream_t stream);

/* Let the stream stand still for `cycles` clock cycles. */
cudaError_t device_delay(uint64_t cycles, cudaStream_t stream);

/* Fill with elements 0 to count - 1 of random_elem.h. */
cudaError_t device_fill(void *elems, size_t count, flc_type type, uint64_t seed,
                        cudaStream_t stream);

/*
 * Set *sum, in device memory, to a number that tells apart nearly all contents of words [count],
 * order included.
 */
cudaError_t device_sum(const uint16_t *words, size_t count, uint64_t *sum, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
