// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The calls of codec_cuda.h: one copy to the GPU, one kernel, one copy back, in buffers that live
 * as long as the program.
 *
 * A call's bytes lie in one stretch of memory: input, output, counts, with guard bytes between. The
 * output starts as the caller's, so that a byte that the kernel leaves alone is seen.
 */
#include "codec_cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "check_codec.h"
#include "codec/cuda/codec_kernels.h"

#define GUARD_BYTES 256
#define GUARD       0xa5
#define ROOM        (2 * (size_t)CASE_MOST_BYTES + 8 * GUARD_BYTES)

static struct {
    uint8_t *host, *device; /* ROOM bytes each */
    cudaStream_t stream;
    unsigned calls;
} gpu;

/* Where a call's bytes lie. */
struct stretch {
    size_t in, in_bytes, out, out_bytes, counts, end;
};

static void check(cudaError_t error, const char *what)
{
    if (error != cudaSuccess) {
        (void)fprintf(stderr, "row cuda: %s: %s\n", what, cudaGetErrorString(error));
        exit(EXIT_FAILURE);
    }
}

static size_t align_guard(size_t at)
{
    return (at + GUARD_BYTES - 1) / GUARD_BYTES * GUARD_BYTES;
}

/* Elements at any multiple of their size, `in_shift` or `out_shift`. */
static struct stretch stretch_of(size_t in_bytes, size_t in_shift, size_t out_bytes,
                                 size_t out_shift)
{
    struct stretch s = {.in = GUARD_BYTES + in_shift, .in_bytes = in_bytes, .out_bytes = out_bytes};
    s.out = align_guard(s.in + in_bytes) + GUARD_BYTES + out_shift;
    s.counts = align_guard(s.out + out_bytes) + GUARD_BYTES;
    s.end = s.counts + sizeof(struct flci_cuda_counts);
    return s;
}

/* The stretch on the GPU, guards and all. */
static void send(const struct stretch *s, const void *in, const void *out)
{
    if (gpu.host == NULL) {
        check(cudaMallocHost((void **)&gpu.host, ROOM), "cudaMallocHost");
        check(cudaMalloc((void **)&gpu.device, ROOM), "cudaMalloc");
        check(cudaStreamCreate(&gpu.stream), "cudaStreamCreate");
    }
    gpu.calls++;
    memset(gpu.host, GUARD, s->counts);
    memset(gpu.host + s->counts, 0, s->end - s->counts);
    memcpy(gpu.host + s->in, in, s->in_bytes);
    memcpy(gpu.host + s->out, out, s->out_bytes);
    check(cudaMemcpyAsync(gpu.device, gpu.host, s->end, cudaMemcpyHostToDevice, gpu.stream),
          "cudaMemcpyAsync");
}

static struct flci_cuda_counts *device_counts(const struct stretch *s)
{
    return (struct flci_cuda_counts *)(void *)(gpu.device + s->counts);
}

static int is_guard(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (gpu.host[i] != GUARD) {
            return 0;
        }
    }
    return 1;
}

/* What the kernel made of it. */
static flc_status receive(const struct stretch *s, const void *in, void *out,
                          struct flci_cuda_counts *counts)
{
    check(cudaMemcpyAsync(gpu.host, gpu.device, s->end, cudaMemcpyDeviceToHost, gpu.stream),
          "cudaMemcpyAsync");
    check(cudaStreamSynchronize(gpu.stream), "the kernel");
    memcpy(counts, gpu.host + s->counts, sizeof *counts);
    if (!is_guard(0, s->in) || !is_guard(s->in + s->in_bytes, s->out) ||
        !is_guard(s->out + s->out_bytes, s->counts) ||
        memcmp(gpu.host + s->in, in, s->in_bytes) != 0) {
        (void)fprintf(stderr, "row cuda: the kernel wrote outside its output\n");
        return FLC_ERR_CUDA; /* the output stays the caller's, which is wrong too */
    }
    memcpy(out, gpu.host + s->out, s->out_bytes);
    return FLC_OK;
}

/* ---- Tensors ---- */

