// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * One all-reduce of a test and where its buffers lie in a rank's image:
 *
 *   send region  [guard][offset][elements][guard]
 *   recv region  the same, poisoned; not there in place
 */
#ifndef CUDA_CALL_H
#define CUDA_CALL_H

#include "flashcomm/flashcomm.h"
#include "test_data.h"

/* Kinds of data besides those of test_data.h. */
#define CUDA_DATA_FAST  TEST_DATA_KINDS       /* random_elem.h */
#define CUDA_DATA_PEAKS (TEST_DATA_KINDS + 1) /* one large value in every 16 */
#define CUDA_DATA_KINDS (TEST_DATA_KINDS + 2)

#define CUDA_POISON     0xa5 /* in guards, and in recv before the call */

struct cuda_call {
    size_t count;
    flc_type type;
    flc_op op;
    flc_format reduce, gather;
    uint32_t flags;
    int is_in_place;
    size_t send_offset, recv_offset; /* elements behind a 256-byte boundary */
    int data;
    uint64_t seed;
    int late_rank; /* whose stream stands still for a while before the call; -1: none */
    /* Set by cuda_call_place: bytes from the start of the image. */
    size_t send_region, recv_region, region_end, send_at, recv_at;
};

/* Lay out the regions from `at`; the end of the last. */
size_t cuda_call_place(struct cuda_call *call, size_t at);

/* What rank `rank`'s elements of round `round` come from. */
uint64_t cuda_call_seed(const struct cuda_call *call, int rank, int round);

/* Write guards, poison and rank `rank`'s elements of round `round` into the image. */
void cuda_call_fill(const struct cuda_call *call, int rank, int round, uint8_t *image);

/* A line that says everything needed to make the call again. */
void cuda_call_text(const struct cuda_call *call, char *text, size_t text_bytes);

/* The rank that sums block `block`. */
int cuda_call_owner(const struct cuda_call *call, int ranks, size_t block);

flc_coll_config cuda_call_config(const struct cuda_call *call);

#endif
