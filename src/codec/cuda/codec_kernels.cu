// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Tensors on the GPU: full blocks through the codecs of units (codec_kernels_bits.cu) where their
 * format has one, all others by one warp a block, here.
 */
#include "codec/cuda/codec_kernels.h"

#include "base/error.h"
#include "codec/cuda/block_any.cuh"
#include "codec/cuda/codec_kernels_bits.h"
#include "codec/cuda/unit_formats.h"

/* A tensor and its wire. */
struct tensor {
    flc_format format;
    flc_type type, elem_type; /* that the wire stands for; of the elements in memory */
    size_t count;
    uint32_t block_bytes; /* of the wire of a full block */
    struct flci_cuda_counts *counts;
};

static __device__ uint32_t block_elems(const struct tensor &t)
{
    const size_t left = t.count - (size_t)blockIdx.x * FLC_BLOCK_ELEMS;
    return left < FLC_BLOCK_ELEMS ? (uint32_t)left : FLC_BLOCK_ELEMS;
}

/* Byte offset of this thread block's elements. */
static __device__ size_t elems_offset(const struct tensor &t)
{
    return (size_t)blockIdx.x * FLC_BLOCK_ELEMS * (t.elem_type == FLC_FLOAT32 ? 4 : 2);
}

static __device__ size_t wire_offset(const struct tensor &t)
{
    return (size_t)blockIdx.x * t.block_bytes;
}

/* Raw wire is the elements as they are, NaN patterns too. */
static __device__ void copy_elems(const struct tensor &t, const uint8_t *from, uint8_t *to)
{
    const uint32_t n = block_elems(t);
    for (uint32_t i = flcd_lane(); i < n; i += FLCD_LANES) {
        if (t.type == FLC_FLOAT32) {
            ((uint32_t *)to)[i] = ((const uint32_t *)from)[i];
        } else {
            ((uint16_t *)to)[i] = ((const uint16_t *)from)[i];
        }
    }
}

static __global__ void __launch_bounds__(FLCD_LANES)
    encode_blocks(struct tensor t, const uint8_t *src, uint8_t *wire)
{
    __shared__ __align__(16) struct flcd_scratch scratch;
    uint32_t nonfinite;
    src += elems_offset(t);
    wire += wire_offset(t);
    if (t.format.bits == 0 && t.elem_type == t.type) {
        copy_elems(t, src, wire);
        return;
    }
    flcd_any_load(t.elem_type, src, block_elems(t), scratch.x);
    nonfinite = flcd_any_encode(t.format, t.type, block_elems(t), &scratch, wire);
    if (flcd_lane() == 0 && nonfinite != 0 && t.counts != NULL) {
        atomicAdd(&t.counts->nonfinite_groups, nonfinite);
    }
}

static __global__ void __launch_bounds__(FLCD_LANES)
    decode_blocks(struct tensor t, const uint8_t *wire, uint8_t *dst)
{
    __shared__ __align__(16) struct flcd_scratch scratch;
    uint32_t corrupt;
    wire += wire_offset(t);
    dst += elems_offset(t);
    if (t.format.bits == 0 && t.elem_type == t.type) {
        copy_elems(t, wire, dst);
        return;
    }
    corrupt = flcd_any_decode(t.format, t.type, block_elems(t), wire, &scratch, scratch.x);
    flcd_any_store(t.elem_type, scratch.x, block_elems(t), dst);
    if (flcd_lane() == 0 && corrupt != 0 && t.counts != NULL) {
        atomicAdd(&t.counts->corrupt_blocks, 1u);
    }
}

static struct tensor tensor_of(flc_format format, flc_type type, flc_type elem_type, size_t count,
                               struct flci_cuda_counts *counts)
{
    struct tensor t;
    t.format = format;
    t.type = type;
    t.elem_type = elem_type;
    t.count = count;
    t.block_bytes = flci_block_bytes(format, type, FLC_BLOCK_ELEMS);
    t.counts = counts;
    return t;
}

/* Thread blocks: one for each block of the wire. */
static unsigned blocks_of(size_t count)
{
    return (unsigned)((count + FLC_BLOCK_ELEMS - 1) / FLC_BLOCK_ELEMS);
}

static flc_status launched(const char *what, size_t count)
{
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) {
        return flci_fail(FLC_ERR_CUDA, "%s of %zu elements on the GPU: %s", what, count,
                         cudaGetErrorString(error));
    }
    return FLC_OK;
}

