// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Cases from random numbers. Sizes are mostly small, so that there are many cases, and often near
 * what the code treats apart: nothing, one element, a group, a block.
 */
#include <stdio.h>
#include <string.h>

#include "all_formats.h"
#include "coll/call.h"
#include "stress.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* Elements of all buffers of a call: mostly, and now and then. */
#define CALL_ELEMS_MAX       200000
#define LARGE_CALL_ELEMS_MAX 2000000
#define HUGE_CALL_BYTES      ((size_t)8 << 20)

static int one_in(uint64_t *state, size_t n)
{
    return test_random_below(state, n) == 0;
}

static size_t count_operations(void)
{
    size_t count = 0;
    while (stress_operation_at(count) != NULL) {
        count++;
    }
    return count;
}

static size_t chunks_end(const struct stress_call *call, const size_t *offsets,
                         const size_t *counts, size_t stride)
{
    size_t end = 0;
    for (size_t peer = 0; peer < (size_t)call->ranks; peer++) {
        const size_t chunk_end = offsets[peer] + counts[peer * stride];
        end = chunk_end > end ? chunk_end : end;
    }
    return end;
}

size_t stress_send_elems(const struct stress_call *call, int rank)
{
    if (call->operation->has_own_counts) {
        return chunks_end(call, call->send_at[rank], call->counts[rank], 1);
    }
    return call->operation->is_send_world ? (size_t)call->ranks * call->count : call->count;
}

size_t stress_recv_elems(const struct stress_call *call, int rank)
{
    if (call->operation->has_own_counts) {
        return chunks_end(call, call->recv_at[rank], &call->counts[0][rank], STRESS_RANKS_MAX);
    }
    return call->operation->is_recv_world ? (size_t)call->ranks * call->count : call->count;
}

static flc_format draw_format(uint64_t *state)
{
    flc_format format = {0};
    const size_t kind = test_random_below(state, 10);
    size_t presets = 0;
    if (kind < 2) {
        return format; /* raw */
    }
    if (kind > 2) {
        return all_formats_at((int)test_random_below(state, ALL_FORMATS));
    }
    while (flc_preset_at(presets, NULL, NULL, NULL) == FLC_OK) {
        presets++;
    }
    (void)flc_preset_at(test_random_below(state, presets), NULL, &format, NULL);
    return format;
}

int stress_has_algorithm(const struct stress_operation *operation, const char *name)
{
    flc_item item;
    int is_found = 0;
    for (size_t i = 0; flc_describe(FLC_KIND_ALGORITHM, i, &item) == FLC_OK; i++) {
        is_found |= strcmp(item.value, operation->name) == 0 && strcmp(item.name, name) == 0;
    }
    return is_found;
}

/* Any there is for the operation, or with NULL for any operation; or "auto"; or "", none. */
static void draw_algorithm(uint64_t *state, const struct stress_operation *operation,
                           char algorithm[32])
{
    char names[10][32] = {"", "auto"};
    size_t count = 2;
    flc_item item;
    for (size_t i = 0; flc_describe(FLC_KIND_ALGORITHM, i, &item) == FLC_OK; i++) {
        if ((operation == NULL || strcmp(item.value, operation->name) == 0) &&
            count < LENGTH(names)) {
            memcpy(names[count++], item.name, sizeof item.name);
        }
    }
    memcpy(algorithm, names[test_random_below(state, count)], sizeof names[0]);
}

/* A few messages' worth, a little more or less; most formats of few bits come out too large. */
static size_t draw_pieces(uint64_t *state, const struct stress_case *c,
                          const struct stress_call *call)
{
    const size_t slot_bytes = c->workspace_bytes / (2 * (size_t)c->ranks) / 64 * 64;
    size_t reduce = 0, gather = 0, elems, chunks;
    (void)flc_format_wire_bytes(call->reduce, call->type, FLC_BLOCK_ELEMS, &reduce);
    (void)flc_format_wire_bytes(call->gather, call->type, FLC_BLOCK_ELEMS, &gather);
    elems = (slot_bytes - FLCI_MESSAGE_HEADER_BYTES) / (reduce > gather ? reduce : gather) *
            FLC_BLOCK_ELEMS;
    chunks = strcmp(call->operation->name, "all_reduce") == 0 && one_in(state, 2)
                 ? (size_t)call->ranks
                 : 1;
    return chunks * (1 + test_random_below(state, 6)) * elems + test_random_below(state, 3) - 1;
}

