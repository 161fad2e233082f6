// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Instructions that CUDA C++ has no name for, named by what they mean and their scope.
 */
#ifndef FLCI_CUDA_PTX_CUH
#define FLCI_CUDA_PTX_CUH

#include <stdint.h>

#define FLCD_ALL_LANES 0xffffffffu

/* ---- Memory order ---- */

static __device__ __forceinline__ uint64_t flcd_ld_acquire_sys_u64(const void *at)
{
    uint64_t value;
    asm volatile("ld.acquire.sys.global.u64 %0, [%1];" : "=l"(value) : "l"(at) : "memory");
    return value;
}

static __device__ __forceinline__ void flcd_st_relaxed_sys_u64(void *at, uint64_t value)
{
    asm volatile("st.relaxed.sys.global.u64 [%0], %1;" ::"l"(at), "l"(value) : "memory");
}

static __device__ __forceinline__ uint32_t flcd_ld_relaxed_sys_u32(const void *at)
{
    uint32_t value;
    asm volatile("ld.relaxed.sys.global.u32 %0, [%1];" : "=r"(value) : "l"(at) : "memory");
    return value;
}

static __device__ __forceinline__ void flcd_st_relaxed_sys_u32(void *at, uint32_t value)
{
    asm volatile("st.relaxed.sys.global.u32 [%0], %1;" ::"l"(at), "r"(value) : "memory");
}

static __device__ __forceinline__ void flcd_fence_sys(void)
{
    asm volatile("fence.acq_rel.sys;" ::: "memory");
}

/* Within a thread block, in shared memory. */
static __device__ __forceinline__ uint32_t flcd_ld_acquire_block_u32(const uint32_t *at)
{
    uint32_t value;
    asm volatile("ld.acquire.cta.shared.u32 %0, [%1];"
                 : "=r"(value)
                 : "r"((uint32_t)__cvta_generic_to_shared(at))
                 : "memory");
    return value;
}

static __device__ __forceinline__ void flcd_st_release_block_u32(uint32_t *at, uint32_t value)
{
    asm volatile(
        "st.release.cta.shared.u32 [%0], %1;" ::"r"((uint32_t)__cvta_generic_to_shared(at)),
        "r"(value)
        : "memory");
}

/* All warps of a thread block that take part, `threads` in all, in barrier `id` (1 to 15). */
static __device__ __forceinline__ void flcd_barrier(int id, int threads)
{
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

static __device__ __forceinline__ uint64_t flcd_nanoseconds(void)
{
    uint64_t now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    return now;
}

/* ---- Minimum and maximum that keep a NaN ---- */

static __device__ __forceinline__ float flcd_min_nan(float a, float b)
{
    float r;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
    return r;
}

static __device__ __forceinline__ float flcd_max_nan(float a, float b)
{
    float r;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
    return r;
}

/* 1 / x within 2 in the last place; x and the result are normal. */
static __device__ __forceinline__ float flcd_about_inverse(float x)
{
    float r;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}

/* ---- Two bf16 in a register ---- */

static __device__ __forceinline__ uint32_t flcd_bf16x2_min_nan(uint32_t a, uint32_t b)
{
    uint32_t r;
    asm("min.NaN.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

static __device__ __forceinline__ uint32_t flcd_bf16x2_max_nan(uint32_t a, uint32_t b)
{
    uint32_t r;
    asm("max.NaN.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

/* 0xffff in each half where they are equal: +0 and -0 are, NaN is not. */
static __device__ __forceinline__ uint32_t flcd_bf16x2_equal(uint32_t a, uint32_t b)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    uint32_t r;
    asm("set.eq.u32.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
#else
    const bool low = __uint_as_float(a << 16) == __uint_as_float(b << 16);
    const bool high = __uint_as_float(a & 0xffff0000u) == __uint_as_float(b & 0xffff0000u);
    return (low ? 0xffffu : 0) | (high ? 0xffff0000u : 0);
#endif
}

/* a * b + c, rounded once. */
static __device__ __forceinline__ uint32_t flcd_bf16x2_fma(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t r;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
    return r;
}

/* Low half from `low`, nearest even; a NaN becomes 0x7fff. */
static __device__ __forceinline__ uint32_t flcd_bf16x2_of(float low, float high)
{
    uint32_t r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}

/* Both halves, of a float that is a bf16. */
static __device__ __forceinline__ uint32_t flcd_bf16x2_twice(float x)
{
    return __byte_perm(__float_as_uint(x), 0, 0x3232);
}

static __device__ __forceinline__ uint32_t flcd_fp16x2_of(float low, float high)
{
    uint32_t r;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}

static __device__ __forceinline__ float flcd_fp16_to_float(uint32_t half)
{
    float r;
    asm("{ .reg .b16 h; cvt.u16.u32 h, %1; cvt.f32.f16 %0, h; }" : "=f"(r) : "r"(half));
    return r;
}

/* ---- Two fp16 in a register; subnormal ones are kept ---- */

/* Low half from `low`, cut off. */
static __device__ __forceinline__ uint32_t flcd_fp16x2_toward_zero(float low, float high)
{
    uint32_t r;
    asm("cvt.rz.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}

/* a * b + c, rounded once. */
static __device__ __forceinline__ uint32_t flcd_fp16x2_fma(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t r;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
    return r;
}

static __device__ __forceinline__ uint32_t flcd_fp16x2_add(uint32_t a, uint32_t b)
{
    uint32_t r;
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

static __device__ __forceinline__ uint32_t flcd_fp16x2_abs(uint32_t a)
{
    uint32_t r;
    asm("abs.f16x2 %0, %1;" : "=r"(r) : "r"(a));
    return r;
}

static __device__ __forceinline__ uint32_t flcd_fp16x2_min(uint32_t a, uint32_t b)
{
    uint32_t r;
    asm("min.f16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
    return r;
}

/* ---- Bytes ---- */

/* Nibble i of `which` chooses byte i of the result: 0 to 3 of `low`, 4 to 7 of `high`; with bit 3
   set, eight times that byte's sign bit. */
static __device__ __forceinline__ uint32_t flcd_permute(uint32_t low, uint32_t high, uint32_t which)
{
    uint32_t r;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(r) : "r"(low), "r"(high), "r"(which));
    return r;
}

/* ---- 16 bytes ---- */

/* Elements: read once, written once; they must not push the wire out of the cache. */
static __device__ __forceinline__ uint4 flcd_ld_streaming(const void *at)
{
    return __ldcs((const uint4 *)at);
}

static __device__ __forceinline__ void flcd_st_streaming(void *at, uint4 value)
{
    __stcs((uint4 *)at, value);
}

/* Copies of 16 bytes from global to shared memory, past the first-level cache. A lane sees what it
   copied itself once it has waited for all but the last LATER groups that it committed. */
static __device__ __forceinline__ void flcd_copy_ahead(void *to, const void *from)
{
    asm volatile(
        "cp.async.cg.shared.global [%0], [%1], 16;" ::"r"((uint32_t)__cvta_generic_to_shared(to)),
        "l"(from)
        : "memory");
}

static __device__ __forceinline__ void flcd_copy_commit(void)
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int LATER> static __device__ __forceinline__ void flcd_copy_wait(void)
{
    asm volatile("cp.async.wait_group %0;" ::"n"(LATER) : "memory");
}

#endif
