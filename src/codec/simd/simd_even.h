// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Asymmetric and symmetric formats in vectors, for the row that includes this file.
 *
 * A block is walked in passes that each run over all of its elements or all of its groups: ranges,
 * quantizers (simd_quantizer.h), codes, planes. What lies between the passes, at most a byte an
 * element and some words a group, stays in the first cache. Elements are padded to whole groups
 * first, where a block is not a multiple of SIMD_UNIT: no pass has a tail.
 */
#ifndef FLCI_CODEC_SIMD_EVEN_H
#define FLCI_CODEC_SIMD_EVEN_H

#include "codec/simd/simd_planes.h"
#include "codec/simd/simd_range.h"

/* ---- Encode ---- */

/* flci_spike_of; a finite half is its own. */
static inline uint16_t spike_at(flc_type type, flc_type src_type, const void *src, size_t at)
{
    return src_type == FLC_FLOAT32 ? flci_spike_of(type, ((const float_any *)src)[at])
                                   : ((const half_any *)src)[at];
}

static void put_spikes(flc_format format, flc_type type, flc_type src_type, const void *src,
                       const struct flci_layout *layout, const struct simd_groups *q,
                       uint8_t *codes, uint8_t *wire)
{
    uint8_t positions[2 * FLCI_MAX_GROUPS + FLCI_CODES_SLACK];
    for (uint32_t g = 0; g < layout->groups; g++) {
        const uint32_t first = g * format.group;
        uint8_t *spike = wire + layout->spikes + 4 * (size_t)g;
        uint32_t min_at = 0, max_at = 0;
        if (q->is_finite[g] != 0) {
            min_at = q->min_at[g];
            max_at = q->max_at[g];
            flci_put16(spike, spike_at(type, src_type, src, first + min_at));
            flci_put16(spike + 2, spike_at(type, src_type, src, first + max_at));
        }
        positions[2 * g] = (uint8_t)min_at;
        positions[2 * g + 1] = (uint8_t)max_at;
        codes[first + min_at] = 0;
        codes[first + max_at] = 0;
    }
    memset(positions + (size_t)2 * layout->groups, 0, FLCI_CODES_SLACK);
    pack(positions, 2 * layout->groups,
         format.metadata == FLC_COMPACT ? flci_position_bits(format.group) : 8,
         wire + layout->positions);
}

enum clamping { NOT_CLAMPED, CLAMPED, ONE_BIT };

INLINE void quantize_as(flc_type type, enum clamping clamping, const void *src, uint32_t n,
                        uint32_t shift, const struct simd_groups *q, uint8_t *codes)
{
    for (uint32_t i = 0; i < n; i += 4 * LANES) {
        vi code[4];

        for (uint32_t k = 0; k < 4; k++) {
            const uint32_t at = i + k * LANES, g = at >> shift;
            const vf v = load_elems(type, src, at);
            if (clamping == ONE_BIT) {
                code[k] = (vi)(v > vf_set(q->threshold[g])) & 1;
            } else {
                vf sum = vf_fma(v, vf_set(q->inverse[g]), vf_set(q->offset[g]));
                if (clamping == CLAMPED) {
                    sum = vf_min(vf_max(sum, vf_set(q->least[g])), vf_set(q->most[g]));
                }
                code[k] = (vi)sum & 0xff; /* the lowest byte is the code */
            }
        }
        vb_store(codes + i, vb_narrow(code[0], code[1], code[2], code[3]));
    }
}

INLINE void quantize_elems(flc_type type, flc_format format, const void *src, uint32_t n,
                           const struct simd_groups *q, uint8_t *codes)
{
    const uint32_t shift = flci_position_bits(format.group);
    if (format.bits == 1) {
        quantize_as(type, ONE_BIT, src, n, shift, q, codes);
    } else if (q->are_clamped) {
        quantize_as(type, CLAMPED, src, n, shift, q, codes);
    } else {
        quantize_as(type, NOT_CLAMPED, src, n, shift, q, codes);
    }
}

static void quantize(flc_type type, flc_format format, const void *src, uint32_t n,
                     const struct simd_groups *q, uint8_t *codes)
{
    FOR_TYPE(type, quantize_elems, format, src, n, q, codes)
}

