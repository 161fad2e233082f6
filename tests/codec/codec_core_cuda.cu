// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * codec_core.h as CUDA: a kernel that calls every rule, so that nvcc must compile each for the
 * device. Compiled by codec_core_cuda_test.sh, never run.
 */
#include "codec/codec_core.h"

/* One thread a group: elements in, decoded elements out. */
__global__ void encode_and_decode(flc_format format, flc_type type, const float *x, int n, float *y,
                                  uint16_t *spikes)
{
    const float *group = x + (size_t)blockIdx.x * format.group;
    struct flci_range range = flci_range_of(group, n, format.spikes);
    const float target = flci_scale_target(format, type, &range);
    const int base = flci_base_exponent(target);
    const uint8_t code = flci_scale_to_compact(target, type, base, format.bits);
    const uint16_t scale = format.metadata == FLC_WIDE
                               ? flci_scale_to_wide(target, format, type, range)
                               : flci_scale_from_compact(code, base);
    const struct flci_quantizer quantizer = flci_quantizer_of(format, type, scale, range);
    for (int i = 0; i < n; i++) {
        y[i] = flci_dequantize(format.bits, quantizer.scale, quantizer.zero,
                               flci_quantize(quantizer, group[i]));
    }
    spikes[0] = flci_spike_of(type, range.min);
    y[range.min_at] = flci_from_float16(type, spikes[0]);
}