static size_t draw_count(uint64_t *state, const struct stress_case *c,
                         const struct stress_call *call)
{
    static const size_t special[] = {0, 0, 1, 2, 15, 16, 17, 127, 128, 129};
    const struct stress_operation *operation = call->operation;
    const size_t ranks = (size_t)call->ranks;
    const size_t chunks =
        ranks * ((operation->is_send_world ? ranks : 1) + (operation->is_recv_world ? ranks : 1));
    const size_t large = LARGE_CALL_ELEMS_MAX / chunks;
    const size_t limit = one_in(state, 40) ? large : CALL_ELEMS_MAX / chunks;
    const size_t magnitude = (size_t)1 << test_random_below(state, 21);
    size_t count = magnitude + test_random_below(state, magnitude), pieces = 0;
    count = count < limit ? count : test_random_below(state, limit + 1);
    switch (test_random_below(state, 5)) {
    case 0:
        return special[test_random_below(state, LENGTH(special))];
    case 1: /* around a multiple of a block */
        return count / FLC_BLOCK_ELEMS * FLC_BLOCK_ELEMS + FLC_BLOCK_ELEMS - 1 +
               test_random_below(state, 3);
    case 2:
        pieces = c->workspace_bytes == 0 ? 0 : draw_pieces(state, c, call);
        return pieces > 0 && pieces < large / 2 ? pieces : count;
    default:
        return count;
    }
}

