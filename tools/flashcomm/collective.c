// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The collectives: see collective.h.
 */
#include "collective.h"

#include <string.h>

/* nccl-tests cuts a rank's share to a multiple of this. */
#define SHARE_BYTES 16

static double bus_all_reduce(int ranks)
{
    return 2.0 * (ranks - 1) / ranks;
}

static double bus_shared(int ranks)
{
    return (double)(ranks - 1) / ranks;
}

static double bus_one(int ranks)
{
    (void)ranks;
    return 1.0;
}

static flc_status call_all_reduce(const struct collective_call *c)
{
    return flc_all_reduce(c->comm, c->send, c->recv, c->count, c->type, c->op, c->config);
}

static flc_status call_reduce_scatter(const struct collective_call *c)
{
    return flc_reduce_scatter(c->comm, c->send, c->recv, c->count, c->type, c->op, c->config);
}

static flc_status call_all_gather(const struct collective_call *c)
{
    return flc_all_gather(c->comm, c->send, c->recv, c->count, c->type, c->config);
}

static flc_status call_all_to_all(const struct collective_call *c)
{
    return flc_all_to_all(c->comm, c->send, c->recv, c->count, c->type, c->config);
}

static flc_status call_broadcast(const struct collective_call *c)
{
    return flc_broadcast(c->comm, c->send, c->recv, c->count, c->type, c->root, c->config);
}

/* All hold the sum, so that of rank 0 stands for all. */
static bool segment_all_reduce(const struct collective_point *point, int index,
                               struct collective_segment *segment)
{
    (void)point;
    *segment = (struct collective_segment){.source = -1};
    return index == 0;
}

static bool segment_reduce_scatter(const struct collective_point *point, int index,
                                   struct collective_segment *segment)
{
    *segment = (struct collective_segment){
        .rank = index, .source = -1, .source_at = (size_t)index * point->count};
    return index < point->ranks;
}

static bool segment_all_gather(const struct collective_point *point, int index,
                               struct collective_segment *segment)
{
    *segment =
        (struct collective_segment){.result_at = (size_t)index * point->count, .source = index};
    return index < point->ranks;
}

static bool segment_all_to_all(const struct collective_point *point, int index,
                               struct collective_segment *segment)
{
    const int rank = index / point->ranks;
    const int source = index % point->ranks;
    *segment = (struct collective_segment){.rank = rank,
                                           .result_at = (size_t)source * point->count,
                                           .source = source,
                                           .source_at = (size_t)rank * point->count,
                                           .exact = rank == source};
    return rank < point->ranks;
}

/* The root's own result, and that of one other rank, which stands for all others. */
static bool segment_broadcast(const struct collective_point *point, int index,
                              struct collective_segment *segment)
{
    *segment = (struct collective_segment){.rank = index == 0 ? point->root
                                                              : collective_point_other_rank(point),
                                           .source = point->root,
                                           .exact = index == 0};
    return index == 0 || (index == 1 && point->ranks > 1);
}

static const struct collective collectives[] = {
    {.name = "all_reduce",
     .reduces = true,
     .formats = REDUCE_AND_GATHER,
     .equality = EQUAL_ALL_RANKS,
     .bus_factor = bus_all_reduce,
     .call = call_all_reduce,
     .segment = segment_all_reduce},
    {.name = "reduce_scatter",
     .reduces = true,
     .sends_all = true,
     .formats = REDUCE_ONLY,
     .bus_factor = bus_shared,
     .call = call_reduce_scatter,
     .segment = segment_reduce_scatter},
    {.name = "all_gather",
     .receives_all = true,
     .formats = GATHER_ONLY,
     .equality = EQUAL_ALL_RANKS,
     .bus_factor = bus_shared,
     .call = call_all_gather,
     .segment = segment_all_gather},
    {.name = "all_to_all",
     .sends_all = true,
     .receives_all = true,
     .formats = GATHER_ONLY,
     .bus_factor = bus_shared,
     .call = call_all_to_all,
     .segment = segment_all_to_all},
    {.name = "broadcast",
     .has_root = true,
     .formats = GATHER_ONLY,
     .equality = EQUAL_BUT_ROOT,
     .bus_factor = bus_one,
     .call = call_broadcast,
     .segment = segment_broadcast},
};

const struct collective *collective_at(size_t index)
{
    return index < sizeof collectives / sizeof collectives[0] ? &collectives[index] : NULL;
}

const struct collective *collective_find(const char *name)
{
    const struct collective *found;
    for (size_t i = 0; (found = collective_at(i)) != NULL; i++) {
        if (strcmp(found->name, name) == 0) {
            return found;
        }
    }
    return NULL;
}

void collective_point_set(struct collective_point *point, const struct collective *collective,
                          int ranks, size_t bytes, flc_type type)
{
    const size_t elem_bytes = flc_type_bytes(type);
    const size_t elems = bytes / elem_bytes;
    const size_t share =
        elems / (size_t)ranks / (SHARE_BYTES / elem_bytes) * (SHARE_BYTES / elem_bytes);
    const bool is_shared = collective->sends_all || collective->receives_all;
    const size_t count = is_shared ? share : elems;
    *point = (struct collective_point){
        .collective = collective,
        .ranks = ranks,
        .type = type,
        .count = count,
        .send_elems = collective->sends_all ? count * (size_t)ranks : count,
        .recv_elems = collective->receives_all ? count * (size_t)ranks : count,
    };
    point->bytes = collective_point_buffer_elems(point) * elem_bytes;
}

int collective_point_other_rank(const struct collective_point *point)
{
    return point->root == 0 ? 1 : 0;
}

size_t collective_point_buffer_elems(const struct collective_point *point)
{
    return point->send_elems > point->recv_elems ? point->send_elems : point->recv_elems;
}

size_t collective_point_send_at(const struct collective_point *point, int rank)
{
    return point->send_elems < point->recv_elems ? (size_t)rank * point->count : 0;
}

size_t collective_point_recv_at(const struct collective_point *point, int rank)
{
    return point->recv_elems < point->send_elems ? (size_t)rank * point->count : 0;
}