static size_t bytes_of(flc_format format, flc_type type, size_t count)
{
    size_t bytes = 0;
    (void)flc_format_wire_bytes(format, type, count, &bytes);
    return bytes;
}

static flc_status encode(flc_format format, flc_type type, flc_type src_type, const void *src,
                         size_t count, void *wire, flc_stats *stats)
{
    const size_t size = flc_type_bytes(src_type);
    const struct stretch s =
        stretch_of(count * size, gpu.calls % 16 * size, bytes_of(format, type, count), 0);
    struct flci_cuda_counts counts;
    if (count == 0) {
        return FLC_OK;
    }
    send(&s, src, wire);
    FLCI_TRY(flci_cuda_encode(format, type, src_type, gpu.device + s.in, count, gpu.device + s.out,
                              device_counts(&s), gpu.stream));
    FLCI_TRY(receive(&s, src, wire, &counts));
    if (stats != NULL && format.bits != 0) {
        for (size_t at = 0; at < count; at += FLC_BLOCK_ELEMS) {
            const size_t n = count - at < FLC_BLOCK_ELEMS ? count - at : FLC_BLOCK_ELEMS;
            stats->groups += flci_layout_of(format, (uint32_t)n).groups;
        }
        stats->nonfinite_groups += counts.nonfinite_groups;
    }
    return FLC_OK;
}

static flc_status decode(flc_format format, flc_type type, const void *wire, flc_type dst_type,
                         size_t count, void *dst)
{
    const size_t size = flc_type_bytes(dst_type);
    const struct stretch s =
        stretch_of(bytes_of(format, type, count), 0, count * size, gpu.calls % 16 * size);
    struct flci_cuda_counts counts;
    if (count == 0) {
        return FLC_OK;
    }
    send(&s, wire, dst);
    FLCI_TRY(flci_cuda_decode(format, type, gpu.device + s.in, dst_type, count, gpu.device + s.out,
                              device_counts(&s), gpu.stream));
    FLCI_TRY(receive(&s, wire, dst, &counts));
    return counts.corrupt_blocks == 0
               ? FLC_OK
               : flci_fail(FLC_ERR_CORRUPT, "wire: %u blocks no encoder writes",
                           counts.corrupt_blocks);
}

flc_status codec_cuda_encode(flc_format format, flc_type type, const void *src, size_t count,
                             void *wire, size_t wire_bytes, flc_stats *stats)
{
    (void)wire_bytes;
    return encode(format, type, type, src, count, wire, stats);
}

flc_status codec_cuda_decode(flc_format format, flc_type type, const void *wire, size_t wire_bytes,
                             void *dst, size_t count)
{
    (void)wire_bytes;
    return decode(format, type, wire, type, count, dst);
}

/* ---- The row ---- */

static int is_supported(void)
{
    int devices = 0;
    return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0;
}

static void load_halves(flc_type type, const uint16_t *src, uint32_t n, float *x)
{
    const flc_format raw = {0};
    (void)decode(raw, type, src, FLC_FLOAT32, n, x);
}

static void store_halves(flc_type type, const float *x, uint32_t n, uint16_t *dst)
{
    const flc_format raw = {0};
    (void)encode(raw, type, FLC_FLOAT32, x, n, dst, NULL);
}

/* A failure has been told, and leaves the wire as it was. */
static void encode_block(flc_format format, flc_type type, flc_type src_type, const void *src,
                         uint32_t n, uint8_t *wire, flc_stats *stats)
{
    (void)encode(format, type, src_type, src, n, wire, stats);
}

static flc_status decode_block(flc_format format, flc_type type, const uint8_t *wire,
                               flc_type dst_type, uint32_t n, void *dst)
{
    return decode(format, type, wire, dst_type, n, dst);
}

const struct flci_codec_row codec_cuda_row = {
    .name = "cuda",
    .summary = "the GPU's kernels",
    .is_supported = is_supported,
    .load_halves = load_halves,
    .store_halves = store_halves,
    .encode_even = encode_block,
    .decode_even = decode_block,
    .encode_rotated = encode_block,
    .decode_rotated = decode_block,
};
