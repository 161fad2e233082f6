// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The collectives of `flashcomm run` and `flashcomm perf`: one row of a table each, which says how
 * many elements a size stands for, how to call it, what its result must hold, and its bus
 * bandwidth.
 *
 * Sizes and bandwidths are those of nccl-tests: the size is that of the larger of the two buffers
 * of a rank, and a rank's share of it is cut to a multiple of 16 bytes.
 */
#ifndef COLLECTIVE_H
#define COLLECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "flashcomm/flashcomm.h"

struct collective_point;

/* One call of a rank. */
struct collective_call {
    flc_comm *comm;
    const void *send;
    void *recv;
    size_t count;
    flc_type type;
    flc_op op;
    int root;
    const flc_coll_config *config;
};

/*
 * Elements of one rank's result that must be what all ranks sent, summed, or what one sent,
 * copied, through the formats of the call.
 */
struct collective_segment {
    int rank;         /* whose result */
    size_t result_at; /* element */
    int source;       /* the rank it comes from; -1: the sum of all */
    size_t source_at; /* element of what the source sent */
    bool exact;       /* not encoded on its way */
};

/* Which formats of a call's configuration it sends in. */
enum collective_formats { REDUCE_AND_GATHER, REDUCE_ONLY, GATHER_ONLY };

enum collective_equality { EQUAL_NO_RANKS, EQUAL_ALL_RANKS, EQUAL_BUT_ROOT };

struct collective {
    const char *name;
    bool reduces;
    bool has_root;
    bool sends_all;    /* `count` elements to each rank, else `count` in all */
    bool receives_all; /* `count` elements from each rank, else `count` in all */
    enum collective_formats formats;
    enum collective_equality equality;
    double (*bus_factor)(int ranks);
    flc_status (*call)(const struct collective_call *call);
    /* Segment `index`, each of `count` elements; false where there is none. */
    bool (*segment)(const struct collective_point *point, int index,
                    struct collective_segment *segment);
};

/* NULL where there is no such collective. */
const struct collective *collective_find(const char *name);

/* The table: NULL after the last. */
const struct collective *collective_at(size_t index);

/* One size of one collective on one type: what a line is about. */
struct collective_point {
    const struct collective *collective;
    int ranks;
    flc_type type;
    flc_op op;
    int root;          /* 0 where there is none */
    size_t count;      /* elements: the call's */
    size_t send_elems; /* of a rank */
    size_t recv_elems;
    size_t bytes; /* the size as printed: that of the larger buffer */
};

/* What `bytes` stand for, or a little less. Sets `op` and `root` to 0. */
void collective_point_set(struct collective_point *point, const struct collective *collective,
                          int ranks, size_t bytes, flc_type type);

/* A rank that is not the root, which stands for all such: there must be 2 ranks or more. */
int collective_point_other_rank(const struct collective_point *point);

/* Elements of the larger buffer, which is the only one in place. */
size_t collective_point_buffer_elems(const struct collective_point *point);

/* Where the send and the receive buffer of a rank begin in it: elements. */
size_t collective_point_send_at(const struct collective_point *point, int rank);
size_t collective_point_recv_at(const struct collective_point *point, int rank);

#endif
