// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The scalar rules on a GPU against the library on the processor: one thread a group encodes and
 * decodes it with codec_core.h or codec_rotated.h, and every element must come back with the same
 * bits as from flc_encode and flc_decode, in every format and type. Groups are blocks of their own
 * here.
 *
 * Built and run by codec_core_cuda_test.sh; exits 77 where there is no GPU.
 */
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "all_formats.h"
#include "codec/codec_rotated.h"

#define GROUPS    512
#define MAX_ELEMS 256

#define CHECK_CUDA(call)                                                                           \
    do {                                                                                           \
        const cudaError_t error = (call);                                                          \
        if (error != cudaSuccess) {                                                                \
            std::fprintf(stderr, "%s: %s\n", #call, cudaGetErrorString(error));                    \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

FLCI_HD uint32_t stored_bits(flc_type type, float y)
{
    const uint32_t bits = flci_bits_of(y);
    if (type == FLC_FLOAT32) {
        return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits;
    }
    return type == FLC_FLOAT16 ? flci_to_fp16(y) : flci_to_bf16(y);
}

static __device__ void turn_and_back(flc_format format, flc_type type, const float *x, int n,
                                     uint32_t *out)
{
    float v[MAX_ELEMS];
    flci_rotate(x, (uint32_t)n, format.group, v);
    const float largest = flci_rotated_largest(v, format.group);
    const float target = flci_rotated_target(format.bits, largest);
    const int base = flci_base_exponent(target < FLCI_SCALE_MIN ? FLCI_SCALE_MIN : target);
    const uint8_t stored = flci_rotated_scale(format, v, largest, base);
    const float scale = flci_from_bf16(flci_scale_from_compact(stored, base));
    for (int i = 0; i < format.group; i++) {
        const uint8_t code = flci_rotated_code(format.bits, v[i], 1.0f / scale);
        v[i] = flci_rotated_value(format.bits, scale, code);
    }
    flci_rotate_back(v, format.group, type);
    for (int i = 0; i < n; i++) {
        out[i] = stored_bits(type, stored == 0 ? 0.0f : v[i]);
    }
}

/* x, out [GROUPS][MAX_ELEMS], the first n of each used; one thread a group. */
__global__ void encode_and_decode(flc_format format, flc_type type, const float *x, int n,
                                  uint32_t *out)
{
    const size_t first = (size_t)(blockIdx.x * blockDim.x + threadIdx.x) * MAX_ELEMS;
    const float *group = x + first;
    struct flci_range range = flci_range_of(group, n, format.spikes);
    if (!range.is_finite) {
        for (int i = 0; i < n; i++) {
            out[first + i] = stored_bits(type, flci_float_of(0x7fc00000u));
        }
        return;
    }
    if (format.scheme == FLC_ROTATED) {
        turn_and_back(format, type, group, n, out + first);
        return;
    }
    const float target = flci_scale_target(format, type, &range);
    const int base = flci_base_exponent(target);
    const uint8_t code = flci_scale_to_compact(target, flci_largest_exponent(type), base,
                                               format.bits > FLCI_NARROW_BITS);
    const uint16_t scale = format.metadata == FLC_WIDE
                               ? flci_scale_to_wide(target, format, type, range)
                               : flci_scale_from_compact(code, base);
    const struct flci_quantizer quantizer = flci_quantizer_of(format, type, scale, range);
    for (int i = 0; i < n; i++) {
        out[first + i] =
            stored_bits(type, flci_dequantize(format.bits, quantizer.scale, quantizer.zero,
                                              flci_quantize(quantizer, group[i])));
    }
    if (format.spikes) {
        out[first + range.min_at] =
            stored_bits(type, flci_from_float16(type, flci_spike_of(type, range.min)));
        out[first + range.max_at] =
            stored_bits(type, flci_from_float16(type, flci_spike_of(type, range.max)));
    }
}

static uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* Groups of every kind: any exponent, offsets, constants, signed zeros, outliers, NaN, infinities,
   arbitrary bits. */
static float draw(int group, int i, uint64_t *state)
{
    const uint64_t r = random_bits(state);
    const float unit = (float)((int64_t)(r >> 40) - (1 << 23)) * 0x1p-23f;
    const int exponent = (int)((unsigned)group * 37u % 254u) + 1;
    const float size = flci_float_of((uint32_t)exponent << 23);
    switch (group % 8) {
    case 0:
        return unit;
    case 1:
        return unit * size;
    case 2:
        return size + unit * size * 0x1p-6f;
    case 3:
        return group % 16 < 8 ? -size : (r & 1) != 0 ? 0.0f : -0.0f;
    case 4:
        return i == (int)((unsigned)group % 13u) ? unit * 1000.0f : unit;
    case 5:
        return flci_float_of((uint32_t)r & 0x807fffffu);
    case 6:
        return group % 16 < 8 ? flci_float_of((uint32_t)r & 0xff7fffffu) : (float)(r % 9);
    default:
        return i == group % 11 ? flci_float_of(0x7f800000u | (uint32_t)(group % 3)) : unit;
    }
}

/* Elements that differ between the two. */
static size_t compare(flc_format format, flc_type type, const std::vector<float> &x, int n,
                      const std::vector<uint32_t> &gpu)
{
    const size_t size = flc_type_bytes(type);
    size_t wire_bytes = 0, wrong = 0;
    if (flc_format_wire_bytes(format, type, (size_t)n, &wire_bytes) != FLC_OK) {
        std::exit(1);
    }
    std::vector<uint8_t> src(size * n), wire(wire_bytes), dst(size * n);
    for (size_t g = 0; g < GROUPS; g++) {
        for (int i = 0; i < n; i++) {
            const float value = x[g * MAX_ELEMS + i];
            const uint32_t bits = type == FLC_FLOAT32   ? flci_bits_of(value)
                                  : type == FLC_FLOAT16 ? flci_to_fp16(value)
                                                        : flci_to_bf16(value);
            memcpy(&src[size * i], &bits, size);
        }
        if (flc_encode(format, type, src.data(), (size_t)n, wire.data(), wire_bytes, nullptr) !=
                FLC_OK ||
            flc_decode(format, type, wire.data(), wire_bytes, dst.data(), (size_t)n) != FLC_OK) {
            std::exit(1);
        }
        for (int i = 0; i < n; i++) {
            uint32_t bits = 0;
            memcpy(&bits, &dst[size * i], size);
            wrong += bits != gpu[g * MAX_ELEMS + i];
        }
    }
    return wrong;
}

static size_t check(flc_format format, flc_type type, int n, uint64_t seed, float *device_x,
                    uint32_t *device_out)
{
    std::vector<float> x(GROUPS * MAX_ELEMS);
    std::vector<uint32_t> out(GROUPS * MAX_ELEMS);
    for (size_t k = 0; k < x.size(); k++) {
        const float value = draw((int)(k / MAX_ELEMS), (int)(k % MAX_ELEMS), &seed);
        x[k] = type == FLC_FLOAT32   ? value
               : type == FLC_FLOAT16 ? flci_from_fp16(flci_to_fp16(value))
                                     : flci_from_bf16(flci_to_bf16(value));
    }
    CHECK_CUDA(cudaMemcpy(device_x, x.data(), x.size() * sizeof x[0], cudaMemcpyHostToDevice));
    encode_and_decode<<<GROUPS / 128, 128>>>(format, type, device_x, n, device_out);
    CHECK_CUDA(cudaGetLastError());
    CHECK_CUDA(
        cudaMemcpy(out.data(), device_out, out.size() * sizeof out[0], cudaMemcpyDeviceToHost));
    const size_t wrong = compare(format, type, x, n, out);
    if (wrong != 0) {
        char text[FLC_FORMAT_TEXT_BYTES] = "";
        (void)flc_format_print(format, text, sizeof text);
        std::printf("%s %s, %d elements: %zu differ\n", text, flc_type_name(type), n, wrong);
    }
    return wrong;
}

int main()
{
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::printf("no GPU: the scalar rules were not run on one\n");
        return 77;
    }
    float *device_x = nullptr;
    uint32_t *device_out = nullptr;
    size_t wrong = 0, cases = 0;
    CHECK_CUDA(cudaMalloc(&device_x, GROUPS * MAX_ELEMS * sizeof *device_x));
    CHECK_CUDA(cudaMalloc(&device_out, GROUPS * MAX_ELEMS * sizeof *device_out));
    for (int k = 0; k < ALL_FORMATS; k++) {
        const flc_format format = all_formats_at(k);
        for (int type = FLC_FLOAT32; type <= FLC_BFLOAT16; type++) {
            const int counts[] = {1, 2, format.group - 1, format.group};
            for (int n : counts) {
                wrong += check(format, (flc_type)type, n, ++cases, device_x, device_out);
            }
        }
    }
    CHECK_CUDA(cudaFree(device_x));
    CHECK_CUDA(cudaFree(device_out));
    std::printf("%zu cases of %d groups: %zu elements differ\n", cases, GROUPS, wrong);
    return wrong == 0 ? 0 : 1;
}
