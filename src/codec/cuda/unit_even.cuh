// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Units of asymmetric and symmetric formats without spikes, groups of 32 and more.
 *
 * A codec of units is a struct of functions that a kernel is compiled for; flcd_raw and flcd_spiked
 * have the same. All 32 lanes of a warp call them:
 *
 *   packet        a lane's part of an encoded unit
 *   encode_elems  elements to a packet; `share` turns each lane's target scale into the block's
 *                 largest: it is called for compact metadata alone, by all warps of the block
 *   encode_sum    the same from a float32 sum; `decoded` is what every rank makes of the packet
 *   add           x = value, or x += value
 *   decode        to elements
 *   store, load   to a block of wire and from it, as a peer stored it; what is in front of the
 *                 planes is stored to `metadata`, which may be elsewhere; load only loads, so that
 *                 it can come early
 */
#ifndef FLCI_CODEC_CUDA_UNIT_EVEN_CUH
#define FLCI_CODEC_CUDA_UNIT_EVEN_CUH

#include "codec/cuda/layout.h"
#include "codec/cuda/unit_codes.cuh"
#include "codec/cuda/unit_planes.cuh"

/*
 * COMMON: wide metadata, asymmetric, groups of 128, without branches as long as all groups of the
 * warp are ordinary. Everything else is told apart at run time.
 */
