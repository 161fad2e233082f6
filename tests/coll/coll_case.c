// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Calls of collectives and their reference: coll_case.h.
 */
#include "coll_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reduce_reference.h"

static void give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, flc_last_error(NULL));
    abort();
}

static flc_coll_config config_of(const struct coll_case *it)
{
    flc_coll_config config = FLC_COLL_CONFIG_INIT;
    if (flc_format_parse_pair(it->format, &config.reduce, &config.gather) != FLC_OK) {
        give_up(it->format);
    }
    config.flags = it->flags;
    return config;
}

const char *coll_case_name(const struct coll_case *it)
{
    static const char *const names[COLL_KINDS] = {"reduce_scatter", "all_gather", "all_to_all",
                                                  "all_to_all_v", "broadcast"};
    return names[it->kind];
}

/* ---- Layout ---- */

/* What rank `from` sends to rank `to`: nothing, all, or some of it. */
static size_t pair_count(const struct coll_case *it, int from, int to)
{
    uint64_t state = it->seed * 4096 + (uint64_t)from * 64 + (uint64_t)to;
    const uint64_t random = test_random(&state);
    return random % 4 == 0   ? 0
           : random % 4 == 1 ? it->count
                             : test_random_below(&state, it->count + 1);
}

/* Chunks in falling order of rank, with gaps: an order of their own is the caller's right. */
static size_t lay_out(const struct coll_case *it, int ranks, int rank, int is_send, size_t *counts,
                      size_t *offsets)
{
    size_t end = 0;
    for (int peer = ranks - 1; peer >= 0; peer--) {
        counts[peer] = is_send ? pair_count(it, rank, peer) : pair_count(it, peer, rank);
        offsets[peer] = end + (size_t)(rank + peer) % 3;
        end = offsets[peer] + counts[peer];
    }
    return end;
}

void coll_case_send_layout(const struct coll_case *it, int ranks, int rank, size_t *counts,
                           size_t *offsets)
{
    (void)lay_out(it, ranks, rank, 1, counts, offsets);
}

void coll_case_recv_layout(const struct coll_case *it, int ranks, int rank, size_t *counts,
                           size_t *offsets)
{
    (void)lay_out(it, ranks, rank, 0, counts, offsets);
}

static size_t elems(const struct coll_case *it, int ranks, int rank, int is_send)
{
    size_t counts[FLC_MAX_RANKS], offsets[FLC_MAX_RANKS];
    const int is_many = it->kind == COLL_ALL_TO_ALL ||
                        it->kind == (is_send ? COLL_REDUCE_SCATTER : COLL_ALL_GATHER);
    return it->kind == COLL_ALL_TO_ALL_V ? lay_out(it, ranks, rank, is_send, counts, offsets)
           : is_many                     ? (size_t)ranks * it->count
                                         : it->count;
}

size_t coll_case_send_elems(const struct coll_case *it, int ranks, int rank)
{
    return elems(it, ranks, rank, 1);
}

size_t coll_case_recv_elems(const struct coll_case *it, int ranks, int rank)
{
    return elems(it, ranks, rank, 0);
}

size_t coll_case_in_place_at(const struct coll_case *it, int rank)
{
    return it->kind == COLL_REDUCE_SCATTER || it->kind == COLL_ALL_GATHER ? (size_t)rank * it->count
                                                                          : 0;
}

flc_status coll_case_call(const struct coll_case *it, flc_comm *comm, const void *send, void *recv)
{
    const flc_coll_config config = config_of(it);
    const int ranks = flc_comm_ranks(comm), rank = flc_comm_rank(comm);
    size_t send_counts[FLC_MAX_RANKS], send_offsets[FLC_MAX_RANKS];
    size_t recv_counts[FLC_MAX_RANKS], recv_offsets[FLC_MAX_RANKS];
    switch (it->kind) {
    case COLL_REDUCE_SCATTER:
        return flc_reduce_scatter(comm, send, recv, it->count, it->type, it->op, &config);
    case COLL_ALL_GATHER:
        return flc_all_gather(comm, send, recv, it->count, it->type, &config);
    case COLL_ALL_TO_ALL:
        return flc_all_to_all(comm, send, recv, it->count, it->type, &config);
    case COLL_ALL_TO_ALL_V:
        coll_case_send_layout(it, ranks, rank, send_counts, send_offsets);
        coll_case_recv_layout(it, ranks, rank, recv_counts, recv_offsets);
        return flc_all_to_all_v(comm, send, send_counts, send_offsets, recv, recv_counts,
                                recv_offsets, it->type, &config);
    default:
        return flc_broadcast(comm, rank == it->root ? send : NULL, recv, it->count, it->type,
                             it->root, &config);
    }
}

/* ---- Reference ---- */

static const void *elem_at(const struct coll_case *it, const void *elems_of, size_t at)
{
    return (const uint8_t *)elems_of + at * flc_type_bytes(it->type);
}

static void copy_exactly(const struct coll_case *it, const void *from, size_t n, void *recv,
                         size_t at)
{
    memcpy((uint8_t *)recv + at * flc_type_bytes(it->type), from, n * flc_type_bytes(it->type));
}

