// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The NEON row: the instructions behind codec/simd, 4 floats a vector. Every 64-bit Arm processor
 * has them. Little-endian only: lanes and bytes are one order there.
 */
#include "codec/codec_rows.h"

#if FLCI_HAS_NEON

#    include <arm_neon.h>
#    include <string.h>

#    define LANES 4
#    include "codec/simd/simd_types.h"

/* ---- Arithmetic ---- */

INLINE vf vf_fma(vf a, vf b, vf c)
{
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

INLINE vf vf_min(vf a, vf b)
{
    return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b);
}

INLINE vf vf_max(vf a, vf b)
{
    return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
}

INLINE vi vi_min(vi a, vi b)
{
    return (vi)vminq_s32((int32x4_t)a, (int32x4_t)b);
}

INLINE vi vi_max(vi a, vi b)
{
    return (vi)vmaxq_s32((int32x4_t)a, (int32x4_t)b);
}

INLINE vh vh_min(vh a, vh b)
{
    return (vh)vminq_s16((int16x8_t)a, (int16x8_t)b);
}

INLINE vh vh_max(vh a, vh b)
{
    return (vh)vmaxq_s16((int16x8_t)a, (int16x8_t)b);
}

INLINE uint32_t vi_equal_bits(vi a, vi b)
{
    const vi bit = {1, 2, 4, 8};
    return vaddvq_u32((uint32x4_t)((vi)(a == b) & bit));
}

INLINE uint32_t vh_equal_bits(vh a, vh b)
{
    const vh bit = {1, 2, 4, 8, 16, 32, 64, 128};
    return vaddvq_u16((uint16x8_t)((vh)(a == b) & bit));
}

INLINE vh vh_choose(vh x, int16_t limit, vh a, vh b)
{
    const uint16x8_t is_over = vcgeq_s16((int16x8_t)x, vdupq_n_s16(limit));
    return (vh)vbslq_s16(is_over, (int16x8_t)a, (int16x8_t)b);
}

INLINE vi vi_add_squares(vi sum, vh x)
{
    const int16x8_t v = (int16x8_t)x;
    const int32x4_t low = vmlal_s16((int32x4_t)sum, vget_low_s16(v), vget_low_s16(v));
    return (vi)vmlal_high_s16(low, v, v);
}

/* ---- Conversions ---- */

INLINE vf vf_load_halves(flc_type type, const uint16_t *at)
{
    const uint16x4_t halves = vld1_u16(at);
    return type == FLC_FLOAT16 ? (vf)vcvt_f32_f16(vreinterpret_f16_u16(halves))
                               : (vf)vshll_n_u16(halves, 16);
}

INLINE void vf_store_halves(flc_type type, vf v, uint16_t *at)
{
    vst1_u16(at, type == FLC_FLOAT16 ? vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)v))
                                     : vshrn_n_u32((uint32x4_t)vf_round_to_bf16(v), 16));
}

INLINE vi vi_load_bytes(const uint8_t *at)
{
    uint32_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return (vi)vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes))));
}

INLINE vi vi_load_signed_bytes(const uint8_t *at)
{
    uint32_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return (vi)vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(bytes))));
}

/* The low halves of a's 32-bit lanes, then of b's. */
INLINE int16x8_t low_halves(vi a, vi b)
{
    return vuzp1q_s16((int16x8_t)a, (int16x8_t)b);
}

INLINE vb vb_narrow(vi a, vi b, vi c, vi d)
{
    return (vb)vuzp1q_u8((uint8x16_t)low_halves(a, b), (uint8x16_t)low_halves(c, d));
}

INLINE vb vb_narrow_signed(vi a, vi b, vi c, vi d)
{
    const int16x8_t ab = vqmovn_high_s32(vqmovn_s32((int32x4_t)a), (int32x4_t)b);
    const int16x8_t cd = vqmovn_high_s32(vqmovn_s32((int32x4_t)c), (int32x4_t)d);
    return (vb)vqmovn_high_s16(vqmovn_s16(ab), cd);
}

INLINE vb vb_lookup(const int8_t *table, vb codes)
{
    return (vb)vqtbl1q_s8(vld1q_s8(table), (uint8x16_t)codes);
}

INLINE vh vh_of_floats(vf a, vf b)
{
    return (vh)low_halves(vi_of_floats(a), vi_of_floats(b));
}

/* ---- Planes ---- */

/*
 * 64 codes are loaded and stored in fours: lane i of val[k] is code 4 i + k. So val[0] and val[2]
 * hold the even codes, val[1] and val[3] the odd ones. Planes are made of pairs: lane i of val[0]
 * has codes 4 i and 4 i + 2 in its lowest bits, that of val[1] codes 4 i + 1 and 4 i + 3. What the
 * bits above hold does not matter.
 */

INLINE uint8x16_t shift_left(uint8x16_t v, int shift)
{
    return vshlq_u8(v, vdupq_n_s8((int8_t)shift));
}

/* 16-bit lanes of the first half and of the second half in turn. */
INLINE uint8x16_t interleave(uint8x16_t v)
{
    const uint16x8_t halves = vreinterpretq_u16_u8(v);
    return vreinterpretq_u8_u16(vzip1q_u16(halves, vextq_u16(halves, halves, 4)));
}

