// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * FLCI_HD marks small functions in headers that kernels use too.
 */
#ifndef FLCI_BASE_HOST_DEVICE_H
#define FLCI_BASE_HOST_DEVICE_H

#if defined(__CUDACC__)
#    define FLCI_HD static __host__ __device__ __forceinline__
#else
#    define FLCI_HD static inline
#endif

#endif
