// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Copies to memory that is not read again soon: a large result. Stores that bypass the cache spare
 * it the fetch of lines that are overwritten, a third of the traffic of such a copy, and leave the
 * cache to those who work in it.
 */
#ifndef FLCI_BASE_COPY_H
#define FLCI_BASE_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#    include <emmintrin.h>

/* As memcpy. Ends with a fence, so that ordinary stores that follow are seen after it. */
static inline void flci_copy_past_cache(void *to, const void *from, size_t bytes)
{
    const size_t head = (size_t)(-(uintptr_t)to & 15u);
    size_t at = head < bytes ? head : bytes;
    memcpy(to, from, at);
    for (; bytes - at >= 64; at += 64) { /* a line at a time, or the stores do not combine */
        const __m128i *source = (const __m128i *)(const void *)((const uint8_t *)from + at);
        __m128i *dest = (__m128i *)(void *)((uint8_t *)to + at);
        const __m128i a = _mm_loadu_si128(source), b = _mm_loadu_si128(source + 1);
        const __m128i c = _mm_loadu_si128(source + 2), d = _mm_loadu_si128(source + 3);
        _mm_stream_si128(dest, a);
        _mm_stream_si128(dest + 1, b);
        _mm_stream_si128(dest + 2, c);
        _mm_stream_si128(dest + 3, d);
    }
    memcpy((uint8_t *)to + at, (const uint8_t *)from + at, bytes - at);
    _mm_sfence();
}
#else
static inline void flci_copy_past_cache(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}
#endif

#endif