template <int BITS, flc_type TYPE, bool COMMON> struct flcd_even {
    static constexpr int kind = FLCD_KIND_EVEN;

    struct packet {
        uint32_t planes[BITS];
        uint32_t stored; /* of the group of the quad's piece `lane % 4` */
        int base_exponent;
    };

    template <typename SHARE>
    static __device__ __forceinline__ void
    encode_elems(const struct flcd_layout &layout, uint32_t lane, const flcd_elems<TYPE> &elems,
                 SHARE share, packet &p)
    {
        uint32_t pairs[16];
        if constexpr (TYPE == FLC_BFLOAT16) {
            encode(layout.format, lane, elems, share, pairs, p);
        } else {
            float x[32];
            flcd_widen<TYPE>(elems, x);
            encode(layout.format, lane, x, share, pairs, p);
        }
        flcd_pack<BITS>(lane, pairs, p.planes);
    }

    template <typename SHARE>
    static __device__ __forceinline__ void
    encode_sum(const struct flcd_layout &layout, uint32_t lane, const float (&x)[32], SHARE share,
               packet &p, flcd_elems<TYPE> &decoded)
    {
        struct flcd_codes codes;
        encode(layout.format, lane, x, share, codes.pairs, p);
        flcd_pack<BITS>(lane, codes.pairs, p.planes);
        flcd_open_groups<BITS, COMMON>(layout.format, lane, p.stored, p.base_exponent, codes);
        flcd_decode_elems<BITS, TYPE>(codes, decoded);
    }

    template <bool ADD>
    static __device__ __forceinline__ void add(const struct flcd_layout &layout, uint32_t lane,
                                               const packet &p, float (&x)[32])
    {
        struct flcd_codes codes;
        open(layout.format, lane, p, codes);
        flcd_decode_floats<BITS, ADD>(codes, x);
    }

    static __device__ __forceinline__ void decode(const struct flcd_layout &layout, uint32_t lane,
                                                  const packet &p, flcd_elems<TYPE> &elems)
    {
        struct flcd_codes codes;
        open(layout.format, lane, p, codes);
        flcd_decode_elems<BITS, TYPE>(codes, elems);
    }

    static __device__ __forceinline__ void store(const struct flcd_layout &layout, uint8_t *block,
                                                 uint8_t *metadata, uint32_t unit, uint32_t lane,
                                                 const packet &p)
    {
        const flc_format format = layout.format;
        flcd_store_planes<BITS>(block + layout.planes, unit, lane, p.planes);
        if constexpr (COMMON) {
            if (lane % 4 == 0) {
                ((uint32_t *)metadata)[8 * unit + lane / 4] = p.stored; /* scales come first */
            }
            return;
        }
        if (flcd_stores_group(lane, format.group)) {
            flcd_store_scale(format, metadata + layout.scales,
                             flcd_group_in_block(unit, lane, format.group), p.stored);
        }
        if (format.metadata == FLC_COMPACT && unit == 0 && lane == 0) {
            *(uint4 *)metadata = make_uint4((uint32_t)p.base_exponent & 0xffffu, 0, 0, 0);
        }
    }

    static __device__ __forceinline__ void load(const struct flcd_layout &layout,
                                                const uint8_t *block, uint32_t unit, uint32_t lane,
                                                packet &p)
    {
        const flc_format format = layout.format;
        flcd_load_planes<BITS>(block + layout.planes, unit, lane, p.planes);
        p.base_exponent = 0;
        if constexpr (COMMON) {
            p.stored = __ldcg((const uint32_t *)block + 8 * unit + lane / 4);
            return;
        }
        p.stored = flcd_load_scale(format, block + layout.scales,
                                   flcd_group_in_block(unit, lane, format.group));
        if (format.metadata == FLC_COMPACT) {
            p.base_exponent = (int16_t)__ldcg((const uint16_t *)block);
        }
    }

  private:
    friend struct flcd_even<BITS, TYPE, true>; /* whose careful way is here */

    /* From bf16 elements or floats: codes, and all of the packet but its planes. */
    template <typename ELEMS, typename SHARE>
    static __device__ __forceinline__ void encode(flc_format format, uint32_t lane, const ELEMS &x,
                                                  SHARE share, uint32_t (&pairs)[16], packet &p)
    {
        struct flcd_range ranges[FLCD_PIECES];
        flcd_ranges_of(COMMON ? 128 : format.group, x, ranges);
        p.base_exponent = 0;
        if constexpr (COMMON) {
            const float low = ranges[0].low, high = ranges[0].high;
            const struct flcd_group g = flcd_plain_group_of<BITS>(low, high);
            if (__any_sync(FLCD_ALL_LANES, !flcd_is_ordinary(TYPE, low, high))) {
                careful(format, lane, x, pairs, p);
                return;
            }
            p.stored = flcd_plain_stored(g);
            flcd_encode_plain<BITS>(g, x, pairs);
        } else {
            const struct flcd_range own = flcd_own_part(lane, ranges);
            const bool is_compact = format.metadata == FLC_COMPACT;
            if (is_compact) {
                p.base_exponent =
                    flci_base_exponent(share(flcd_target_of<BITS, TYPE>(format, own)));
            }
            const struct flcd_group g = flcd_group_of<BITS, TYPE>(
                format, own, flcd_is_finite_range(own.low, own.high), p.base_exponent, &p.stored);
            const bool is_ordinary = flcd_is_ordinary(TYPE, own.low, own.high) &&
                                     !(is_compact && BITS <= FLCI_NARROW_BITS);
            flcd_encode_any<BITS>(lane, g, is_ordinary, x, pairs);
        }
    }

    /* Out of line, through memory: rare, and no burden on the common case's registers. */
    struct through {
        float x[32];
        uint32_t pairs[16], stored;
    };

    static __device__ __noinline__ void careful_through(flc_format format, uint32_t lane,
                                                        struct through *t)
    {
        typename flcd_even<BITS, TYPE, false>::packet p;
        float x[32];
        uint32_t pairs[16];
#pragma unroll
        for (int i = 0; i < 32; i++) {
            x[i] = t->x[i];
        }
        flcd_even<BITS, TYPE, false>::encode(
            format, lane, x, [](float largest) { return largest; }, pairs, p);
#pragma unroll
        for (int i = 0; i < 16; i++) {
            t->pairs[i] = pairs[i];
        }
        t->stored = p.stored;
    }

    template <typename ELEMS>
    static __device__ __forceinline__ void careful(flc_format format, uint32_t lane, const ELEMS &x,
                                                   uint32_t (&pairs)[16], packet &p)
    {
        struct through t;
        flcd_to_floats(x, t.x);
        careful_through(format, lane, &t);
#pragma unroll
        for (int i = 0; i < 16; i++) {
            pairs[i] = t.pairs[i];
        }
        p.stored = t.stored;
    }

    static __device__ __forceinline__ void open(flc_format format, uint32_t lane, const packet &p,
                                                struct flcd_codes &codes)
    {
        flcd_unpack<BITS>(lane, p.planes, codes.pairs);
        flcd_open_groups<BITS, COMMON>(format, lane, p.stored, p.base_exponent, codes);
    }
};

#endif
