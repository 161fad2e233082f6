// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Units of raw elements, with the interface of the codecs: a packet is the elements themselves.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_RAW_CUH
#define FLCI_CODEC_CUDA_UNIT_RAW_CUH

#include "codec/cuda/unit_even.cuh"

template <flc_type TYPE> struct flcd_raw {
    static constexpr int kind = FLCD_KIND_RAW;

    static constexpr int words = TYPE == FLC_FLOAT32 ? 32 : 16;

    struct packet {
        flcd_elems<TYPE> elems;
    };

    template <typename SHARE>
    static __device__ __forceinline__ void encode_elems(const struct flcd_layout &, uint32_t,
                                                        const flcd_elems<TYPE> &elems, SHARE,
                                                        packet &p)
    {
        p.elems = elems;
    }

    /* NaN canonical, whatever the processor makes of it. */
    template <typename SHARE>
    static __device__ __forceinline__ void encode_sum(const struct flcd_layout &, uint32_t,
                                                      const float (&x)[32], SHARE, packet &p,
                                                      flcd_elems<TYPE> &decoded)
    {
        float most = x[0];
        flcd_narrow<TYPE>(x, p.elems);
#pragma unroll
        for (int i = 1; i < 32; i++) {
            most = flcd_max_nan(most, x[i]);
        }
        if (__any_sync(FLCD_ALL_LANES, most != most)) {
#pragma unroll
            for (int i = 0; i < 32; i++) {
                if (x[i] != x[i]) {
                    constexpr int per = 32 / words;
                    const uint32_t mask = per == 2 ? 0xffffu << 16 * (i % 2) : 0xffffffffu;
                    uint32_t &word = p.elems.words[i / per];
                    word = (word & ~mask) | (flcd_nan_word<TYPE>() & mask);
                }
            }
        }
        decoded = p.elems;
    }

    template <bool ADD>
    static __device__ __forceinline__ void add(const struct flcd_layout &, uint32_t,
                                               const packet &p, float (&x)[32])
    {
        float y[32];
        flcd_widen<TYPE>(p.elems, y);
#pragma unroll
        for (int i = 0; i < 32; i++) {
            x[i] = ADD ? x[i] + y[i] : y[i];
        }
    }

    static __device__ __forceinline__ void decode(const struct flcd_layout &, uint32_t,
                                                  const packet &p, flcd_elems<TYPE> &elems)
    {
        elems = p.elems;
    }

    static __device__ __forceinline__ void store(const struct flcd_layout &, uint8_t *block,
                                                 uint8_t *, uint32_t unit, uint32_t lane,
                                                 const packet &p)
    {
        uint4 *to = (uint4 *)(block + (size_t)unit * 128 * words) + lane;
#pragma unroll
        for (int i = 0; i < words; i += 4) {
            to[8 * i] = make_uint4(p.elems.words[i], p.elems.words[i + 1], p.elems.words[i + 2],
                                   p.elems.words[i + 3]);
        }
    }

    static __device__ __forceinline__ void load(const struct flcd_layout &, const uint8_t *block,
                                                uint32_t unit, uint32_t lane, packet &p)
    {
        const uint4 *from = (const uint4 *)(block + (size_t)unit * 128 * words) + lane;
#pragma unroll
        for (int i = 0; i < words; i += 4) {
            const uint4 v = __ldcg(from + 8 * i);
            p.elems.words[i] = v.x;
            p.elems.words[i + 1] = v.y;
            p.elems.words[i + 2] = v.z;
            p.elems.words[i + 3] = v.w;
        }
    }
};

#endif
