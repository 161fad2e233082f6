// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Units of the commonest formats: asymmetric, wide metadata, groups of 128, 2 to 4 bits, without
 * spikes. The same bytes as flcd_even, in about half the instructions.
 *
 * Codes stay in words of eight, as the 4-bit plane has them: code j of a piece at bit 4 (j / 2) +
 * 16 (j % 2). They get there by multiply-adds, the offsets of the floats they come from being taken
 * off once for each word; and back, in float32, by putting a word's bits under an exponent where
 * they are, with the scale divided by the same power of 16 (exact: a scale has 8 bits, and at least
 * 2^-126).
 */
#ifndef FLCI_CODEC_CUDA_UNIT_NARROW_CUH
#define FLCI_CODEC_CUDA_UNIT_NARROW_CUH

#include "codec/cuda/unit_even.cuh"

static __device__ __forceinline__ uint32_t flcd_multiply_add(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t r;
    asm("mad.lo.u32 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
    return r;
}

/* Four pairs of codes; `offset` is what every pair has on top of its codes. */
static __device__ __forceinline__ uint32_t flcd_word_of_pairs(const uint32_t (&pairs)[4],
                                                              uint32_t offset)
{
    uint32_t word = pairs[0] - offset * 0x1111u;
    word = flcd_multiply_add(pairs[1], 0x10u, word);
    word = flcd_multiply_add(pairs[2], 0x100u, word);
    return flcd_multiply_add(pairs[3], 0x1000u, word);
}

template <int BITS, flc_type TYPE> struct flcd_narrow_unit {
    struct packet {
        uint32_t planes[BITS];
        uint32_t stored; /* scale, and zero in the high half */
    };

    template <typename SHARE>
    static __device__ __forceinline__ void encode_elems(const struct flcd_layout &layout,
                                                        uint32_t lane,
                                                        const flcd_elems<TYPE> &elems, SHARE,
                                                        packet &p)
    {
        uint32_t words[4];
        if constexpr (TYPE == FLC_BFLOAT16) {
            float low[FLCD_PIECES], high[FLCD_PIECES];
            flcd_bf16_range(128, elems.words, low, high);
            const struct flcd_plain_group g = flcd_plain_group_of<BITS>(low[0], high[0]);
            if (__any_sync(FLCD_ALL_LANES, !flcd_is_ordinary(TYPE, low[0], high[0]))) {
                float x[32];
                flcd_widen<TYPE>(elems, x);
                encode_carefully(layout.format, lane, x, words, p.stored);
            } else {
                encode_packed(g, elems.words, words, p.stored);
            }
        } else {
            float x[32];
            flcd_widen<TYPE>(elems, x);
            encode(layout.format, lane, x, words, p.stored);
        }
        flcd_transpose(lane, words);
        flcd_pack_narrow<BITS>(words, p.planes);
    }

    template <typename SHARE>
    static __device__ __forceinline__ void encode_sum(const struct flcd_layout &layout,
                                                      uint32_t lane, const float (&x)[32], SHARE,
                                                      packet &p, flcd_elems<TYPE> &decoded)
    {
        uint32_t words[4];
        encode(layout.format, lane, x, words, p.stored);
        decode_words(words, p.stored, decoded);
        flcd_transpose(lane, words);
        flcd_pack_narrow<BITS>(words, p.planes);
    }

    template <bool ADD>
    static __device__ __forceinline__ void add(const struct flcd_layout &, uint32_t lane,
                                               const packet &p, float (&x)[32])
    {
        uint32_t words[4];
        flcd_unpack_narrow<BITS>(p.planes, words);
        flcd_transpose(lane, words);
        add_words<ADD>(words, p.stored, x);
    }

    static __device__ __forceinline__ void decode(const struct flcd_layout &, uint32_t lane,
                                                  const packet &p, flcd_elems<TYPE> &elems)
    {
        uint32_t words[4];
        flcd_unpack_narrow<BITS>(p.planes, words);
        flcd_transpose(lane, words);
        decode_words(words, p.stored, elems);
    }

    /* Scales come first in a block, then the planes. */
    static constexpr uint32_t planes_at = FLC_BLOCK_ELEMS / 128 * 4;

    static __device__ __forceinline__ void store(const struct flcd_layout &, uint8_t *block,
                                                 uint32_t unit, uint32_t lane, const packet &p)
    {
        flcd_store_planes<BITS>(block + planes_at, unit, lane, p.planes);
        if (lane % 4 == 0) {
            ((uint32_t *)block)[8 * unit + lane / 4] = p.stored;
        }
    }

    static __device__ __forceinline__ void load(const struct flcd_layout &, const uint8_t *block,
                                                uint32_t unit, uint32_t lane, packet &p)
    {
        flcd_load_planes<BITS>(block + planes_at, unit, lane, p.planes);
        p.stored = __ldcg((const uint32_t *)block + 8 * unit + lane / 4);
    }

  private:
    static __device__ __forceinline__ void encode_packed(const struct flcd_plain_group &g,
                                                         const uint32_t (&x)[16],
                                                         uint32_t (&words)[4], uint32_t &stored)
    {
        const uint32_t inverse = flcd_bf16x2_twice(g.inverse);
        const uint32_t magic = flcd_bf16x2_twice(144.0f - g.zero); /* 144 + code: 0x4310 | code */
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            uint32_t pairs[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                pairs[i] = flcd_bf16x2_fma(x[4 * k + i], inverse, magic);
            }
            words[k] = flcd_word_of_pairs(pairs, 0x43104310u);
        }
        stored = g.scale | (uint32_t)(int)g.zero << 16;
    }

    static __device__ __forceinline__ void encode(flc_format format, uint32_t lane,
                                                  const float (&x)[32], uint32_t (&words)[4],
                                                  uint32_t &stored)
    {
        float low[FLCD_PIECES], high[FLCD_PIECES];
        flcd_float_range(128, x, low, high);
        const struct flcd_plain_group g = flcd_plain_group_of<BITS>(low[0], high[0]);
        if (__any_sync(FLCD_ALL_LANES, !flcd_is_ordinary(TYPE, low[0], high[0]))) {
            encode_carefully(format, lane, x, words, stored);
            return;
        }
        const float magic = 12582912.0f - g.zero; /* as flci_nearest; its bits: 0x4b400000 */
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            uint32_t pairs[4];
#pragma unroll
            for (int i = 0; i < 4; i++) { /* the magic's bits leave the word on the left */
                const float *pair = x + 8 * k + 2 * i;
                pairs[i] = flcd_multiply_add(__float_as_uint(fmaf(pair[1], g.inverse, magic)),
                                             0x10000u,
                                             __float_as_uint(fmaf(pair[0], g.inverse, magic)));
            }
            words[k] = flcd_word_of_pairs(pairs, 0x4b400000u);
        }
        stored = g.scale | (uint32_t)(int)g.zero << 16;
    }

    /* Out of line, through memory: clamps, NaN, infinity. */
    static __device__ __noinline__ void encode_through(flc_format format, uint32_t lane,
                                                       const float *x, uint32_t *words)
    {
        float in[32];
        struct flcd_codes codes;
        int base_exponent;
#pragma unroll
        for (int i = 0; i < 32; i++) {
            in[i] = x[i];
        }
        flcd_even<BITS, TYPE, false>::encode(
            format, lane, in, [](float largest) { return largest; }, codes, base_exponent);
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            const uint32_t pairs[4] = {codes.pairs[4 * k], codes.pairs[4 * k + 1],
                                       codes.pairs[4 * k + 2], codes.pairs[4 * k + 3]};
            words[k] = flcd_word_of_pairs(pairs, 0);
        }
        words[4] = codes.stored;
    }

    static __device__ __forceinline__ void encode_carefully(flc_format format, uint32_t lane,
                                                            const float (&x)[32],
                                                            uint32_t (&words)[4], uint32_t &stored)
    {
        float in[32];
        uint32_t out[5];
#pragma unroll
        for (int i = 0; i < 32; i++) {
            in[i] = x[i];
        }
        encode_through(format, lane, in, out);
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            words[k] = out[k];
        }
        stored = out[4];
    }

    template <bool ADD>
    static __device__ __forceinline__ void add_words(const uint32_t (&words)[4], uint32_t stored,
                                                     float (&x)[32])
    {
        const float scale = __uint_as_float(stored << 16);
        const float zero = (float)(int16_t)(stored >> 16);
        float offsets[4], scales[4]; /* of codes 2 i and 2 i + 1 of a piece */
#pragma unroll
        for (int i = 0; i < 4; i++) {
            offsets[i] = fmaf(zero, (float)(-1 << 4 * i), 8388608.0f);
            scales[i] = scale * (1.0f / (float)(1 << 4 * i));
        }
#pragma unroll
        for (int j = 0; j < 32; j++) {
            const int i = j % 8 / 2;
            const uint32_t half = j % 2 == 0 ? words[j / 8] : words[j / 8] >> 16;
            const float level =
                __uint_as_float((half & 0xfu << 4 * i) | 0x4b000000u) - offsets[i];
            x[j] = ADD ? fmaf(level, scales[i], x[j]) : level * scales[i];
        }
    }

    static __device__ __forceinline__ void decode_words(const uint32_t (&words)[4],
                                                        uint32_t stored, flcd_elems<TYPE> &elems)
    {
        if constexpr (TYPE == FLC_BFLOAT16) {
            /* (128 + code) + (zero - 128) is exact, and times the scale is rounded once. */
            const uint32_t scale = __byte_perm(stored, 0, 0x1010);
            const uint32_t offset =
                flcd_bf16x2_twice((float)((int)(int16_t)(stored >> 16) - 128));
#pragma unroll
            for (int i = 0; i < 16; i++) {
                const uint32_t codes = (words[i / 4] >> 4 * (i % 4) & 0x000f000fu) | 0x43004300u;
                const uint32_t level = flcd_bf16x2_fma(codes, 0x3f803f80u, offset);
                elems.words[i] = flcd_bf16x2_fma(level, scale, 0x80008000u);
            }
        } else {
            float y[32];
            add_words<false>(words, stored, y);
            flcd_narrow<TYPE>(y, elems);
        }
        const bool is_nan = (stored & 0xffffu) == FLCI_SCALE_NAN;
        if (__any_sync(FLCD_ALL_LANES, is_nan)) {
#pragma unroll
            for (int i = 0; i < (TYPE == FLC_FLOAT32 ? 32 : 16); i++) {
                elems.words[i] = is_nan ? flcd_nan_word<TYPE>() : elems.words[i];
            }
        }
    }
};

#endif