static void encode_even(flc_format format, flc_type type, flc_type src_type, const void *src,
                        uint32_t n, uint8_t *wire, flc_stats *stats)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const uint32_t whole = whole_units(n);
    struct simd_groups q;
    struct padded padded;
    uint8_t room[FLC_BLOCK_ELEMS + FLCI_CODES_SLACK];
    /* A plane of whole bytes is the codes themselves. */
    uint8_t *codes = format.bits == 8 && whole == n ? wire + layout.planes : room;
    src = pad(src_type, src, n, &padded, REPEAT_LAST);
    memset(wire, 0, layout.planes);
    if (format.spikes) {
        find_two_ranges(src_type, src, whole, format.group, &q);
    } else {
        find_ranges(src_type, src, whole, format.group, &q);
    }
    note_finite(src_type, whole / format.group, &q);
    if (format.spikes) {
        take_spikes(src_type, src, n, format.group, &q);
    }
    find_quantizers(format, type, src_type, &layout, whole / format.group, &q, wire);
    quantize(src_type, format, src, whole, &q, codes);
    if (format.spikes) {
        put_spikes(format, type, src_type, src, &layout, &q, codes, wire);
    }
    for (uint32_t g = 0; q.has_nonfinite && g < layout.groups; g++) {
        if (q.is_finite[g] == 0) {
            memset(codes + (size_t)g * format.group, 0, format.group);
            stats->nonfinite_groups++;
        }
    }
    stats->groups += layout.groups;
    if (codes == room) {
        memset(codes + n, 0, FLCI_CODES_SLACK);
        pack(codes, n, format.bits, wire + layout.planes);
    }
}

/* ---- Decode ---- */

INLINE void dequantize_elems(flc_type type, uint32_t bits, const uint8_t *codes, uint32_t n,
                             uint32_t shift, const struct simd_scales *s, void *dst)
{
    for (uint32_t at = 0; at < n; at += LANES) {
        const uint32_t g = at >> shift;
        const vi code = vi_load_bytes(codes + at);
        const vf level = vf_of_ints(bits == 1 ? code + code : code) + vf_set(s->zero[g]);
        store_elems(type, level * vf_set(s->scale[g]), dst, at);
    }
}

static void put_back_spikes(flc_format format, flc_type type, flc_type dst_type,
                            const struct flci_layout *layout, const uint8_t *positions,
                            const struct simd_scales *s, const uint8_t *wire, void *dst)
{
    for (uint32_t g = 0; g < layout->groups; g++) {
        const uint8_t *spike = wire + layout->spikes + 4 * (size_t)g;
        for (uint32_t i = 0; i < 2 && !s->is_nan[g]; i++) { /* the maximum last: it wins */
            put_elem(dst_type, flci_from_float16(type, flci_get16(spike + 2 * (size_t)i)), dst,
                     g * format.group + positions[2 * g + i]);
        }
    }
}

static flc_status check_positions(flc_format format, const struct flci_layout *layout,
                                  const uint8_t *positions)
{
    for (uint32_t g = 0; g < layout->groups; g++) {
        const uint32_t left = layout->elems - g * format.group;
        const uint32_t elems = left < format.group ? left : format.group;
        if (positions[2 * g] >= elems || positions[2 * g + 1] >= elems) {
            return flci_fail(FLC_ERR_CORRUPT, "wire: group %u has a spike outside itself", g);
        }
    }
    return FLC_OK;
}

static flc_status decode_even(flc_format format, flc_type type, const uint8_t *wire,
                              flc_type dst_type, uint32_t n, void *dst)
{
    const struct flci_layout layout = flci_layout_of(format, n);
    const uint32_t shift = flci_position_bits(format.group), whole = whole_units(n);
    const uint32_t unpacked = (n + 63) / 64 * 64;
    struct simd_scales s;
    struct padded padded;
    uint8_t room[FLC_BLOCK_ELEMS + FLCI_CODES_SLACK];
    const uint8_t *codes = room;
    uint8_t positions[2 * FLCI_MAX_GROUPS + FLCI_CODES_SLACK];
    void *out = whole == n ? dst : padded.elems;
    FLCI_TRY(read_scales(format, &layout, wire, &s));
    if (format.spikes) {
        unpack(wire + layout.positions, 2 * layout.groups,
               format.metadata == FLC_COMPACT ? flci_position_bits(format.group) : 8, positions);
        FLCI_TRY(check_positions(format, &layout, positions));
    }
    if (format.bits == 8 && whole == n) {
        codes = wire + layout.planes;
    } else {
        unpack(wire + layout.planes, n, format.bits, room);
    }
    if (format.bits == 1) {
        FOR_TYPE(dst_type, dequantize_elems, 1, codes, unpacked, shift, &s, out)
    } else {
        FOR_TYPE(dst_type, dequantize_elems, 2, codes, unpacked, shift, &s, out)
    }
    if (format.spikes) {
        put_back_spikes(format, type, dst_type, &layout, positions, &s, wire, out);
    }
    if (out != dst) {
        memcpy(dst, out, n * flc_type_bytes(dst_type));
    }
    return FLC_OK;
}

#endif
