// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A blocked product: a panel of the matrix, 16 outputs wide, is copied to where the first cache
 * holds it, and then serves tiles of 6 rows, whose sums stay in registers: 6 * 2 vectors of 8, two
 * of the panel and one input make 15 of the 16 that AVX2 has. Blocking changes which sums are
 * worked on together, never the order of the terms in one sum.
 *
 * AVX2 is chosen when the program runs. It brings no fused multiply-add with it (that is a target
 * of its own), so both variants give the same bits.
 */
#include "multiply.h"

#include <string.h>

#define VECTOR_LANES 8
#define TILE_VECTORS 2
#define TILE_LANES   (TILE_VECTORS * VECTOR_LANES)
#define TILE_ROWS    6

/* 256 * 16 floats are 16 KiB, half of a small first cache. */
#define PANEL_TERMS   256

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef float vector __attribute__((vector_size(VECTOR_LANES * sizeof(float))));

/* The same in memory, wherever a float may lie. */
typedef float stored_vector
    __attribute__((vector_size(VECTOR_LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

/* A product as given to multiply. */
struct problem {
    float *product;
    const float *inputs;
    const float *matrix;
    size_t rows;
    size_t terms;
    size_t outputs;
};

/* The terms `first` to `first + count` and the outputs from `output` on. */
struct panel {
    size_t output;
    size_t first;
    size_t count;
    float values[PANEL_TERMS][TILE_LANES];
};

/* Add the panel's terms to `rows` rows; `rows` is a constant where this is inlined. */
ALWAYS_INLINE void add_tile(const struct problem *problem, const struct panel *panel, size_t row,
                            size_t rows)
{
    const float *inputs = problem->inputs + row * problem->terms + panel->first;
    float *product = problem->product + row * problem->outputs + panel->output;
    vector sums[TILE_ROWS][TILE_VECTORS];
    for (size_t r = 0; r < rows; r++) {
        const stored_vector *out = (const stored_vector *)(product + r * problem->outputs);
        for (size_t v = 0; v < TILE_VECTORS; v++)
            sums[r][v] = out[v];
    }
    for (size_t term = 0; term < panel->count; term++) {
        const stored_vector *line = (const stored_vector *)panel->values[term];
        for (size_t r = 0; r < rows; r++) {
            const float input = inputs[r * problem->terms + term];
            for (size_t v = 0; v < TILE_VECTORS; v++)
                sums[r][v] += input * line[v];
        }
    }
    for (size_t r = 0; r < rows; r++) {
        stored_vector *out = (stored_vector *)(product + r * problem->outputs);
        for (size_t v = 0; v < TILE_VECTORS; v++)
            out[v] = sums[r][v];
    }
}

/* Outputs that fill no panel. */
ALWAYS_INLINE void add_edge(const struct problem *problem, size_t output)
{
    const size_t width = problem->outputs - output;
    for (size_t row = 0; row < problem->rows; row++) {
        float *out = problem->product + row * problem->outputs + output;
        for (size_t term = 0; term < problem->terms; term++) {
            const float input = problem->inputs[row * problem->terms + term];
            const float *line = problem->matrix + term * problem->outputs + output;
            for (size_t i = 0; i < width; i++)
                out[i] += input * line[i];
        }
    }
}

ALWAYS_INLINE void multiply_blocked(const struct problem *problem)
{
    struct panel panel;
    const size_t tiled_outputs = problem->outputs - problem->outputs % TILE_LANES;
    for (panel.output = 0; panel.output < tiled_outputs; panel.output += TILE_LANES) {
        for (panel.first = 0; panel.first < problem->terms; panel.first += panel.count) {
            const size_t left = problem->terms - panel.first;
            panel.count = left < PANEL_TERMS ? left : PANEL_TERMS;
            for (size_t term = 0; term < panel.count; term++)
                memcpy(panel.values[term],
                       problem->matrix + (panel.first + term) * problem->outputs + panel.output,
                       sizeof panel.values[term]);
            size_t row = 0;
            for (; row + TILE_ROWS <= problem->rows; row += TILE_ROWS)
                add_tile(problem, &panel, row, TILE_ROWS);
            for (; row < problem->rows; row++)
                add_tile(problem, &panel, row, 1);
        }
    }
    if (tiled_outputs < problem->outputs)
        add_edge(problem, tiled_outputs);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void multiply_avx2(const struct problem *problem)
{
    multiply_blocked(problem);
}
#endif

void multiply(float *restrict product, const float *restrict inputs, const float *restrict matrix,
              size_t rows, size_t terms, size_t outputs)
{
    const struct problem problem = {product, inputs, matrix, rows, terms, outputs};
    memset(product, 0, rows * outputs * sizeof *product);
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        multiply_avx2(&problem);
        return;
    }
#endif
    multiply_blocked(&problem);
}
