// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Units of rotated formats, groups of 32 and more: the rules of codec_rotated.h for 32 elements a
 * lane, with the interface of unit_even.cuh.
 *
 * To encode, a quad first exchanges elements, so that a lane has 32 neighbours: piece lane % 4 of
 * its quad. A group of 32 is then one lane's affair, and the codes are where the planes want them.
 * To decode, codes are exchanged instead, which are fewer; the turn back is exact in integers
 * (unit_turned_back.cuh).
 *
 * A warp in which any group is all zero, not finite or near the limits takes the careful way, out
 * of line; the common way has no clamps.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_ROTATED_CUH
#define FLCI_CODEC_CUDA_UNIT_ROTATED_CUH

#include "codec/cuda/layout.h"
#include "codec/cuda/unit_even.cuh"
#include "codec/cuda/unit_search.cuh"
#include "codec/cuda/unit_turned_back.cuh"

/* COMMON: the group and the search of the preset of that width, known when compiled. */
template <int BITS, flc_type TYPE, bool COMMON> struct flcd_rotated {
    static constexpr int kind = FLCD_KIND_ROTATED;

    /* A lane's part of an encoded unit. */
    struct packet {
        uint32_t planes[BITS];
        uint32_t stored; /* scale of the group of piece lane % 4 */
        int base_exponent;
    };

    template <typename SHARE>
    static __device__ __forceinline__ void
    encode_elems(const struct flcd_layout &layout, uint32_t lane, const flcd_elems<TYPE> &elems,
                 SHARE share, packet &p)
    {
        constexpr int words = TYPE == FLC_FLOAT32 ? 8 : 4; /* of a piece */
        flcd_elems<TYPE> own;
        uint32_t low[4], high[4];
        float x[32], v[32];
#pragma unroll
        for (int j = 0; j < words; j++) {
            uint32_t w[4] = {elems.words[j], elems.words[words + j], elems.words[2 * words + j],
                             elems.words[3 * words + j]};
            flcd_transpose(lane, w);
#pragma unroll
            for (int c = 0; c < 4; c++) {
                own.words[c * words + j] = w[c];
            }
        }
        flcd_widen<TYPE>(own, x);
        /* 16-bit elements are multiples of 2^-133: parts of them are exact. */
        flcd_turn<TYPE != FLC_FLOAT32>(group_of(layout.format), lane, x, v);
        encode(layout.format, lane, v, share, p, low, high);
    }

    /* From a sum; `decoded` is what every rank makes of the packet. */
    template <typename SHARE>
    static __device__ __forceinline__ void
    encode_sum(const struct flcd_layout &layout, uint32_t lane, const float (&x)[32], SHARE share,
               packet &p, flcd_elems<TYPE> &decoded)
    {
        uint32_t low[4], high[4];
        float own[32], v[32];
#pragma unroll
        for (int j = 0; j < FLCD_PIECE_ELEMS; j++) {
            uint32_t w[4];
#pragma unroll
            for (int c = 0; c < 4; c++) {
                w[c] = __float_as_uint(x[8 * c + j]);
            }
            flcd_transpose(lane, w);
#pragma unroll
            for (int c = 0; c < 4; c++) {
                own[8 * c + j] = __uint_as_float(w[c]);
            }
        }
        flcd_turn<false>(group_of(layout.format), lane, own, v);
        encode(layout.format, lane, v, share, p, low, high);
        flcd_words_of_pieces<BITS>(lane, low, high);
        elems_of(layout, lane, p, low, high, decoded);
    }

    /* x = value or x += value. */
    template <bool ADD>
    static __device__ __forceinline__ void add(const struct flcd_layout &layout, uint32_t lane,
                                               const packet &p, float (&x)[32])
    {
        uint32_t low[4], high[4];
        flcd_turned_unpack<BITS>(lane, p.planes, low, high);
        values_of<ADD>(layout, lane, p, low, high, x);
    }

    static __device__ __forceinline__ void decode(const struct flcd_layout &layout, uint32_t lane,
                                                  const packet &p, flcd_elems<TYPE> &elems)
    {
        uint32_t low[4], high[4];
        flcd_turned_unpack<BITS>(lane, p.planes, low, high);
        elems_of(layout, lane, p, low, high, elems);
    }

    static __device__ __forceinline__ void store(const struct flcd_layout &layout, uint8_t *block,
                                                 uint8_t *metadata, uint32_t unit, uint32_t lane,
                                                 const packet &p)
    {
        const uint32_t group = group_of(layout.format);
        flcd_store_planes<BITS>(block + layout.planes, unit, lane, p.planes);
        if (flcd_stores_group(lane, group)) {
            metadata[layout.scales + flcd_group_in_block(unit, lane, group)] = (uint8_t)p.stored;
        }
        if (unit == 0 && lane == 0) {
            *(uint4 *)metadata = make_uint4((uint32_t)p.base_exponent & 0xffffu, 0, 0, 0);
        }
    }

    /* What store() wrote, by a peer: only loads, so that they can come early. */
    static __device__ __forceinline__ void load(const struct flcd_layout &layout,
                                                const uint8_t *block, uint32_t unit, uint32_t lane,
                                                packet &p)
    {
        const uint32_t index = flcd_group_in_block(unit, lane, group_of(layout.format));
        flcd_load_planes<BITS>(block + layout.planes, unit, lane, p.planes);
        p.stored = __ldcg(block + layout.scales + index);
        p.base_exponent = (int16_t)__ldcg((const uint16_t *)block);
    }

  private:
    static __device__ __forceinline__ uint32_t group_of(flc_format format)
    {
        return COMMON ? (BITS <= 3 ? 32 : 64) : format.group;
    }

    static __device__ __forceinline__ bool searches(flc_format format)
    {
        return BITS <= FLCI_NARROW_BITS && (COMMON ? BITS <= 3 : format.search != 0);
    }

    /* ---- Encode: 32 neighbours a lane ---- */

    template <typename SHARE>
    static __device__ __forceinline__ void encode(flc_format format, uint32_t lane, float (&v)[32],
                                                  SHARE share, packet &p, uint32_t (&low)[4],
                                                  uint32_t (&high)[4])
    {
        const uint32_t group = group_of(format);
        const float largest = flcd_turned_largest(group, v);
        const float target = flci_rotated_target(BITS, largest);
        int most;
        p.base_exponent = flci_base_exponent(
            share(flci_is_finite(largest) ? fmaxf(target, FLCI_SCALE_MIN) : FLCI_SCALE_MIN));
        most = flci_scale_to_compact(target, flci_rotated_largest_exponent(group), p.base_exponent,
                                     BITS > FLCI_ROTATED_NEAREST);
        if (__any_sync(FLCD_ALL_LANES, most == 0 || !(largest <= FLCD_TURNED_ORDINARY))) {
            float in[32];
            uint32_t out[9];
#pragma unroll
            for (int i = 0; i < 32; i++) {
                in[i] = v[i];
            }
            format.bits = BITS;
            format.group = group;
            format.search = searches(format);
            careful_codes(format, in, largest, p.base_exponent, out);
#pragma unroll
            for (int c = 0; c < 4; c++) {
                low[c] = out[c];
                high[c] = out[4 + c];
            }
            p.stored = out[8];
        } else {
            int step = BITS <= FLCI_NARROW_BITS ? flci_rotated_step(BITS) : 0;
            if (searches(format)) {
                step = flcd_best_step<BITS>(group, v, most, p.base_exponent);
            }
            p.stored = step < most ? most - step : 1;
            const float scale = flcd_turned_scale((int)p.stored, p.base_exponent);
            flcd_turned_codes<BITS>(v, scale, low, high);
        }
        flcd_turned_pack<BITS>(lane, low, high, p.planes);
    }

    /* By the scalar rules, through memory: rare. low [4], high [4], then the stored scale. */
    static __device__ __noinline__ void careful_codes(flc_format format, const float *v,
                                                      float largest, int base_exponent,
                                                      uint32_t *out)
    {
        const bool is_finite = flci_is_finite(largest);
        const int most = flci_scale_to_compact(flci_rotated_target(BITS, largest),
                                               flci_rotated_largest_exponent(format.group),
                                               base_exponent, BITS > FLCI_ROTATED_NEAREST);
        int best = BITS <= FLCI_NARROW_BITS ? flci_rotated_step(BITS) : 0;
        float least = 0.0f, inverse;
        const struct flci_rotated_search search =
            flci_rotated_search_of(BITS <= FLCI_NARROW_BITS ? BITS : 0);
        for (int step = 0; format.search && step <= search.last; step += search.stride) {
            const uint8_t code = (uint8_t)(step < most ? most - step : 1);
            inverse = 1.0f / flci_from_bf16(flci_scale_from_compact(code, base_exponent));
            const int32_t own = is_finite ? flci_rotated_error(BITS, v, 32, inverse) : 0;
            const float error =
                (float)flcd_sum_of_group(format.group, own) * flci_rotated_worth(step);
            if (step == 0 || (step < most && error < least)) {
                least = error;
                best = step;
            }
        }
        out[8] = !is_finite ? FLCI_SCALE_CODE_NAN : most == 0 ? 0 : best < most ? most - best : 1;
        inverse = 1.0f / flci_from_bf16(flci_scale_from_compact((uint8_t)out[8], base_exponent));
        for (int c = 0; c < 4; c++) {
            out[c] = out[4 + c] = 0;
            for (int i = 0; i < 8; i++) {
                const uint32_t code =
                    !is_finite || most == 0 ? 0 : flci_rotated_code(BITS, v[8 * c + i], inverse);
                const int at = 4 * (i / 2) + 16 * (i % 2);
                out[c] |= (code & 15u) << at;
                out[4 + c] |= code >> 4 << at;
            }
        }
    }

    /* ---- Decode ---- */

    template <bool ADD>
    static __device__ __forceinline__ void plain_values(uint32_t group, uint32_t lane, float scale,
                                                        const uint32_t (&low)[4],
                                                        const uint32_t (&high)[4], float (&x)[32])
    {
        uint32_t sums[2][8];
        float scales[FLCD_PIECES];
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            scales[k] = group >= 128 ? scale : __shfl_sync(FLCD_ALL_LANES, scale, (lane & ~3u) | k);
        }
        flcd_turned_levels<BITS>(low, high, sums);
        flcd_turn_back<BITS>(group, lane, sums);
        flcd_turned_values<BITS, ADD>(group, lane, sums, scales, x);
    }

    static __device__ __noinline__ void careful_values(uint32_t group, uint32_t lane,
                                                       const packet *from, float *to)
    {
        const packet p = *from;
        const float limit = flci_type_limit(TYPE);
        uint32_t low[4], high[4];
        float x[32];
        flcd_turned_unpack<BITS>(lane, p.planes, low, high);
        plain_values<false>(group, lane, flcd_turned_scale((int)p.stored, p.base_exponent), low,
                            high, x);
#pragma unroll
        for (int i = 0; i < 32; i++) {
            const uint32_t stored = __shfl_sync(FLCD_ALL_LANES, p.stored, (lane & ~3u) | i / 8);
            to[i] = stored == 0                     ? 0.0f
                    : stored == FLCI_SCALE_CODE_NAN ? flci_float_of(FLCI_NAN)
                                                    : flci_clamp(x[i], -limit, limit);
        }
    }

    /* `low` and `high` are the packet's codes, of the lane's pieces. */
    template <bool ADD>
    static __device__ __forceinline__ void
    values_of(const struct flcd_layout &layout, uint32_t lane, const packet &p,
              const uint32_t (&low)[4], const uint32_t (&high)[4], float (&x)[32])
    {
        const uint32_t group = group_of(layout.format);
        const float scale = flcd_turned_scale((int)p.stored, p.base_exponent);
        if (flcd_turned_needs_care<BITS, TYPE>(group, p.stored, scale)) {
            float y[32];
            const volatile float *from = y; /* else the common way's x would be memory too */
            const packet copy = p;
            careful_values(group, lane, &copy, y);
#pragma unroll
            for (int i = 0; i < 32; i++) {
                x[i] = ADD ? x[i] + from[i] : from[i];
            }
            return;
        }
        plain_values<ADD>(group, lane, scale, low, high, x);
    }

    static __device__ __forceinline__ void elems_of(const struct flcd_layout &layout, uint32_t lane,
                                                    const packet &p, const uint32_t (&low)[4],
                                                    const uint32_t (&high)[4],
                                                    flcd_elems<TYPE> &elems)
    {
        float x[32];
        values_of<false>(layout, lane, p, low, high, x);
        flcd_narrow<TYPE>(x, elems);
        if (__any_sync(FLCD_ALL_LANES, p.stored == FLCI_SCALE_CODE_NAN)) {
            constexpr int words = TYPE == FLC_FLOAT32 ? 8 : 4;
            const uint32_t mask = nan_pieces(lane, p.stored);
#pragma unroll
            for (int i = 0; i < FLCD_PIECES * words; i++) {
                elems.words[i] = mask >> i / words & 1 ? flcd_nan_word<TYPE>() : elems.words[i];
            }
        }
    }

    /* Bit k: whether piece k's group has the NaN mark. */
    static __device__ __forceinline__ uint32_t nan_pieces(uint32_t lane, uint32_t stored)
    {
        const uint32_t lanes = __ballot_sync(FLCD_ALL_LANES, stored == FLCI_SCALE_CODE_NAN);
        return lanes >> (lane & ~3u) & 15u;
    }
};

#endif
