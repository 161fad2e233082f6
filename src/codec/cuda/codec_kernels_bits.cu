// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Full blocks of one width, FLCI_BITS, through the codecs of units that the fused all-reduce uses,
 * a warp a unit: what check_codec proves here holds there.
 */
#include "codec/cuda/codec_kernels_bits.h"

#include "codec/codec_wire.h"
#include "codec/cuda/unit_formats.h"
#include "codec/cuda/unit_rotated.cuh"
#include "codec/cuda/unit_spiked.cuh"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

static_assert(FLCI_CUDA_FULL_THREADS == 32 * FLCD_UNITS, "a warp a unit");
static_assert(FLCI_CUDA_FULL_THREADS >= FLC_BLOCK_ELEMS / 32, "a thread a group");

/* The largest of all warps' values; used once a kernel. */
struct share_of_block {
    float *largest;

    __device__ __forceinline__ float operator()(float x) const
    {
        for (int distance = 16; distance > 0; distance /= 2) {
            x = fmaxf(x, __shfl_xor_sync(FLCD_ALL_LANES, x, distance));
        }
        largest[threadIdx.x / 32] = x;
        __syncthreads();
        return fmaxf(fmaxf(largest[0], largest[1]), fmaxf(largest[2], largest[3]));
    }
};

template <flc_type TYPE> static constexpr uint32_t elem_bytes = TYPE == FLC_FLOAT32 ? 4 : 2;

static __device__ bool is_aligned(const void *at)
{
    return (uintptr_t)at % 16 == 0;
}

/* ---- What the codecs leave out ---- */

/* Whether this thread's group, if it has one, has the NaN mark. */
static __device__ bool has_nan_mark(const struct flci_cuda_full_args &args, const uint8_t *block)
{
    const flc_format format = args.layout.format;
    const uint32_t bytes =
        (format.metadata == FLC_WIDE ? 2 : 1) * (format.scheme == FLC_SYMMETRIC ? 1 : 2);
    const uint8_t *scale = block + args.layout.scales + bytes * threadIdx.x;
    if (threadIdx.x >= FLC_BLOCK_ELEMS / format.group) {
        return false;
    }
    return format.metadata == FLC_WIDE ? *(const uint16_t *)scale == FLCI_SCALE_NAN
                                       : *scale == FLCI_SCALE_CODE_NAN;
}

/* Whether the header, or this thread's group, is such as no encoder writes. */
static __device__ bool is_corrupt(const struct flci_cuda_full_args &args, const uint8_t *block)
{
    const flc_format format = args.layout.format;
    const uint32_t group = threadIdx.x;
    int base_exponent = 0, zero;
    if (group >= FLC_BLOCK_ELEMS / format.group) {
        return false;
    }
    if (format.metadata == FLC_COMPACT) {
        const uint4 header = *(const uint4 *)block;
        base_exponent = (int16_t)(header.x & 0xffffu);
        if (!flci_base_exponent_is_valid(base_exponent) ||
            (header.x >> 16 | header.y | header.z | header.w) != 0) {
            return true;
        }
    }
    if (format.spikes) { /* wide: a byte each */
        const uint8_t *at = block + args.layout.positions + 2 * group;
        if (at[0] >= format.group || at[1] >= format.group) {
            return true;
        }
    }
    return flci_get_scale(format, block + args.layout.scales, group, base_exponent, &zero) == 0;
}

/* Whether this thread's group has a zero too large for packed bf16, which no encoder writes to so
   few bits. */
static __device__ bool has_far_zero(const struct flci_cuda_full_args &args, const uint8_t *block)
{
    const flc_format format = args.layout.format;
    int zero = 0;
    if (format.metadata == FLC_WIDE && FLCI_BITS <= FLCI_NARROW_BITS &&
        threadIdx.x < FLC_BLOCK_ELEMS / format.group) {
        (void)flci_get_scale(format, block + args.layout.scales, threadIdx.x, 0, &zero);
    }
    return zero != (int8_t)zero;
}

/* Rounded, NaN canonical. */
template <flc_type TYPE>
static __device__ void store_canonical(const float (&y)[FLCD_LANE_ELEMS], flcd_elems<TYPE> &elems)
{
#pragma unroll
    for (int i = 0; i < FLCD_LANE_ELEMS; i += 2) {
        if (TYPE == FLC_FLOAT32) {
            elems.words[i] = flci_bits_of(flci_canonical(y[i]));
            elems.words[i + 1] = flci_bits_of(flci_canonical(y[i + 1]));
        } else {
            elems.words[i / 2] =
                flci_to_float16(TYPE, y[i]) | (uint32_t)flci_to_float16(TYPE, y[i + 1]) << 16;
        }
    }
}

/* ---- Kernels ---- */