/* ---- Full blocks ---- */

/* The width's, if the library was built with it and the format has a codec of units. */
static flci_cuda_full_kernels_of *kernels_of_width(flc_format format)
{
    switch (flcd_codec_of(format) != FLCD_NO_CODEC ? format.bits : 0) {
#if defined(FLC_HAS_BITS_1)
    case 1:
        return flci_cuda_full_kernels_1;
#endif
#if defined(FLC_HAS_BITS_2)
    case 2:
        return flci_cuda_full_kernels_2;
#endif
#if defined(FLC_HAS_BITS_3)
    case 3:
        return flci_cuda_full_kernels_3;
#endif
#if defined(FLC_HAS_BITS_4)
    case 4:
        return flci_cuda_full_kernels_4;
#endif
#if defined(FLC_HAS_BITS_5)
    case 5:
        return flci_cuda_full_kernels_5;
#endif
#if defined(FLC_HAS_BITS_6)
    case 6:
        return flci_cuda_full_kernels_6;
#endif
#if defined(FLC_HAS_BITS_7)
    case 7:
        return flci_cuda_full_kernels_7;
#endif
#if defined(FLC_HAS_BITS_8)
    case 8:
        return flci_cuda_full_kernels_8;
#endif
    default:
        return NULL;
    }
}

static struct flci_cuda_full_kernels full_kernels(const struct tensor &t)
{
    flci_cuda_full_kernels_of *of_width = kernels_of_width(t.format);
    if (of_width == NULL) {
        return {NULL, NULL};
    }
    return of_width(t.format, t.type, t.elem_type);
}

/* All full blocks, and how many elements they are; none where there is no kernel. */
static flc_status launch_full(const void *kernel, const struct tensor &t, const void *from,
                              void *to, cudaStream_t stream, size_t *done)
{
    struct flci_cuda_full_args args = {flcd_layout_of(t.format, t.type), t.block_bytes, t.counts};
    void *params[] = {&args, &from, &to};
    const size_t blocks = kernel == NULL ? 0 : t.count / FLC_BLOCK_ELEMS;
    *done = blocks * FLC_BLOCK_ELEMS;
    if (blocks == 0) {
        return FLC_OK;
    }
    (void)cudaLaunchKernel(kernel, dim3((unsigned)blocks), dim3(FLCI_CUDA_FULL_THREADS), params, 0,
                           stream);
    return launched("a codec's full blocks", *done);
}

/* Bytes of `count` elements, in memory and, in full blocks, on the wire. */
static size_t elems_bytes(const struct tensor &t, size_t count)
{
    return count * (t.elem_type == FLC_FLOAT32 ? 4 : 2);
}

static size_t wire_bytes(const struct tensor &t, size_t count)
{
    return count / FLC_BLOCK_ELEMS * t.block_bytes;
}

flc_status flci_cuda_encode(flc_format format, flc_type type, flc_type src_type, const void *src,
                            size_t count, void *wire, struct flci_cuda_counts *counts,
                            cudaStream_t stream)
{
    struct tensor t = tensor_of(format, type, src_type, count, counts);
    size_t done;
    FLCI_TRY(launch_full(full_kernels(t).encode, t, src, wire, stream, &done));
    t.count -= done;
    if (t.count == 0) {
        return FLC_OK;
    }
    encode_blocks<<<blocks_of(t.count), FLCD_LANES, 0, stream>>>(
        t, (const uint8_t *)src + elems_bytes(t, done), (uint8_t *)wire + wire_bytes(t, done));
    return launched("encode", t.count);
}

flc_status flci_cuda_decode(flc_format format, flc_type type, const void *wire, flc_type dst_type,
                            size_t count, void *dst, struct flci_cuda_counts *counts,
                            cudaStream_t stream)
{
    struct tensor t = tensor_of(format, type, dst_type, count, counts);
    size_t done;
    FLCI_TRY(launch_full(full_kernels(t).decode, t, wire, dst, stream, &done));
    t.count -= done;
    if (t.count == 0) {
        return FLC_OK;
    }
    decode_blocks<<<blocks_of(t.count), FLCD_LANES, 0, stream>>>(
        t, (const uint8_t *)wire + wire_bytes(t, done), (uint8_t *)dst + elems_bytes(t, done));
    return launched("decode", t.count);
}
