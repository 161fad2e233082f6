// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Kernels of the tests: device_ops.h. Grids are small, so that they run beside kernels that wait.
 */
#include "device_ops.h"

#include "random_elem.h"

static constexpr unsigned BLOCKS_MAX = 64;
static constexpr unsigned THREADS = 256;

__device__ static size_t first_index()
{
    return blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x;
}

__device__ static size_t index_step()
{
    return gridDim.x * static_cast<size_t>(blockDim.x);
}

static unsigned blocks_for(size_t threads)
{
    const size_t blocks = (threads + THREADS - 1) / THREADS;
    return blocks < 1 ? 1 : blocks < BLOCKS_MAX ? static_cast<unsigned>(blocks) : BLOCKS_MAX;
}

__global__ static void copy_kernel(uint4 *dst, const uint4 *src, size_t count)
{
    for (size_t i = first_index(); i < count; i += index_step()) {
        dst[i] = src[i];
    }
}

__global__ static void delay_kernel(uint64_t cycles)
{
    const uint64_t start = static_cast<uint64_t>(clock64());
    while (static_cast<uint64_t>(clock64()) - start < cycles) {
    }
}

template <typename T>
__global__ static void fill_kernel(T *elems, size_t count, uint64_t seed, flc_type type)
{
    for (size_t i = first_index(); i < count; i += index_step()) {
        elems[i] = static_cast<T>(random_elem(seed, i, type));
    }
}

__global__ static void sum_kernel(const uint16_t *words, size_t count, uint64_t *sum)
{
    uint64_t part = 0;
    for (size_t i = first_index(); i < count; i += index_step()) {
        part += random_mix(i * 65536 + words[i] + 1);
    }
    atomicAdd(reinterpret_cast<unsigned long long *>(sum), static_cast<unsigned long long>(part));
}

extern "C" cudaError_t device_copy(void *dst, const void *src, size_t bytes, cudaStream_t stream)
{
    const size_t count = bytes / sizeof(uint4);
    copy_kernel<<<blocks_for(count), THREADS, 0, stream>>>(static_cast<uint4 *>(dst),
                                                           static_cast<const uint4 *>(src), count);
    return cudaGetLastError();
}

extern "C" cudaError_t device_delay(uint64_t cycles, cudaStream_t stream)
{
    delay_kernel<<<1, 1, 0, stream>>>(cycles);
    return cudaGetLastError();
}

extern "C" cudaError_t device_fill(void *elems, size_t count, flc_type type, uint64_t seed,
                                   cudaStream_t stream)
{
    if (type == FLC_FLOAT32) {
        fill_kernel<<<blocks_for(count), THREADS, 0, stream>>>(static_cast<uint32_t *>(elems),
                                                               count, seed, type);
    } else {
        fill_kernel<<<blocks_for(count), THREADS, 0, stream>>>(static_cast<uint16_t *>(elems),
                                                               count, seed, type);
    }
    return cudaGetLastError();
}

extern "C" cudaError_t device_sum(const uint16_t *words, size_t count, uint64_t *sum,
                                  cudaStream_t stream)
{
    const cudaError_t error = cudaMemsetAsync(sum, 0, sizeof *sum, stream);
    if (error != cudaSuccess) {
        return error;
    }
    sum_kernel<<<blocks_for(count), THREADS, 0, stream>>>(words, count, sum);
    return cudaGetLastError();
}

extern "C" cudaError_t device_ops_load(void *memory, cudaStream_t stream)
{
    cudaError_t error = device_copy(memory, static_cast<char *>(memory) + 256, 256, stream);
    if (error == cudaSuccess) {
        error = device_delay(1, stream);
    }
    if (error == cudaSuccess) {
        error = device_fill(memory, 1, FLC_FLOAT32, 0, stream);
    }
    if (error == cudaSuccess) {
        error = device_fill(memory, 1, FLC_BFLOAT16, 0, stream);
    }
    if (error == cudaSuccess) {
        error = device_sum(static_cast<uint16_t *>(memory), 1,
                           reinterpret_cast<uint64_t *>(static_cast<char *>(memory) + 256), stream);
    }
    return error == cudaSuccess ? cudaStreamSynchronize(stream) : error;
}
