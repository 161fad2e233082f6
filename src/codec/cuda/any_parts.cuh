// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What the files of the slow path share: a warp's lanes and working memory, elements, and pieces of
 * the wire that are alike in all formats.
 */
#ifndef FLCI_CODEC_CUDA_ANY_PARTS_CUH
#define FLCI_CODEC_CUDA_ANY_PARTS_CUH

#include "codec/codec_wire.h"

#define FLCD_LANES 32u

/* Apart from the kernels that call them, whose registers they would use. */
#define FLCD_ANY static __device__ __noinline__ __attribute__((unused))

/* A warp's working memory, shared or global, 16-byte aligned. */
struct flcd_scratch {
    float x[FLC_BLOCK_ELEMS];
    uint8_t codes[FLC_BLOCK_ELEMS];
    /* Encode: the section of the wire. Decode: of each group the bf16 pattern of the scale, the NaN
       mark also for one that no encoder writes, and the zero in the high half; rotated: 0 where all
       elements are 0. */
    uint32_t scales[FLCI_MAX_GROUPS];
    uint8_t positions[2 * FLCI_MAX_GROUPS];
};

static __device__ __forceinline__ uint32_t flcd_lane(void)
{
    return threadIdx.x % FLCD_LANES;
}

static __device__ __forceinline__ float flcd_warp_max(float x)
{
    for (uint32_t step = FLCD_LANES / 2; step > 0; step /= 2) {
        const float other = __shfl_xor_sync(0xffffffffu, x, (int)step);
        x = other > x ? other : x;
    }
    return x;
}

static __device__ __forceinline__ uint32_t flcd_warp_sum(uint32_t x)
{
    for (uint32_t step = FLCD_LANES / 2; step > 0; step /= 2) {
        x += __shfl_xor_sync(0xffffffffu, x, (int)step);
    }
    return x;
}

/* ---- Elements ---- */

/* Elements src[n], aligned to the element, widened to x[n]. */
FLCD_ANY void flcd_any_load(flc_type type, const void *src, uint32_t n, float *x)
{
    for (uint32_t i = flcd_lane(); i < n; i += FLCD_LANES) {
        x[i] = type == FLC_FLOAT32 ? ((const float *)src)[i]
                                   : flci_from_float16(type, ((const uint16_t *)src)[i]);
    }
    __syncwarp();
}

/* And back: rounded to the type, NaN canonical. */
FLCD_ANY void flcd_any_store(flc_type type, const float *x, uint32_t n, void *dst)
{
    for (uint32_t i = flcd_lane(); i < n; i += FLCD_LANES) {
        if (type == FLC_FLOAT32) {
            ((float *)dst)[i] = flci_canonical(x[i]);
        } else {
            ((uint16_t *)dst)[i] = flci_to_float16(type, x[i]);
        }
    }
    __syncwarp();
}

/* ---- Wire ---- */

/* Zero the section's padding before lanes write its entries, and send it when they have. */
static __device__ __forceinline__ void flcd_clear_scales(uint32_t bytes,
                                                         struct flcd_scratch *scratch)
{
    for (uint32_t i = flcd_lane(); i < bytes / 4; i += FLCD_LANES) {
        scratch->scales[i] = 0;
    }
    __syncwarp();
}

static __device__ __forceinline__ void flcd_put_scales(const struct flcd_scratch *scratch,
                                                       uint32_t bytes, uint8_t *scales)
{
    for (uint32_t i = flcd_lane(); i < bytes / 4; i += FLCD_LANES) {
        ((uint32_t *)scales)[i] = scratch->scales[i];
    }
}

/* As flci_pack_planes, a word a lane. */
FLCD_ANY void flcd_pack_planes(const uint8_t *codes, uint32_t count, uint32_t bits, uint8_t *planes)
{
    uint32_t shift = 0;
    for (uint32_t width = 8; width > 0; width /= 2) {
        const uint32_t per = 32 / width, bytes = flci_plane_bytes(count, width);
        if ((bits & width) == 0) {
            continue;
        }
        for (uint32_t at = flcd_lane(); at < bytes / 4; at += FLCD_LANES) {
            const uint32_t first = at * per;
            uint32_t word = 0;
            for (uint32_t i = first; i < first + per && i < count; i++) {
                const uint32_t part = (uint32_t)codes[i] >> shift & ((1u << width) - 1u);
                word |= part << (flci_bit_in_plane(i, width) - 32 * at);
            }
            ((uint32_t *)planes)[at] = word;
        }
        planes += bytes;
        shift += width;
    }
}

/* The header of compact blocks. */
static __device__ __forceinline__ void flcd_put_header(int base_exponent, uint8_t *wire)
{
    for (uint32_t i = flcd_lane(); i < FLCI_COMPACT_HEADER_BYTES / 4; i += FLCD_LANES) {
        ((uint32_t *)wire)[i] = i == 0 ? (uint32_t)base_exponent & 0xffffu : 0;
    }
}

/* As flci_check_header: 0 if no encoder writes it. */
static __device__ __forceinline__ int flcd_get_header(flc_format format, const uint8_t *wire,
                                                      int *base_exponent)
{
    const uint32_t *words = (const uint32_t *)wire;
    *base_exponent = 0;
    if (format.metadata == FLC_WIDE) {
        return 1;
    }
    *base_exponent = flci_sign_extend16((uint16_t)(words[0] & 0xffffu));
    return flci_base_exponent_is_valid(*base_exponent) &&
           (words[0] >> 16 | words[1] | words[2] | words[3]) == 0;
}

#endif
