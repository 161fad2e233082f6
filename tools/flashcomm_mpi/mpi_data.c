// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Random elements and their check: see mpi_data.h.
 */
#include "mpi_data.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_VALUES 65536
#define PIECE_ELEMS  16384

static float table[TABLE_VALUES];

/* SplitMix64. */
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

size_t mpi_send_elems(const struct mpi_arguments *a, int ranks)
{
    const bool is_all = a->collective == REDUCE_SCATTER || a->collective == ALL_TO_ALL;
    return is_all ? a->count * (size_t)ranks : a->count;
}

size_t mpi_recv_elems(const struct mpi_arguments *a, int ranks)
{
    const bool is_all = a->collective == ALL_GATHER || a->collective == ALL_TO_ALL;
    return is_all ? a->count * (size_t)ranks : a->count;
}

void mpi_data_init(void)
{
    for (uint64_t i = 0; i < TABLE_VALUES; i++) {
        table[i] = (float)(sqrt(-2.0 * log(uniform(2 * i + 1))) *
                           cos(6.28318530717959 * uniform(2 * i + 2)));
    }
}

void mpi_data_fill(const struct mpi_arguments *a, int rank, int round, size_t first, size_t count,
                   void *elems)
{
    const uint64_t stream = random_bits((uint64_t)(rank + 1) << 32 | (uint64_t)round);
    float *const floats = elems;
    uint16_t *const patterns = elems;
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t index = first + i;
        if (i == 0 || index % 4 == 0) {
            bits = random_bits(stream + index / 4);
        }
        const uint16_t drawn = (uint16_t)(bits >> (16 * (index % 4)));
        if (a->elem_bytes == sizeof *floats) {
            floats[i] = table[drawn];
        } else {
            patterns[i] = drawn;
        }
    }
}

/* A piece of a sum: the elements from `first` on of what every rank sent. */
static long long wrong_sums(const struct mpi_arguments *a, int ranks, int round, size_t first,
                            size_t count, const float *recv, float *input, double *sums)
{
    const double divisor = a->is_average ? ranks : 1.0;
    double *const sizes = sums + PIECE_ELEMS;
    long long wrong = 0;
    memset(sums, 0, 2 * PIECE_ELEMS * sizeof *sums);
    for (int r = 0; r < ranks; r++) {
        mpi_data_fill(a, r, round, first, count, input);
        for (size_t i = 0; i < count; i++) {
            sums[i] += (double)input[i];
            sizes[i] += fabs((double)input[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        const double bound = (ranks + 1) * 0x1p-24 * sizes[i] / divisor;
        wrong += !(fabs((double)recv[i] - sums[i] / divisor) <= bound);
    }
    return wrong;
}

/* A piece of a copy: the elements from `first` on of what one rank sent. */
static long long wrong_copies(const struct mpi_arguments *a, int source, int round, size_t first,
                              size_t count, const char *recv, char *input)
{
    long long wrong = 0;
    mpi_data_fill(a, source, round, first, count, input);
    for (size_t i = 0; i < count; i++) {
        wrong += memcmp(input + i * a->elem_bytes, recv + i * a->elem_bytes, a->elem_bytes) != 0;
    }
    return wrong;
}

long long mpi_data_wrong(const struct mpi_arguments *a, int ranks, int rank, int round,
                         const void *recv)
{
    const bool is_sum = a->collective == ALL_REDUCE || a->collective == REDUCE_SCATTER;
    const bool is_mine = a->collective == REDUCE_SCATTER || a->collective == ALL_TO_ALL;
    const size_t source_at = is_mine ? (size_t)rank * a->count : 0;
    const int parts = (int)(mpi_recv_elems(a, ranks) / (a->count == 0 ? 1 : a->count));
    double *const memory = malloc(2 * PIECE_ELEMS * sizeof *memory + PIECE_ELEMS * sizeof(float));
    float *const input = (float *)(void *)(memory + 2 * PIECE_ELEMS);
    long long wrong = 0;
    if (memory == NULL) {
        return -1;
    }
    for (int part = 0; part < parts; part++) {
        const char *const result = (const char *)recv + (size_t)part * a->count * a->elem_bytes;
        for (size_t at = 0; at < a->count; at += PIECE_ELEMS) {
            const size_t count = a->count - at < PIECE_ELEMS ? a->count - at : PIECE_ELEMS;
            const char *const piece = result + at * a->elem_bytes;
            wrong += is_sum ? wrong_sums(a, ranks, round, source_at + at, count,
                                         (const float *)(const void *)piece, input, memory)
                            : wrong_copies(a, a->collective == BROADCAST ? a->root : part, round,
                                           source_at + at, count, piece, (char *)input);
        }
    }
    free(memory);
    return wrong;
}