/* Elements through the gather format. */
static void copy_coded(const struct coll_case *it, const void *from, size_t n, void *recv,
                       size_t at)
{
    const flc_format format = config_of(it).gather;
    size_t bytes = 0;
    uint8_t *wire = NULL;
    if (flc_format_wire_bytes(format, it->type, n, &bytes) == FLC_OK) {
        wire = malloc(bytes + 1);
    }
    if (wire == NULL) {
        give_up("wire size");
        return;
    }
    if (flc_encode(format, it->type, from, n, wire, bytes, NULL) != FLC_OK ||
        flc_decode(format, it->type, wire, bytes, (uint8_t *)recv + at * flc_type_bytes(it->type),
                   n) != FLC_OK) {
        give_up("the reference's codec");
    }
    free(wire);
}

static void copy_chunk(const struct coll_case *it, int is_exact, const void *from, size_t n,
                       void *recv, size_t at)
{
    if (n > 0) {
        (is_exact ? copy_exactly : copy_coded)(it, from, n, recv, at);
    }
}

static struct reduce_call reduction_of(const struct coll_case *it, int ranks, int rank)
{
    const flc_coll_config config = config_of(it);
    return (struct reduce_call){.ranks = ranks,
                                .count = it->count,
                                .type = it->type,
                                .op = it->op,
                                .reduce = config.reduce,
                                .gather = config.gather,
                                .flags = it->flags,
                                .is_scatter = 1,
                                .owner = rank};
}

static void expect_reduced(const struct coll_case *it, int ranks, int rank,
                           const void *const *inputs, void *recv)
{
    const struct reduce_call call = reduction_of(it, ranks, rank);
    const void *chunks[FLC_MAX_RANKS];
    for (int peer = 0; peer < ranks; peer++) {
        chunks[peer] = elem_at(it, inputs[peer], (size_t)rank * it->count);
    }
    reduce_reference(&call, chunks, recv);
}

static void expect_exchanged(const struct coll_case *it, int ranks, int rank,
                             const void *const *inputs, void *recv)
{
    size_t counts[FLC_MAX_RANKS], recv_offsets[FLC_MAX_RANKS], send_offsets[FLC_MAX_RANKS];
    coll_case_recv_layout(it, ranks, rank, counts, recv_offsets);
    for (int from = 0; from < ranks; from++) {
        coll_case_send_layout(it, ranks, from, counts, send_offsets);
        copy_chunk(it, from == rank, elem_at(it, inputs[from], send_offsets[rank]), counts[rank],
                   recv, recv_offsets[from]);
    }
}

void coll_case_expect(const struct coll_case *it, int ranks, int rank, const void *const *inputs,
                      void *recv)
{
    switch (it->kind) {
    case COLL_REDUCE_SCATTER:
        expect_reduced(it, ranks, rank, inputs, recv);
        return;
    case COLL_ALL_TO_ALL_V:
        expect_exchanged(it, ranks, rank, inputs, recv);
        return;
    case COLL_BROADCAST:
        copy_chunk(it, rank == it->root, inputs[it->root], it->count, recv, 0);
        return;
    default:
        for (int from = 0; from < ranks; from++) {
            const int is_gather = it->kind == COLL_ALL_GATHER;
            const size_t at = is_gather ? 0 : (size_t)rank * it->count;
            copy_chunk(it, ranks == 1 || (from == rank && !is_gather),
                       elem_at(it, inputs[from], at), it->count, recv, (size_t)from * it->count);
        }
        return;
    }
}

/* ---- What is sent and encoded ---- */

static uint64_t wire_bytes(const struct coll_case *it, size_t n)
{
    const flc_coll_config config = config_of(it);
    size_t bytes = 0;
    if (flc_format_wire_bytes(it->kind == COLL_REDUCE_SCATTER ? config.reduce : config.gather,
                              it->type, n, &bytes) != FLC_OK) {
        give_up("wire size");
    }
    return bytes;
}

static uint64_t group_count(const struct coll_case *it, size_t n)
{
    const flc_coll_config config = config_of(it);
    const flc_format format = it->kind == COLL_REDUCE_SCATTER ? config.reduce : config.gather;
    return format.bits == 0 ? 0 : (n + format.group - 1) / format.group;
}

/* Sum of what(chunk) over the chunks a rank sends; those to all count `copies` times. */
static uint64_t sum_sent(const struct coll_case *it, int ranks, int rank, uint64_t copies,
                         uint64_t (*what)(const struct coll_case *it, size_t n))
{
    uint64_t sum = 0;
    if (ranks == 1 || (it->kind == COLL_BROADCAST && rank != it->root)) {
        return 0;
    }
    if (it->kind == COLL_ALL_GATHER || it->kind == COLL_BROADCAST) {
        return copies * what(it, it->count);
    }
    for (int peer = 0; peer < ranks; peer++) {
        if (peer != rank) {
            sum += what(it, it->kind == COLL_ALL_TO_ALL_V ? pair_count(it, rank, peer) : it->count);
        }
    }
    return sum;
}

uint64_t coll_case_sent_bytes(const struct coll_case *it, int ranks, int rank)
{
    return sum_sent(it, ranks, rank, (uint64_t)ranks - 1, wire_bytes);
}

uint64_t coll_case_groups(const struct coll_case *it, int ranks, int rank)
{
    const int codes_own = it->kind == COLL_REDUCE_SCATTER && (it->flags & FLC_INVARIANT) != 0;
    return sum_sent(it, ranks, rank, 1, group_count) +
           (codes_own && ranks > 1 ? group_count(it, it->count) : 0);
}
