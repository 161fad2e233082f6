// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * CUDA's error codes as status values with sentences, and the calling thread's current device.
 * For every part of the library that calls the CUDA runtime.
 */
#ifndef FLCI_CUDA_CUDA_ERROR_H
#define FLCI_CUDA_CUDA_ERROR_H

#include <cuda_runtime_api.h>

#include "flashcomm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * FLC_OK for cudaSuccess; otherwise fail with the sentence, ": " and CUDA's name and text of
 * `code`: NO_MEMORY where CUDA says so, else CUDA. Clears what CUDA keeps as its last error, so
 * that the caller's own checks do not find it.
 */
flc_status flci_cuda_check(cudaError_t code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Make `device` current. *previous is what flci_cuda_leave() takes: the device that was. */
flc_status flci_cuda_enter(int device, int *previous);

/* Make `previous` current again. */
void flci_cuda_leave(int previous);

#ifdef __cplusplus
}
#endif

#endif
