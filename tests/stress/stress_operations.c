// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The operations: how each is called, and what it must write, as docs/algorithms.md and the public
 * header say it, computed one rank after the other without messages or pieces.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reduce_reference.h"
#include "stress.h"

/* ---- Helpers ---- */

static size_t bytes_of(const struct stress_call *call, size_t elems)
{
    return elems * flc_type_bytes(call->type);
}

static const void *at(const struct stress_call *call, const void *elems, size_t index)
{
    return (const uint8_t *)elems + bytes_of(call, index);
}

static void *to(const struct stress_call *call, void *elems, size_t index)
{
    return (uint8_t *)elems + bytes_of(call, index);
}

static uint64_t wire_bytes(const struct stress_call *call, flc_format format, size_t elems)
{
    size_t bytes = 0;
    if (flc_format_wire_bytes(format, call->type, elems, &bytes) != FLC_OK) {
        abort();
    }
    return bytes;
}

static void copy(const struct stress_call *call, const void *from, size_t elems, void *into)
{
    if (elems > 0) {
        memcpy(into, from, bytes_of(call, elems));
    }
}

/* What `elems` elements decode to after they were encoded. */
static void pass(const struct stress_call *call, const void *from, size_t elems, void *into)
{
    const size_t bytes = (size_t)wire_bytes(call, call->gather, elems);
    uint8_t *wire = malloc(bytes + 1);
    if (wire == NULL ||
        flc_encode(call->gather, call->type, from, elems, wire, bytes, NULL) != FLC_OK ||
        flc_decode(call->gather, call->type, wire, bytes, into, elems) != FLC_OK) {
        fprintf(stderr, "the model's codec: %s\n", flc_last_error(NULL));
        abort();
    }
    free(wire);
}

/* As the exact copy that stays on its rank, or through the codec. */
static void move(const struct stress_call *call, int is_exact, const void *from, size_t elems,
                 void *into)
{
    (is_exact || call->ranks == 1 ? copy : pass)(call, from, elems, into);
}

/* ---- all_reduce and reduce_scatter ---- */

static flc_status run_all_reduce(const struct stress_call *call, flc_comm *comm, const void *send,
                                 void *recv, const flc_coll_config *config)
{
    return flc_all_reduce(comm, send, recv, call->count, call->type, call->op, config);
}

static struct reduce_call reduce_of(const struct stress_call *call)
{
    return (struct reduce_call){
        .ranks = call->ranks,
        .count = call->count,
        .type = call->type,
        .op = call->op,
        .reduce = call->reduce,
        .gather = call->gather,
        .flags = call->flags,
        .is_oneshot = strcmp(call->ran, "oneshot") == 0,
    };
}

static uint64_t sent_by_all_reduce(const struct stress_call *call, int rank)
{
    const struct reduce_call reduce = reduce_of(call);
    return reduce_reference_sent_bytes(&reduce, rank);
}

static void expect_all_reduce(const struct stress_call *call, const void *const *inputs,
                              void *const *outputs)
{
    const struct reduce_call reduce = reduce_of(call);
    reduce_reference(&reduce, inputs, outputs[0]);
    for (int rank = 1; rank < call->ranks; rank++) {
        copy(call, outputs[0], call->count, outputs[rank]);
    }
}

static flc_status run_reduce_scatter(const struct stress_call *call, flc_comm *comm,
                                     const void *send, void *recv, const flc_coll_config *config)
{
    return flc_reduce_scatter(comm, send, recv, call->count, call->type, call->op, config);
}

static uint64_t sent_by_reduce_scatter(const struct stress_call *call, int rank)
{
    (void)rank;
    return (uint64_t)(call->ranks - 1) * wire_bytes(call, call->reduce, call->count);
}

static void expect_reduce_scatter(const struct stress_call *call, const void *const *inputs,
                                  void *const *outputs)
{
    struct reduce_call reduce = reduce_of(call);
    reduce.is_scatter = 1;
    for (int rank = 0; rank < call->ranks; rank++) {
        const void *chunks[STRESS_RANKS_MAX];
        for (int source = 0; source < call->ranks; source++) {
            chunks[source] = at(call, inputs[source], (size_t)rank * call->count);
        }
        reduce.owner = rank;
        reduce_reference(&reduce, chunks, outputs[rank]);
    }
}

/* ---- all_gather and broadcast ---- */

static flc_status run_all_gather(const struct stress_call *call, flc_comm *comm, const void *send,
                                 void *recv, const flc_coll_config *config)
{
    return flc_all_gather(comm, send, recv, call->count, call->type, config);
}

static uint64_t sent_to_peers(const struct stress_call *call, int rank)
{
    (void)rank;
    return (uint64_t)(call->ranks - 1) * wire_bytes(call, call->gather, call->count);
}

