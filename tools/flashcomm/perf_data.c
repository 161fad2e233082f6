// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Random elements: see perf_data.h. Random numbers are SplitMix64's; each is good for four
 * elements.
 */
#include "perf_data.h"

#include <math.h>

#include "elem_convert.h"

#define SEED UINT64_C(0x666c617368636f6d)

static uint64_t random_bits(uint64_t number)
{
    uint64_t z = number * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* In (0, 1). */
static double uniform(uint64_t number)
{
    return ((double)(random_bits(number) >> 11) + 0.5) * 0x1p-53;
}

void perf_data_init(struct perf_data *data, flc_type type)
{
    data->type = type;
    for (uint64_t i = 0; i < PERF_DATA_VALUES; i++) {
        const double radius = sqrt(-2.0 * log(uniform(SEED + 2 * i)));
        const float value =
            (float)(radius * cos(2.0 * 3.14159265358979 * uniform(SEED + 2 * i + 1)));
        if (type == FLC_FLOAT32) {
            elems_convert(FLC_FLOAT32, &value, type, &data->table.fp32[i], 1);
        } else {
            elems_convert(FLC_FLOAT32, &value, type, &data->table.half[i], 1);
        }
    }
}

void perf_data_fill(const struct perf_data *data, int rank, int round, size_t first, size_t count,
                    void *elems)
{
    const uint64_t stream = random_bits(SEED ^ ((uint64_t)rank << 32 | (uint64_t)round));
    uint32_t *const wide = elems;
    uint16_t *const narrow = elems;
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t index = first + i;
        if (i == 0 || index % 4 == 0) {
            bits = random_bits(stream + index / 4);
        }
        const size_t drawn = bits >> (16 * (index % 4)) & (PERF_DATA_VALUES - 1);
        if (data->type == FLC_FLOAT32) {
            wide[i] = data->table.fp32[drawn];
        } else {
            narrow[i] = data->table.half[drawn];
        }
    }
}
