// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Units of formats with spikes and wide metadata, groups of 32 and more; unit_even.cuh says what
 * the functions of a codec are.
 */
#ifndef FLCI_CODEC_CUDA_UNIT_SPIKED_CUH
#define FLCI_CODEC_CUDA_UNIT_SPIKED_CUH

#include "codec/cuda/unit_even.cuh"
#include "codec/cuda/unit_extremes.cuh"
#include "codec/cuda/unit_spikes.cuh"

/* Metadata of a group with spikes, as stored. */
struct flcd_spiked_stored {
    uint32_t scale, spikes, positions;
};

/* COMMON as for flcd_even. */
template <int BITS, flc_type TYPE, bool COMMON> struct flcd_spiked {
    static constexpr int kind = FLCD_KIND_EVEN;

    struct packet {
        uint32_t planes[BITS];
        struct flcd_spiked_stored stored; /* of the group of the quad's piece `lane % 4` */
    };

    template <typename SHARE>
    static __device__ __forceinline__ void
    encode_elems(const struct flcd_layout &layout, uint32_t lane, const flcd_elems<TYPE> &elems,
                 SHARE, packet &p)
    {
        struct flcd_codes codes;
        struct flcd_spikes spikes;
        if constexpr (TYPE == FLC_BFLOAT16 && COMMON) {
            encode(layout.format, lane, elems, codes.pairs, p.stored);
            open(layout.format, lane, p.stored, codes, spikes);
            flcd_pack_spiked<BITS>(lane, spikes, codes.pairs, p.planes);
        } else {
            float x[32];
            flcd_widen<TYPE>(elems, x);
            encode_floats(layout.format, lane, x, p, codes, spikes);
        }
    }

    template <typename SHARE>
    static __device__ __forceinline__ void encode_sum(const struct flcd_layout &layout,
                                                      uint32_t lane, const float (&x)[32], SHARE,
                                                      packet &p, flcd_elems<TYPE> &decoded)
    {
        struct flcd_codes codes;
        struct flcd_spikes spikes;
        encode_floats(layout.format, lane, x, p, codes, spikes);
        flcd_decode_elems<BITS, TYPE>(codes, decoded);
        flcd_put_spikes<TYPE>(spikes, decoded);
    }

    template <bool ADD>
    static __device__ __forceinline__ void add(const struct flcd_layout &layout, uint32_t lane,
                                               const packet &p, float (&x)[32])
    {
        struct flcd_codes codes;
        struct flcd_spikes spikes;
        float y[32];
        flcd_unpack<BITS>(lane, p.planes, codes.pairs);
        open(layout.format, lane, p.stored, codes, spikes);
        flcd_decode_floats<BITS, false>(codes, y);
        flcd_put_spikes<TYPE>(spikes, y);
#pragma unroll
        for (int i = 0; i < 32; i++) {
            x[i] = ADD ? x[i] + y[i] : y[i];
        }
    }

    static __device__ __forceinline__ void decode(const struct flcd_layout &layout, uint32_t lane,
                                                  const packet &p, flcd_elems<TYPE> &elems)
    {
        struct flcd_codes codes;
        struct flcd_spikes spikes;
        flcd_unpack<BITS>(lane, p.planes, codes.pairs);
        open(layout.format, lane, p.stored, codes, spikes);
        flcd_decode_elems<BITS, TYPE>(codes, elems);
        flcd_put_spikes<TYPE>(spikes, elems);
    }

    static __device__ __forceinline__ void store(const struct flcd_layout &layout, uint8_t *block,
                                                 uint8_t *metadata, uint32_t unit, uint32_t lane,
                                                 const packet &p)
    {
        const flc_format format = layout.format;
        flcd_store_planes<BITS>(block + layout.planes, unit, lane, p.planes);
        if (COMMON ? lane % 4 == 0 : flcd_stores_group(lane, format.group)) {
            const uint32_t index = index_of(format, unit, lane);
            if (COMMON) {
                ((uint32_t *)metadata)[index] = p.stored.scale; /* scales come first */
            } else {
                flcd_store_scale(format, metadata + layout.scales, index, p.stored.scale);
            }
            ((uint32_t *)(metadata + layout.spikes))[index] = p.stored.spikes;
            ((uint16_t *)(metadata + layout.positions))[index] = (uint16_t)p.stored.positions;
        }
    }

    static __device__ __forceinline__ void load(const struct flcd_layout &layout,
                                                const uint8_t *block, uint32_t unit, uint32_t lane,
                                                packet &p)
    {
        const flc_format format = layout.format;
        const uint32_t index = index_of(format, unit, lane);
        flcd_load_planes<BITS>(block + layout.planes, unit, lane, p.planes);
        p.stored.scale = COMMON ? __ldcg((const uint32_t *)block + index)
                                : flcd_load_scale(format, block + layout.scales, index);
        p.stored.spikes = __ldcg((const uint32_t *)(block + layout.spikes) + index);
        p.stored.positions = __ldcg((const uint16_t *)(block + layout.positions) + index);
    }

  private:
    friend struct flcd_spiked<BITS, TYPE, true>; /* whose careful way is here */

    static __device__ __forceinline__ uint32_t index_of(flc_format format, uint32_t unit,
                                                        uint32_t lane)
    {
        return COMMON ? 8 * unit + lane / 4 : flcd_group_in_block(unit, lane, format.group);
    }

    /* ---- Encode ---- */

    static __device__ __forceinline__ void encode_floats(flc_format format, uint32_t lane,
                                                         const float (&x)[32], packet &p,
                                                         struct flcd_codes &codes,
                                                         struct flcd_spikes &spikes)
    {
        encode(format, lane, x, codes.pairs, p.stored);
        open(format, lane, p.stored, codes, spikes);
        flcd_pack_spiked<BITS>(lane, spikes, codes.pairs, p.planes);
    }

    /* No clamp anywhere, and no doubt which zero a spike is: the smallest of zeros of both signs
       is -0, the largest +0, the first may be either. */
    static __device__ __forceinline__ bool is_plain(const struct flcd_extremes &e)
    {
        const uint32_t min = __float_as_uint(e.min), max = __float_as_uint(e.max);
        return flcd_is_ordinary(TYPE, e.min2, e.max2) &&
               fmaxf(-e.min, e.max) <= flci_type_limit(TYPE) && min != 0x80000000u &&
               (max != 0 || min == 0);
    }

    /* Metadata, and codes, those of spikes anything that has no bits for its neighbours. */
    template <typename ELEMS>
    static __device__ __forceinline__ void encode(flc_format format, uint32_t lane, const ELEMS &x,
                                                  uint32_t (&pairs)[16],
                                                  struct flcd_spiked_stored &stored)
    {
        if constexpr (COMMON) {
            const struct flcd_extremes e = flcd_extremes_of_quad(x);
            const struct flcd_group g = flcd_plain_group_of<BITS>(e.min2, e.max2);
            if (__any_sync(FLCD_ALL_LANES, !is_plain(e))) {
                careful(format, lane, x, pairs, stored);
                return;
            }
            const struct flcd_places places = flcd_places_of_quad(lane, x, e);
            stored.scale = flcd_plain_stored(g);
            stored.spikes = flcd_spike_words<TYPE>(e.min, e.max);
            stored.positions = places.min_at | places.max_at << 8;
            flcd_encode_plain<BITS>(g, x, pairs);
            mask(x, pairs);
        } else {
            const struct flcd_extremes e = encode_metadata(format, lane, x, stored);
            const bool is_finite = flcd_is_finite_range(e.min, e.max);
            const struct flcd_group g =
                flcd_group_of<BITS, TYPE>(format, {e.min2, e.max2}, is_finite, 0, &stored.scale);
            const bool is_ordinary = flcd_is_ordinary(TYPE, e.min2, e.max2) && is_finite;
            flcd_encode_any<BITS>(lane, g, is_ordinary, x, pairs);
            mask(x, pairs);
        }
    }

    /* Spikes are outside of the range. Wider codes are masked as they are packed. */
    static __device__ __forceinline__ void mask(const float (&)[32], uint32_t (&pairs)[16])
    {
#pragma unroll
        for (int i = 0; BITS <= 4 && i < 16; i++) {
            pairs[i] &= 0x000f000fu;
        }
    }

    static __device__ __forceinline__ void mask(const flcd_elems<FLC_BFLOAT16> &, uint32_t (&)[16])
    {
        /* The packed way masks too. */
    }

    /* Spikes and positions of the group of piece `lane % 4`, whose extremes are returned. */
    static __device__ __forceinline__ struct flcd_extremes
    encode_metadata(flc_format format, uint32_t lane, const float (&x)[32],
                    struct flcd_spiked_stored &stored)
    {
        struct flcd_extremes pieces[FLCD_PIECES], e;
        struct flcd_places places[FLCD_PIECES], at;
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            pieces[k] = flcd_extremes_of_piece(x, k);
        }
        flcd_join_groups(format.group, pieces);
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            const uint32_t base = flcd_place_of_piece(lane, k, format.group);
            places[k] = {flcd_place_in_piece(x, k, base, pieces[k].min),
                         flcd_place_in_piece(x, k, base, pieces[k].max)};
        }
        flcd_join_groups(format.group, places);
        e = flcd_own_part(lane, pieces);
        at = flcd_own_part(lane, places);
        stored.spikes = flci_spike_of(TYPE, spike_of(e.min, at.min_at)) |
                        (uint32_t)flci_spike_of(TYPE, spike_of(e.max, at.max_at)) << 16;
        stored.positions = at.min_at / 2 | at.max_at / 2 << 8;
        if (!flcd_is_finite_range(e.min, e.max)) {
            stored.spikes = stored.positions = 0;
        }
        return e;
    }

    /* A zero has the sign of the first. */
    static __device__ __forceinline__ float spike_of(float value, uint32_t place)
    {
        return value == 0.0f ? __uint_as_float(place << 31) : value;
    }

    /* Out of line, through memory: rare, and no burden on the common case's registers. */
    struct through {
        float x[32];
        uint32_t pairs[16];
        struct flcd_spiked_stored stored;
    };

    static __device__ __noinline__ void careful_through(flc_format format, uint32_t lane,
                                                        struct through *t)
    {
        struct flcd_spiked_stored stored;
        float x[32];
        uint32_t pairs[16];
#pragma unroll
        for (int i = 0; i < 32; i++) {
            x[i] = t->x[i];
        }
        flcd_spiked<BITS, TYPE, false>::encode(format, lane, x, pairs, stored);
#pragma unroll
        for (int i = 0; i < 16; i++) {
            t->pairs[i] = pairs[i];
        }
        t->stored = stored;
    }

    template <typename ELEMS>
    static __device__ __forceinline__ void careful(flc_format format, uint32_t lane, const ELEMS &x,
                                                   uint32_t (&pairs)[16],
                                                   struct flcd_spiked_stored &stored)
    {
        struct through t;
        flcd_to_floats(x, t.x);
        careful_through(format, lane, &t);
#pragma unroll
        for (int i = 0; i < 16; i++) {
            pairs[i] = t.pairs[i];
        }
        stored = t.stored;
    }

    /* ---- Decode ---- */

    /* All of the lane's pieces. A group with the NaN mark has no spikes. */
    static __device__ __forceinline__ void open(flc_format format, uint32_t lane,
                                                const struct flcd_spiked_stored &stored,
                                                struct flcd_codes &codes,
                                                struct flcd_spikes &spikes)
    {
        const uint32_t values = flcd_canonical_spikes<TYPE>(stored.spikes);
        flcd_open_groups<BITS, COMMON>(format, lane, stored.scale, 0, codes);
        spikes = {};
        if constexpr (COMMON) {
            if (codes.scales[0] != FLCI_SCALE_NAN) {
                find_in_quad(lane, stored.positions & 0xffu, spikes.min);
                find_in_quad(lane, stored.positions >> 8, spikes.max);
            }
#pragma unroll
            for (int k = 0; k < FLCD_PIECES; k++) {
                spikes.values[k] = values;
            }
        } else {
#pragma unroll
            for (int k = 0; k < FLCD_PIECES; k++) {
                const int from = (int)(lane & ~3u) + k;
                const uint32_t positions = __shfl_sync(FLCD_ALL_LANES, stored.positions, from);
                const uint32_t base = flcd_place_of_piece(lane, k, format.group);
                spikes.values[k] = __shfl_sync(FLCD_ALL_LANES, values, from);
                if (codes.scales[k] != FLCI_SCALE_NAN) {
                    find_in_piece((positions & 0xffu) - base, k, spikes.min);
                    find_in_piece((positions >> 8) - base, k, spikes.max);
                }
            }
        }
    }

    static __device__ __forceinline__ void find_in_quad(uint32_t lane, uint32_t place,
                                                        struct flcd_spots &spots)
    {
#pragma unroll
        for (int k = 0; k < FLCD_PIECES; k++) {
            spots.is_odd[k] = place % 2;
        }
        if (place / 8 % 4 == lane % 4) {
            spots.add(place % 8, place / 32);
        }
    }

    static __device__ __forceinline__ void find_in_piece(uint32_t place, int k,
                                                         struct flcd_spots &spots)
    {
        spots.is_odd[k] = place % 2;
        if (place < FLCD_PIECE_ELEMS) {
            spots.add(place, (uint32_t)k);
        }
    }
};

#endif
