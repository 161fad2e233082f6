// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A call's place, content and text: cuda_call.h.
 */
#include "cuda_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coll/partition.h"
#include "random_elem.h"

#define ALIGN_BYTES ((size_t)256)
#define GUARD_BYTES ((size_t)64)

static size_t region_bytes(const struct cuda_call *call, size_t offset)
{
    const size_t elems = (offset + call->count) * flc_type_bytes(call->type);
    return (ALIGN_BYTES + elems + GUARD_BYTES + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

size_t cuda_call_place(struct cuda_call *call, size_t at)
{
    const size_t size = flc_type_bytes(call->type);
    call->send_region = at;
    call->send_at = at + ALIGN_BYTES + call->send_offset * size;
    call->recv_region = at + region_bytes(call, call->send_offset);
    call->recv_at = call->recv_region + ALIGN_BYTES + call->recv_offset * size;
    call->region_end = call->recv_region + region_bytes(call, call->recv_offset);
    if (call->is_in_place) {
        call->region_end = call->recv_region;
        call->recv_region = call->send_region;
        call->recv_at = call->send_at;
    }
    return call->region_end;
}

static void fill_fast(const struct cuda_call *call, uint64_t seed, void *elems)
{
    for (size_t i = 0; i < call->count; i++) {
        const uint32_t pattern = random_elem(seed, i, call->type);
        if (call->type == FLC_FLOAT32) {
            ((uint32_t *)elems)[i] = pattern;
        } else {
            ((uint16_t *)elems)[i] = (uint16_t)pattern;
        }
    }
}

static void add_peaks(const struct cuda_call *call, uint64_t seed, void *elems)
{
    const size_t size = flc_type_bytes(call->type);
    uint64_t state = seed;
    for (size_t group = 0; group < call->count; group += 16) {
        const size_t i = group + test_random_below(&state, 16);
        const float peak = (test_random(&state) & 1) != 0 ? 1e4f : -3e3f;
        if (i < call->count) {
            test_store(call->type, &peak, 1, (uint8_t *)elems + i * size);
        }
    }
}

uint64_t cuda_call_seed(const struct cuda_call *call, int rank, int round)
{
    return call->seed + (uint64_t)rank * 1000003u + (uint64_t)round * 7919u;
}

void cuda_call_fill(const struct cuda_call *call, int rank, int round, uint8_t *image)
{
    const uint64_t seed = cuda_call_seed(call, rank, round);
    uint8_t *elems = image + call->send_at;
    memset(image + call->send_region, CUDA_POISON, call->region_end - call->send_region);
    if (call->data == CUDA_DATA_FAST) {
        fill_fast(call, seed, elems);
    } else if (call->data == CUDA_DATA_PEAKS) {
        test_fill_elems(call->type, elems, call->count, TEST_GAUSSIAN, seed);
        add_peaks(call, seed, elems);
    } else {
        test_fill_elems(call->type, elems, call->count, (enum test_data)call->data, seed);
    }
}

int cuda_call_owner(const struct cuda_call *call, int ranks, size_t block)
{
    const size_t elem = block * FLC_BLOCK_ELEMS;
    int rank = 0;
    for (; rank < ranks - 1; rank++) {
        const struct flci_span chunk = flci_partition_chunk(call->count, ranks, rank);
        if (elem < chunk.begin + chunk.count) {
            break;
        }
    }
    return rank;
}

static const char *data_name(int data)
{
    return data == CUDA_DATA_FAST    ? "fast"
           : data == CUDA_DATA_PEAKS ? "peaks"
                                     : test_data_name((enum test_data)data);
}

void cuda_call_text(const struct cuda_call *call, char *text, size_t text_bytes)
{
    char reduce[FLC_FORMAT_TEXT_BYTES] = "?", gather[FLC_FORMAT_TEXT_BYTES] = "?";
    (void)flc_format_print(call->reduce, reduce, sizeof reduce);
    (void)flc_format_print(call->gather, gather, sizeof gather);
    (void)snprintf(text, text_bytes,
                   "%s/%s %s count %zu %s%s%s offsets %zu,%zu %s data seed %" PRIu64 " late %d",
                   reduce, gather, flc_type_name(call->type), call->count,
                   call->op == FLC_AVG ? "avg" : "sum",
                   (call->flags & FLC_INVARIANT) != 0 ? " invariant" : "",
                   call->is_in_place ? " in place" : "", call->send_offset, call->recv_offset,
                   data_name(call->data), call->seed, call->late_rank);
}

flc_coll_config cuda_call_config(const struct cuda_call *call)
{
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    config.reduce = call->reduce;
    config.gather = call->gather;
    config.algorithm = "twostep";
    config.flags = call->flags;
    return config;
}
