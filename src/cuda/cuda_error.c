// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Errors and the current device: cuda_error.h.
 */
#include "cuda/cuda_error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

flc_status flci_cuda_check(cudaError_t code, const char *format, ...)
{
    char what[256];
    va_list arguments;
    if (code == cudaSuccess) {
        return FLC_OK;
    }
    (void)cudaGetLastError();
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return flci_fail(code == cudaErrorMemoryAllocation ? FLC_ERR_NO_MEMORY : FLC_ERR_CUDA,
                     "%s: %s (%s)", what, cudaGetErrorName(code), cudaGetErrorString(code));
}

flc_status flci_cuda_enter(int device, int *previous)
{
    int current = 0;
    flc_status status = flci_cuda_check(cudaGetDevice(&current), "asking for the current device");
    if (status == FLC_OK && current != device) {
        status = flci_cuda_check(cudaSetDevice(device), "making device %d current", device);
    }
    if (status == FLC_OK) {
        *previous = current;
    }
    return status;
}

void flci_cuda_leave(int previous)
{
    int current = previous;
    /* Only where needed: cudaSetDevice makes a context on a device that has none. */
    if (cudaGetDevice(&current) == cudaSuccess && current != previous) {
        (void)cudaSetDevice(previous);
    }
}
