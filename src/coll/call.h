// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * One call of a collective, as algorithms see it, and its messages. Every message starts with the
 * signature of its call, so that ranks which call different things find out at the first one.
 */
#ifndef FLCI_COLL_CALL_H
#define FLCI_COLL_CALL_H

#include "codec/codec_rows.h"
#include "coll/partition.h"
#include "flashcomm/flashcomm.h"
#include "transport/transport.h"

enum flci_collective { FLCI_ALL_REDUCE = 1 };

enum flci_stage {
    FLCI_STAGE_EXCHANGE = 1, /* contributions in the reduce format, to all */
    FLCI_STAGE_REDUCE = 2,   /* contributions in the reduce format, to the owner of the chunk */
    FLCI_STAGE_GATHER = 3,   /* sums in the gather format, to all */
};

struct flci_call {
    struct flci_transport *transport;
    const struct flci_codec_row *row;
    const struct flci_algorithm *algorithm;
    uint64_t number; /* of the call on its communicator, from 1 */
    enum flci_collective collective;
    const void *send;
    void *recv;
    size_t count;
    flc_type type;
    flc_op op;
    flc_format reduce, gather;
    uint32_t flags;
    float *sum, *part;     /* [FLC_BLOCK_ELEMS] scratch */
    const uint8_t **wires; /* [ranks] scratch */
    uint64_t sent_bytes;   /* out, as in flc_call_info */
    flc_stats stats;       /* out */
};

/* Bytes in front of each message's payload. */
#define FLCI_MESSAGE_HEADER_BYTES 128

/* Elements, a multiple of a block, whose wire in either format fits one message. */
size_t flci_message_elems(const struct flci_call *call);

/* Encoded bytes of `elems` elements in the format of a stage. */
size_t flci_message_bytes(const struct flci_call *call, enum flci_stage stage, size_t elems);

/* Wait for room for a message to rank `to`, or to FLCI_TO_ALL; fill the payload; post `elems`
   elements. */
flc_status flci_message_begin(struct flci_call *call, enum flci_stage stage, int to,
                              uint8_t **payload);
void flci_message_post(struct flci_call *call, enum flci_stage stage, int to, uint8_t *payload,
                       size_t elems);

/* The next message of `from`, which must be of this call and stage and carry `elems` elements;
   the payload is readable until flci_message_release. */
flc_status flci_message_receive(struct flci_call *call, enum flci_stage stage, int from,
                                size_t elems, const uint8_t **payload);
void flci_message_release(struct flci_call *call, int from);

/* Fail with CORRUPT: what `from` sent in this stage does not decode, as the thread's last error
   says. */
flc_status flci_message_corrupt(struct flci_call *call, enum flci_stage stage, int from);

/* As flci_message_receive from every peer, into call->wires; and their release. */
flc_status flci_message_receive_all(struct flci_call *call, enum flci_stage stage, size_t elems);
void flci_message_release_all(struct flci_call *call);

/* Elements [span] of call->send, encoded in the reduce format. */
void flci_call_encode(struct flci_call *call, struct flci_span span, uint8_t *wire);

/* Wire of elements [span] in the gather format, from rank `from`, decoded into call->recv. */
flc_status flci_call_decode(struct flci_call *call, int from, struct flci_span span,
                            const uint8_t *wire);

/*
 * Sum of one block over all ranks, in rank order, into call->sum; divided by the ranks for
 * FLC_AVG. The contributions are the blocks at `wire_at` of call->wires, received in `stage`; with
 * `own` not NULL this rank's is own[n] instead, exact.
 */
flc_status flci_call_sum_block(struct flci_call *call, enum flci_stage stage, size_t wire_at,
                               uint32_t n, const float *own);

/* Pointers to element `at`. */
const void *flci_call_send_at(const struct flci_call *call, size_t at);
void *flci_call_recv_at(const struct flci_call *call, size_t at);

#endif
