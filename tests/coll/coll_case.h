// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A call of reduce_scatter, all_gather, all_to_all, all_to_all_v or broadcast, and what it must do:
 * a plain sequential reading of the header and of docs/algorithms.md, without ranks that run,
 * messages or pieces. Only the codec is the library's.
 */
#ifndef COLL_CASE_H
#define COLL_CASE_H

#include "flashcomm/flashcomm.h"
#include "test_data.h"

enum coll_kind {
    COLL_REDUCE_SCATTER = 0,
    COLL_ALL_GATHER,
    COLL_ALL_TO_ALL,
    COLL_ALL_TO_ALL_V,
    COLL_BROADCAST,
    COLL_KINDS
};

struct coll_case {
    enum coll_kind kind;
    size_t count; /* elements of a chunk; of all_to_all_v the most there are in one */
    flc_type type;
    flc_op op;
    const char *format; /* of both steps, or a pair */
    uint32_t flags;
    int root;
    int is_in_place;     /* where there is such a thing */
    size_t offset_elems; /* of the buffers behind a 64-byte boundary */
    enum test_data data;
    uint64_t seed; /* rank r's input comes from seed + r; the counts of all_to_all_v too */
};

/* Elements of a rank's buffers, with the gaps of all_to_all_v. */
size_t coll_case_send_elems(const struct coll_case *it, int ranks, int rank);
size_t coll_case_recv_elems(const struct coll_case *it, int ranks, int rank);

/* Where recv begins in send, or send in recv: elements; for cases in place. */
size_t coll_case_in_place_at(const struct coll_case *it, int rank);

/* Counts and offsets [ranks] of all_to_all_v on a rank. */
void coll_case_send_layout(const struct coll_case *it, int ranks, int rank, size_t *counts,
                           size_t *offsets);
void coll_case_recv_layout(const struct coll_case *it, int ranks, int rank, size_t *counts,
                           size_t *offsets);

/* Make the call on rank `rank` of `comm`. */
flc_status coll_case_call(const struct coll_case *it, flc_comm *comm, const void *send, void *recv);

/*
 * What rank `rank` must receive.
 *
 *   inputs  [ranks] send buffers
 *   recv    in: what the buffer held before; out: what it must hold
 */
void coll_case_expect(const struct coll_case *it, int ranks, int rank, const void *const *inputs,
                      void *recv);

/* What flc_call_info must say. */
uint64_t coll_case_sent_bytes(const struct coll_case *it, int ranks, int rank);
uint64_t coll_case_groups(const struct coll_case *it, int ranks, int rank);

const char *coll_case_name(const struct coll_case *it);

#endif