template <class CODEC, flc_type TYPE, flc_type ELEM>
static __global__ void __launch_bounds__(FLCI_CUDA_FULL_THREADS)
    encode_full(struct flci_cuda_full_args args, const uint8_t *src, uint8_t *wire)
{
    __shared__ float largest[FLCD_UNITS];
    const struct share_of_block share = {largest};
    const uint32_t lane = threadIdx.x % 32, unit = threadIdx.x / 32;
    uint8_t *block = wire + (size_t)blockIdx.x * args.block_bytes;
    flcd_elems<ELEM> elems;
    typename CODEC::packet p;
    src += ((size_t)blockIdx.x * FLCD_UNITS + unit) * FLCD_UNIT_ELEMS * elem_bytes<ELEM>;
    flcd_load_unit<ELEM>(src, is_aligned(src), lane, elems);
    if constexpr (ELEM == TYPE) {
        CODEC::encode_elems(args.layout, lane, elems, share, p);
    } else {
        float x[FLCD_LANE_ELEMS];
        flcd_elems<TYPE> decoded;
        flcd_widen<ELEM>(elems, x);
        CODEC::encode_sum(args.layout, lane, x, share, p, decoded);
    }
    CODEC::store(args.layout, block, block, unit, lane, p);
    __syncthreads();
    if (args.counts != NULL && has_nan_mark(args, block)) {
        atomicAdd(&args.counts->nonfinite_groups, 1u);
    }
}

template <class CODEC, flc_type TYPE, flc_type ELEM>
static __global__ void __launch_bounds__(FLCI_CUDA_FULL_THREADS)
    decode_full(struct flci_cuda_full_args args, const uint8_t *wire, uint8_t *dst)
{
    const uint32_t lane = threadIdx.x % 32, unit = threadIdx.x / 32;
    const uint8_t *block = wire + (size_t)blockIdx.x * args.block_bytes;
    flcd_elems<ELEM> elems;
    typename CODEC::packet p;
    CODEC::load(args.layout, block, unit, lane, p);
    if (ELEM == TYPE && !__syncthreads_or(has_far_zero(args, block))) {
        if constexpr (ELEM == TYPE) {
            CODEC::decode(args.layout, lane, p, elems);
        }
    } else {
        float y[FLCD_LANE_ELEMS];
        CODEC::template add<false>(args.layout, lane, p, y);
        store_canonical<ELEM>(y, elems);
    }
    dst += ((size_t)blockIdx.x * FLCD_UNITS + unit) * FLCD_UNIT_ELEMS * elem_bytes<ELEM>;
    flcd_store_unit<ELEM>(dst, is_aligned(dst), lane, elems);
    if (__syncthreads_or(is_corrupt(args, block)) && threadIdx.x == 0 && args.counts != NULL) {
        atomicAdd(&args.counts->corrupt_blocks, 1u);
    }
}

/* ---- Which ---- */

template <class CODEC, flc_type TYPE>
static struct flci_cuda_full_kernels kernels_for(flc_type elem_type)
{
    struct flci_cuda_full_kernels kernels = {(const void *)encode_full<CODEC, TYPE, FLC_FLOAT32>,
                                             (const void *)decode_full<CODEC, TYPE, FLC_FLOAT32>};
    if (elem_type == TYPE) {
        kernels.encode = (const void *)encode_full<CODEC, TYPE, TYPE>;
        kernels.decode = (const void *)decode_full<CODEC, TYPE, TYPE>;
    }
    return kernels;
}

template <flc_type TYPE>
static struct flci_cuda_full_kernels kernels_of(flc_format format, flc_type elem_type)
{
    switch (flcd_codec_of(format)) {
    case FLCD_EVEN:
        return kernels_for<flcd_even<FLCI_BITS, TYPE, false>, TYPE>(elem_type);
    case FLCD_EVEN_COMMON:
        return kernels_for<flcd_even<FLCI_BITS, TYPE, true>, TYPE>(elem_type);
    case FLCD_SPIKED:
        return kernels_for<flcd_spiked<FLCI_BITS, TYPE, false>, TYPE>(elem_type);
    case FLCD_SPIKED_COMMON:
        return kernels_for<flcd_spiked<FLCI_BITS, TYPE, true>, TYPE>(elem_type);
    case FLCD_ROTATED:
        return kernels_for<flcd_rotated<FLCI_BITS, TYPE, false>, TYPE>(elem_type);
    case FLCD_ROTATED_COMMON:
        return kernels_for<flcd_rotated<FLCI_BITS, TYPE, true>, TYPE>(elem_type);
    default:
        return {nullptr, nullptr};
    }
}

extern "C" struct flci_cuda_full_kernels
JOIN(flci_cuda_full_kernels_, FLCI_BITS)(flc_format format, flc_type type, flc_type elem_type)
{
    switch (type) {
    case FLC_FLOAT32:
        return kernels_of<FLC_FLOAT32>(format, elem_type);
    case FLC_FLOAT16:
        return kernels_of<FLC_FLOAT16>(format, elem_type);
    default:
        return kernels_of<FLC_BFLOAT16>(format, elem_type);
    }
}