/* Where chunks of these sizes lie: in any order, with gaps; in one buffer or two. */
static void place_chunks(uint64_t *state, const struct stress_call *call, int rank, size_t *send_at,
                         size_t *recv_at)
{
    const size_t ranks = (size_t)call->ranks;
    size_t order[2 * STRESS_RANKS_MAX], send_end = 0, recv_end = 0;
    for (size_t i = 0; i < 2 * ranks; i++) {
        const size_t other = test_random_below(state, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    for (size_t i = 0; i < 2 * ranks; i++) {
        const size_t peer = order[i] / 2, is_send = order[i] % 2;
        size_t *end = is_send || call->is_in_place ? &send_end : &recv_end;
        *end += one_in(state, 2) ? 0 : test_random_below(state, 20);
        *(is_send ? &send_at[peer] : &recv_at[peer]) = *end;
        *end += is_send ? call->counts[rank][peer] : call->counts[peer][rank];
    }
    for (size_t peer = 0; peer < ranks && !call->is_in_place && one_in(state, 8); peer++) {
        send_at[peer] = 0; /* sent chunks may overlap */
    }
}

static void draw_chunks(uint64_t *state, struct stress_call *call)
{
    for (int source = 0; source < call->ranks; source++) {
        for (int dest = 0; dest < call->ranks; dest++) {
            const size_t other = test_random_below(state, call->count + 1);
            const size_t sizes[] = {0, call->count, other, other / 16};
            call->counts[source][dest] = sizes[test_random_below(state, LENGTH(sizes))];
        }
    }
    for (int rank = 0; rank < call->ranks; rank++) {
        place_chunks(state, call, rank, call->send_at[rank], call->recv_at[rank]);
    }
}

/* Mostly plain data: hostile kinds hide differences behind NaN. */
static enum test_data draw_data(uint64_t *state)
{
    static const enum test_data plain[] = {TEST_GAUSSIAN, TEST_GAUSSIAN, TEST_OUTLIERS, TEST_MIXED};
    return one_in(state, 2) ? plain[test_random_below(state, LENGTH(plain))]
                            : (enum test_data)test_random_below(state, TEST_DATA_KINDS);
}

/* Large raw results take a way of their own to memory. */
static void make_huge(uint64_t *state, struct stress_call *call)
{
    call->has_config = 1;
    call->reduce = call->gather = (flc_format){.bits = 0};
    call->count = HUGE_CALL_BYTES / flc_type_bytes(call->type) + test_random_below(state, 9000);
}

static void draw_call(uint64_t *state, const struct stress_case *c, struct stress_call *call)
{
    call->operation = stress_operation_at(test_random_below(state, count_operations()));
    call->ranks = c->ranks;
    call->type = (flc_type)test_random_below(state, ALL_TYPES);
    call->op = one_in(state, 2) ? FLC_SUM : FLC_AVG;
    call->has_config = !one_in(state, 8);
    if (call->has_config) {
        call->reduce = draw_format(state);
        call->gather = one_in(state, 3) ? call->reduce : draw_format(state);
        call->flags = one_in(state, 2) ? FLC_INVARIANT : 0;
        draw_algorithm(state, call->operation, call->algorithm);
    } else {
        call->reduce = c->coll.reduce;
        call->gather = c->coll.gather;
        call->flags = c->coll.flags;
    }
    call->count = draw_count(state, c, call);
    if (one_in(state, 300) && c->ranks <= 3) {
        make_huge(state, call);
    }
    call->is_in_place = one_in(state, 2);
    if (call->operation->has_own_counts) {
        draw_chunks(state, call);
    }
    call->root = (int)test_random_below(state, (size_t)c->ranks);
    call->guard_bytes = one_in(state, 3) ? 0 : 64;
    for (int rank = 0; rank < c->ranks; rank++) {
        call->front_elems[rank] = test_random_below(state, 40);
    }
    call->data = draw_data(state);
    call->seed = test_random(state);
}

static size_t draw_workspace(uint64_t *state, int ranks)
{
    const size_t slot_bytes = FLCI_MESSAGE_HEADER_BYTES + FLCI_BLOCK_MAX_BYTES;
    const size_t least = 2 * (size_t)ranks * slot_bytes;
    switch (test_random_below(state, 4)) {
    case 0:
        return 0;
    case 1:
        return least + test_random_below(state, 8 * least);
    default: /* as many pieces as there can be */
        return least + test_random_below(state, 64);
    }
}

/* Any row there is, the fastest more often than the others. */
static void draw_row(uint64_t *state, struct stress_case *c)
{
    size_t rows = 0;
    flc_item item;
    while (flc_describe(FLC_KIND_CODEC, rows, &item) == FLC_OK) {
        rows++;
    }
    if (one_in(state, 2)) {
        (void)flc_describe(FLC_KIND_CODEC, test_random_below(state, rows), &item);
        memcpy(c->row, item.name, sizeof c->row);
    }
}

void stress_draw(uint64_t seed, uint64_t index, struct stress_case *c)
{
    static const int many[] = {2, 2, 3, 4, 5, 6, 7, 8, 9, 16};
    uint64_t mixed = index, state;
    memset(c, 0, sizeof *c);
    state = seed ^ test_random(&mixed);
    c->seed = seed;
    c->index = index;
    c->ranks = one_in(&state, 16) ? 1 : many[test_random_below(&state, LENGTH(many))];
    c->world =
        one_in(&state, 16) ? (one_in(&state, 2) ? STRESS_JOB : STRESS_BOOTSTRAP) : STRESS_THREADS;
    c->workspace_bytes = draw_workspace(&state, c->ranks);
    draw_row(&state, c);
    c->coll = (flc_coll_config)FLC_COLL_CONFIG_INIT;
    c->coll.reduce = draw_format(&state);
    c->coll.gather = draw_format(&state);
    c->coll.flags = one_in(&state, 2) ? FLC_INVARIANT : 0;
    draw_algorithm(&state, NULL, c->algorithm);
    c->calls = (int)(1 + test_random_below(&state, STRESS_CALLS_MAX));
    for (int i = 0; i < c->calls; i++) {
        draw_call(&state, c, &c->call[i]);
    }
}