/* 16-bit lanes: the even ones, then the odd ones. */
INLINE uint8x16_t separate(uint8x16_t v)
{
    const uint16x8_t halves = vreinterpretq_u16_u8(v);
    return vreinterpretq_u8_u16(vuzp1q_u16(halves, vextq_u16(halves, halves, 1)));
}

INLINE void pack_pairs(uint32_t width, uint8x16x2_t pairs, uint8_t *plane)
{
    uint8x16_t low, high;
    uint16x4_t halves;
    if (width == 4) {
        const uint16x8_t even = vreinterpretq_u16_u8(pairs.val[0]);
        const uint16x8_t odd = vreinterpretq_u16_u8(pairs.val[1]);
        vst1q_u8(plane, vreinterpretq_u8_u16(vzip1q_u16(even, odd)));
        vst1q_u8(plane + 16, vreinterpretq_u8_u16(vzip2q_u16(even, odd)));
        return;
    }
    low = vuzp1q_u8(pairs.val[0], pairs.val[1]);
    high = vuzp2q_u8(pairs.val[0], pairs.val[1]);
    if (width == 2) {
        vst1q_u8(plane, interleave(vsliq_n_u8(low, high, 4)));
        return;
    }
    low = vsliq_n_u8(low, high, 2); /* 8 times 4 even codes, then the odd ones */
    low = vsliq_n_u8(vuzp1q_u8(low, low), vuzp2q_u8(low, low), 4);
    halves = vreinterpret_u16_u8(vget_low_u8(low));
    halves = vzip1_u16(halves, vext_u16(halves, halves, 2)); /* as interleave() */
    vst1_u8(plane, vreinterpret_u8_u16(halves));
}

INLINE void pack_64(uint32_t width, uint32_t shift, const uint8_t *codes, uint8_t *plane)
{
    const uint8x16_t mask = vdupq_n_u8((uint8_t)((1u << width) - 1u));
    uint8x16x4_t fours;
    uint8x16x2_t pairs;
    if (width == 8) {
        memcpy(plane, codes, 64);
        return;
    }
    fours = vld4q_u8(codes);
    for (int k = 0; k < 2; k++) {
        const uint8x16_t first = shift_left(fours.val[k], -(int)shift);
        pairs.val[k] = vbslq_u8(mask, first, shift_left(fours.val[k + 2], (int)width - (int)shift));
    }
    pack_pairs(width, pairs, plane);
}

INLINE uint8x16x2_t pairs_of_plane(uint32_t width, const uint8_t *plane)
{
    uint8x16x2_t pairs;
    uint8x16_t low;
    uint16x4_t halves;
    if (width == 4) {
        const uint16x8_t a = vreinterpretq_u16_u8(vld1q_u8(plane));
        const uint16x8_t b = vreinterpretq_u16_u8(vld1q_u8(plane + 16));
        pairs.val[0] = vreinterpretq_u8_u16(vuzp1q_u16(a, b));
        pairs.val[1] = vreinterpretq_u8_u16(vuzp2q_u16(a, b));
        return pairs;
    }
    if (width == 2) {
        low = separate(vld1q_u8(plane));
        pairs.val[0] = vzip1q_u8(low, vshrq_n_u8(low, 4));
        pairs.val[1] = vzip2q_u8(low, vshrq_n_u8(low, 4));
        return pairs;
    }
    halves = vreinterpret_u16_u8(vld1_u8(plane));
    halves = vuzp1_u16(halves, vext_u16(halves, halves, 1)); /* as separate() */
    low = vcombine_u8(vreinterpret_u8_u16(halves), vdup_n_u8(0));
    low = vzip1q_u8(low, vshrq_n_u8(low, 4)); /* 8 times 4 even codes, then the odd ones */
    pairs.val[0] = vzip1q_u8(low, vshrq_n_u8(low, 2));
    pairs.val[1] = vzip2q_u8(low, vshrq_n_u8(low, 2));
    return pairs;
}

INLINE void unpack_64(uint32_t width, uint32_t shift, const uint8_t *plane, uint8_t *codes)
{
    const uint8x16_t mask = vdupq_n_u8((uint8_t)((1u << width) - 1u));
    uint8x16x4_t fours;
    uint8x16x2_t pairs;
    if (width == 8) {
        memcpy(codes, plane, 64);
        return;
    }
    pairs = pairs_of_plane(width, plane);
    for (int k = 0; k < 2; k++) {
        fours.val[k] = vandq_u8(pairs.val[k], mask);
        fours.val[k + 2] = vandq_u8(shift_left(pairs.val[k], -(int)width), mask);
    }
    if (shift != 0) {
        const uint8x16x4_t below = vld4q_u8(codes);
        for (int k = 0; k < 4; k++) {
            fours.val[k] = vorrq_u8(below.val[k], shift_left(fours.val[k], (int)shift));
        }
    }
    vst4q_u8(codes, fours);
}

#    include "codec/simd/simd_even.h"
#    include "codec/simd/simd_rotated.h"

static int is_supported(void)
{
    return 1;
}

const struct flci_codec_row flci_codec_neon = {
    .name = "neon",
    .summary = "64-bit Arm",
    .is_supported = is_supported,
    .load_halves = load_halves,
    .store_halves = store_halves,
    .encode_even = encode_even,
    .decode_even = decode_even,
    .encode_rotated = encode_rotated,
    .decode_rotated = decode_rotated,
};

SIMD_END

#endif