static void expect_all_gather(const struct stress_call *call, const void *const *inputs,
                              void *const *outputs)
{
    for (int source = 0; source < call->ranks; source++) {
        const size_t chunk = (size_t)source * call->count;
        move(call, 0, inputs[source], call->count, to(call, outputs[0], chunk));
    }
    for (int rank = 1; rank < call->ranks; rank++) {
        copy(call, outputs[0], (size_t)call->ranks * call->count, outputs[rank]);
    }
}

static flc_status run_broadcast(const struct stress_call *call, flc_comm *comm, const void *send,
                                void *recv, const flc_coll_config *config)
{
    const int rank = flc_comm_rank(comm);
    const void *from = rank == call->root || rank % 2 == 0 ? send : NULL;
    return flc_broadcast(comm, from, recv, call->count, call->type, call->root, config);
}

static uint64_t sent_by_broadcast(const struct stress_call *call, int rank)
{
    return rank == call->root ? sent_to_peers(call, rank) : 0;
}

static void expect_broadcast(const struct stress_call *call, const void *const *inputs,
                             void *const *outputs)
{
    for (int rank = 0; rank < call->ranks; rank++) {
        move(call, rank == call->root, inputs[call->root], call->count, outputs[rank]);
    }
}

/* ---- all_to_all and all_to_all_v ---- */

static flc_status run_all_to_all(const struct stress_call *call, flc_comm *comm, const void *send,
                                 void *recv, const flc_coll_config *config)
{
    return flc_all_to_all(comm, send, recv, call->count, call->type, config);
}

static void expect_all_to_all(const struct stress_call *call, const void *const *inputs,
                              void *const *outputs)
{
    for (int source = 0; source < call->ranks; source++) {
        for (int dest = 0; dest < call->ranks; dest++) {
            move(call, source == dest, at(call, inputs[source], (size_t)dest * call->count),
                 call->count, to(call, outputs[dest], (size_t)source * call->count));
        }
    }
}

static flc_status run_all_to_all_v(const struct stress_call *call, flc_comm *comm, const void *send,
                                   void *recv, const flc_coll_config *config)
{
    const int rank = flc_comm_rank(comm);
    size_t recv_counts[STRESS_RANKS_MAX] = {0};
    for (int source = 0; source < call->ranks; source++) {
        recv_counts[source] = call->counts[source][rank];
    }
    return flc_all_to_all_v(comm, send, call->counts[rank], call->send_at[rank], recv, recv_counts,
                            call->recv_at[rank], call->type, config);
}

static uint64_t sent_by_all_to_all_v(const struct stress_call *call, int rank)
{
    uint64_t bytes = 0;
    for (int dest = 0; dest < call->ranks; dest++) {
        bytes += dest == rank ? 0 : wire_bytes(call, call->gather, call->counts[rank][dest]);
    }
    return bytes;
}

static void expect_all_to_all_v(const struct stress_call *call, const void *const *inputs,
                                void *const *outputs)
{
    for (int source = 0; source < call->ranks; source++) {
        for (int dest = 0; dest < call->ranks; dest++) {
            move(call, source == dest, at(call, inputs[source], call->send_at[source][dest]),
                 call->counts[source][dest], to(call, outputs[dest], call->recv_at[dest][source]));
        }
    }
}

/* ---- The table ---- */

static const struct stress_operation operations[] = {
    {
        .name = "all_reduce",
        .is_reduction = 1,
        .run = run_all_reduce,
        .sent_bytes = sent_by_all_reduce,
        .expect = expect_all_reduce,
    },
    {
        .name = "reduce_scatter",
        .is_send_world = 1,
        .is_reduction = 1,
        .is_in_place_at_rank = 1,
        .run = run_reduce_scatter,
        .sent_bytes = sent_by_reduce_scatter,
        .expect = expect_reduce_scatter,
    },
    {
        .name = "all_gather",
        .is_recv_world = 1,
        .is_in_place_at_rank = 1,
        .run = run_all_gather,
        .sent_bytes = sent_to_peers,
        .expect = expect_all_gather,
    },
    {
        .name = "all_to_all",
        .is_send_world = 1,
        .is_recv_world = 1,
        .run = run_all_to_all,
        .sent_bytes = sent_to_peers,
        .expect = expect_all_to_all,
    },
    {
        .name = "all_to_all_v",
        .is_send_world = 1,
        .is_recv_world = 1,
        .has_own_counts = 1,
        .run = run_all_to_all_v,
        .sent_bytes = sent_by_all_to_all_v,
        .expect = expect_all_to_all_v,
    },
    {
        .name = "broadcast",
        .run = run_broadcast,
        .sent_bytes = sent_by_broadcast,
        .expect = expect_broadcast,
    },
};

const struct stress_operation *stress_operation_at(size_t index)
{
    return index < sizeof operations / sizeof operations[0] ? &operations[index] : NULL;
}
