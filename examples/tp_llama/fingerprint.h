// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A number that tells inputs apart (64-bit FNV-1a), so that a stored result is not taken for that
 * of another input. It guards against mistakes, not against an adversary.
 */
#ifndef TP_LLAMA_FINGERPRINT_H
#define TP_LLAMA_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_START UINT64_C(0xcbf29ce484222325)

/* Continue a fingerprint with more bytes. */
static inline uint64_t fingerprint_more(uint64_t fingerprint, const void *data, size_t byte_count)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < byte_count; i++)
        fingerprint = (fingerprint ^ bytes[i]) * UINT64_C(0x100000001b3);
    return fingerprint;
}

static inline uint64_t fingerprint_of(const void *data, size_t byte_count)
{
    return fingerprint_more(FINGERPRINT_START, data, byte_count);
}

#endif
