// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Encode and decode tensors that lie on the GPU: the same bytes as flc_encode and flc_decode.
 *
 * Both enqueue and return; memory is the current device's, or any that its kernels reach. Arguments
 * have been checked: a valid format and type, elements aligned to the element, wire to 16 bytes.
 * Nothing is allocated.
 */
#ifndef FLCI_CODEC_CUDA_CODEC_KERNELS_H
#define FLCI_CODEC_CUDA_CODEC_KERNELS_H

#include <cuda_runtime_api.h>

#include "codec/format.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What kernels add to; start from all zero. */
struct flci_cuda_counts {
    uint32_t nonfinite_groups; /* encoding: as of flc_stats */
    uint32_t corrupt_blocks;   /* decoding: blocks that flc_decode rejects; their elements are
                                  unspecified */
};

/*
 * src[count] of `src_type`, which is `type`, or FLC_FLOAT32 where the elements are sums, to wire as
 * flc_format_wire_bytes says for `type`. `counts` or NULL. Errors: CUDA.
 */
flc_status flci_cuda_encode(flc_format format, flc_type type, flc_type src_type, const void *src,
                            size_t count, void *wire, struct flci_cuda_counts *counts,
                            cudaStream_t stream);

/* And back to dst[count] of `dst_type`, `type` or FLC_FLOAT32. Whatever the wire, nothing outside
   is read or written. Errors: CUDA. */
flc_status flci_cuda_decode(flc_format format, flc_type type, const void *wire, flc_type dst_type,
                            size_t count, void *dst, struct flci_cuda_counts *counts,
                            cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
