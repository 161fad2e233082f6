// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The GPU's row of check_codec: the kernels of src/codec/cuda/codec_kernels.h behind the calls that
 * a processor's row has. Weak, for it is there only in builds with FLC_CUDA.
 *
 * No collective uses it: each call copies to the GPU and back. An error of CUDA ends the program.
 */
#ifndef CODEC_CUDA_H
#define CODEC_CUDA_H

#include "codec/codec_rows.h"

extern const struct flci_codec_row codec_cuda_row __attribute__((weak));

/* As flc_encode and flc_decode, of at most CASE_MOST_ELEMS elements; sizes are not checked. CORRUPT
   as flc_decode; CUDA if the kernel wrote outside its output. */
flc_status codec_cuda_encode(flc_format format, flc_type type, const void *src, size_t count,
                             void *wire, size_t wire_bytes, flc_stats *stats) __attribute__((weak));
flc_status codec_cuda_decode(flc_format format, flc_type type, const void *wire, size_t wire_bytes,
                             void *dst, size_t count) __attribute__((weak));

#endif
