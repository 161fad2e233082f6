// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The kernels for full blocks, by the codecs of units: between codec_kernels.cu, which launches
 * them, and codec_kernels_bits.cu, compiled once for each width.
 */
#ifndef FLCI_CODEC_CUDA_CODEC_KERNELS_BITS_H
#define FLCI_CODEC_CUDA_CODEC_KERNELS_BITS_H

#include "codec/cuda/codec_kernels.h"
#include "codec/cuda/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A thread block for each block of the wire. */
#define FLCI_CUDA_FULL_THREADS 128

/* What a kernel is told: elements [4096] of each block, the wire, and this. */
struct flci_cuda_full_args {
    struct flcd_layout layout;
    uint32_t block_bytes;
    struct flci_cuda_counts *counts; /* or NULL */
};

/* __global__ (args, const uint8_t *from, uint8_t *to) */
struct flci_cuda_full_kernels {
    const void *encode, *decode;
};

/* For a format that has a codec of units. One function for each width that the library was built
   with. */
typedef struct flci_cuda_full_kernels flci_cuda_full_kernels_of(flc_format format, flc_type type,
                                                                flc_type elem_type);
flci_cuda_full_kernels_of flci_cuda_full_kernels_1, flci_cuda_full_kernels_2,
    flci_cuda_full_kernels_3, flci_cuda_full_kernels_4, flci_cuda_full_kernels_5,
    flci_cuda_full_kernels_6, flci_cuda_full_kernels_7, flci_cuda_full_kernels_8;

#ifdef __cplusplus
}
#endif

#endif
