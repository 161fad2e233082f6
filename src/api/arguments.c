// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Arguments of the collectives: arguments.h.
 */
#include "api/arguments.h"

#include "base/error.h"

/* A buffer of a call, to be compared with others. */
struct extent {
    uintptr_t at;
    size_t bytes;
};

static int is_overlap(struct extent a, struct extent b)
{
    return a.bytes > 0 && b.bytes > 0 && a.at < b.at + b.bytes && b.at < a.at + a.bytes;
}

/* `factor` times `count` elements must be a size; half of all, so that no sum of two overflows. */
static flc_status check_count(const char *name, size_t count, size_t factor, flc_type type)
{
    const size_t most = SIZE_MAX / flc_type_bytes(type) / 2 / factor;
    if (count > most) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is %zu: allowed are up to %zu", name, count,
                         most);
    }
    return FLC_OK;
}

static flc_status check_pointer(const char *name, const void *pointer, flc_type type)
{
    if (pointer == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is NULL", name);
    }
    if ((uintptr_t)pointer % flc_type_bytes(type) != 0) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is %p: not aligned to an element of %s", name,
                         pointer, flc_type_name(type));
    }
    return FLC_OK;
}

/*
 * Buffers of `send_chunks` and `recv_chunks` times call->count elements. They may overlap where
 * chunk `in_place` of the larger one is the smaller one.
 */
static flc_status check_buffers(const struct flci_call *call, const char *count_name,
                                size_t send_chunks, size_t recv_chunks, size_t in_place)
{
    const size_t chunk = call->count * flc_type_bytes(call->type);
    const size_t chunks = send_chunks > recv_chunks ? send_chunks : recv_chunks;
    const struct extent send = {(uintptr_t)call->send, send_chunks * chunk};
    const struct extent recv = {(uintptr_t)call->recv, recv_chunks * chunk};
    FLCI_TRY(check_count(count_name, call->count, chunks, call->type));
    if (call->count == 0) {
        return FLC_OK;
    }
    FLCI_TRY(check_pointer("send", call->send, call->type));
    FLCI_TRY(check_pointer("recv", call->recv, call->type));
    if (send_chunks == recv_chunks && is_overlap(send, recv) && send.at != recv.at) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "send and recv overlap: they must be equal (in place) or apart");
    }
    if (send_chunks > recv_chunks && is_overlap(send, recv) &&
        recv.at != send.at + in_place * chunk) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "send and recv overlap: recv must be send + rank * %s (in place) or apart",
                         count_name);
    }
    if (send_chunks < recv_chunks && is_overlap(send, recv) &&
        send.at != recv.at + in_place * chunk) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "send and recv overlap: send must be recv + rank * %s (in place) or apart",
                         count_name);
    }
    return FLC_OK;
}

static flc_status check_broadcast(const struct flci_call *call, int rank, int ranks)
{
    if (call->root < 0 || call->root >= ranks) {
        return flci_fail(FLC_ERR_INVALID_ARG, "root is %d: allowed are 0 to %d", call->root,
                         ranks - 1);
    }
    if (rank == call->root) {
        return check_buffers(call, "count", 1, 1, 0);
    }
    FLCI_TRY(check_count("count", call->count, 1, call->type));
    return call->count == 0 ? FLC_OK : check_pointer("recv", call->recv, call->type);
}

/* ---- Counts and offsets ---- */

struct chunks {
    const char *name, *counts_name, *offsets_name;
    const void *buffer;
    const size_t *counts, *offsets;
};

static struct extent chunk_extent(const struct chunks *c, int rank, flc_type type)
{
    const size_t size = flc_type_bytes(type);
    return (struct extent){(uintptr_t)c->buffer + c->offsets[rank] * size, c->counts[rank] * size};
}

static flc_status check_chunks(const struct chunks *c, int ranks, flc_type type)
{
    const size_t most = SIZE_MAX / flc_type_bytes(type) / 2;
    size_t total = 0;
    if (c->counts == NULL || c->offsets == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is NULL",
                         c->counts == NULL ? c->counts_name : c->offsets_name);
    }
    for (int rank = 0; rank < ranks; rank++) {
        if (c->counts[rank] > most || c->offsets[rank] > most - c->counts[rank]) {
            return flci_fail(FLC_ERR_INVALID_ARG,
                             "%s[%d] is %zu and %s[%d] is %zu: allowed are up to %zu in all",
                             c->counts_name, rank, c->counts[rank], c->offsets_name, rank,
                             c->offsets[rank], most);
        }
        total |= c->counts[rank];
    }
    return total == 0 ? FLC_OK : check_pointer(c->name, c->buffer, type);
}

static flc_status check_all_to_all_v(const struct flci_call *call, int ranks)
{
    const struct chunks send = {"send",     "send_counts",     "send_offsets",
                                call->send, call->send_counts, call->send_offsets};
    const struct chunks recv = {"recv",     "recv_counts",     "recv_offsets",
                                call->recv, call->recv_counts, call->recv_offsets};
    FLCI_TRY(check_chunks(&send, ranks, call->type));
    FLCI_TRY(check_chunks(&recv, ranks, call->type));
    for (int a = 0; a < ranks; a++) {
        const struct extent chunk = chunk_extent(&recv, a, call->type);
        for (int b = 0; b < ranks; b++) {
            if (b > a && is_overlap(chunk, chunk_extent(&recv, b, call->type))) {
                return flci_fail(FLC_ERR_INVALID_ARG,
                                 "chunks %d and %d of recv overlap: recv_offsets are %zu and %zu, "
                                 "recv_counts %zu and %zu",
                                 a, b, recv.offsets[a], recv.offsets[b], recv.counts[a],
                                 recv.counts[b]);
            }
            if (is_overlap(chunk, chunk_extent(&send, b, call->type))) {
                return flci_fail(FLC_ERR_INVALID_ARG,
                                 "chunk %d of send and chunk %d of recv overlap: all_to_all_v does "
                                 "not work in place",
                                 b, a);
            }
        }
    }
    return FLC_OK;
}

flc_status flci_arguments_check(const struct flci_call *call, int rank, int ranks)
{
    const size_t chunks = (size_t)ranks, mine = (size_t)rank;
    const int reduces =
        call->collective == FLCI_ALL_REDUCE || call->collective == FLCI_REDUCE_SCATTER;
    if (reduces && call->op != FLC_SUM && call->op != FLC_AVG) {
        return flci_fail(FLC_ERR_INVALID_ARG, "op is %d: allowed are FLC_SUM and FLC_AVG",
                         (int)call->op);
    }
    FLCI_TRY(flci_type_check(call->type));
    switch (call->collective) {
    case FLCI_ALL_REDUCE:
        return check_buffers(call, "count", 1, 1, 0);
    case FLCI_REDUCE_SCATTER:
        return check_buffers(call, "recv_count", chunks, 1, mine);
    case FLCI_ALL_GATHER:
        return check_buffers(call, "send_count", 1, chunks, mine);
    case FLCI_ALL_TO_ALL:
        return check_buffers(call, "count", chunks, chunks, 0);
    case FLCI_ALL_TO_ALL_V:
        return check_all_to_all_v(call, ranks);
    case FLCI_BROADCAST:
        return check_broadcast(call, rank, ranks);
    }
    return flci_fail(FLC_ERR_INVALID_ARG, "collective is %d: unknown", (int)call->collective);
}
