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

enum flci_collective {
    FLCI_ALL_REDUCE = 1,
    FLCI_REDUCE_SCATTER = 2,
    FLCI_ALL_GATHER = 3,
    FLCI_ALL_TO_ALL = 4,
    FLCI_ALL_TO_ALL_V = 5,
    FLCI_BROADCAST = 6,
};

/* "all_reduce", ..; "unknown" for any other value. Static storage. */
const char *flci_collective_name(enum flci_collective collective);

enum flci_stage {
    FLCI_STAGE_EXCHANGE = 1, /* contributions in the reduce format, to all */
    FLCI_STAGE_REDUCE = 2,   /* contributions in the reduce format, to the owner of the chunk */
    FLCI_STAGE_GATHER = 3,   /* a chunk in the gather format, to all */
    FLCI_STAGE_DELIVER = 4,  /* elements in the gather format, to whom they are for */
    FLCI_STAGE_MEET = 5,     /* uint64_t that ranks must know of each other, to all */
};

struct flci_call {
    struct flci_transport *transport;
    const struct flci_codec_row *row;
    const struct flci_algorithm *algorithm;
    uint64_t number; /* of the call on its communicator, from 1 */
    enum flci_collective collective;
    const void *send;
    void *recv;
    size_t count;      /* elements: of the buffer, or of a chunk; 0 for all_to_all_v */
    size_t recv_elems; /* of recv, in all chunks */
    flc_type type;
    flc_op op; /* 0 where nothing is reduced */
    int root;  /* of a broadcast, else 0 */
    /* [ranks] of all_to_all_v, else NULL */
    const size_t *send_counts, *send_offsets, *recv_counts, *recv_offsets;
    flc_format reduce, gather;
    uint32_t flags;
    float *sum, *part;     /* [FLC_BLOCK_ELEMS] scratch */
    const uint8_t **wires; /* [ranks] scratch */
    uint64_t sent_bytes;   /* out, as in flc_call_info */
    flc_stats stats;       /* out */
};

/* ---- Messages (message.c) ---- */

/* Bytes in front of each message's payload. */
#define FLCI_MESSAGE_HEADER_BYTES 128

/* Elements, a multiple of a block, whose wire in each format the collective uses fits a message. */
size_t flci_message_elems(const struct flci_call *call);

/* Bytes of `elems` elements in the format of a stage. */
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

/* As flci_message_receive from every peer, into call->wires; and their release. */
flc_status flci_message_receive_all(struct flci_call *call, enum flci_stage stage, size_t elems);
void flci_message_release_all(struct flci_call *call);

/*
 * Tell all ranks `words` [count], and receive theirs into call->wires, one's own too; until
 * flci_message_release_all. For collectives whose data does not pass between all pairs of ranks:
 * here they find out who called something else.
 */
flc_status flci_message_meet(struct flci_call *call, const uint64_t *words, size_t count);

/* Fail with CORRUPT: what `from` sent in this stage does not decode, as the thread's last error
   says. */
flc_status flci_message_corrupt(struct flci_call *call, enum flci_stage stage, int from);

/* Fail with MISMATCH: `reason` tells what rank `from` does otherwise. */
flc_status flci_message_mismatch(struct flci_call *call, enum flci_stage stage, int from,
                                 const char *reason);

/* The format of a stage's messages. */
flc_format flci_stage_format(const struct flci_call *call, enum flci_stage stage);

/* ---- Elements (call.c) ---- */

/* Elements [span] of call->send, encoded in the format of the stage. */
void flci_call_encode(struct flci_call *call, enum flci_stage stage, struct flci_span span,
                      uint8_t *wire);

/* Wire of elements in the format of the stage, from rank `from`, decoded into [span] of
   call->recv. */
flc_status flci_call_decode(struct flci_call *call, enum flci_stage stage, int from,
                            struct flci_span span, const uint8_t *wire);

/* Piece `piece`, of `elems` elements, of the chunk that `owner` reduces, in call->send. */
typedef struct flci_span flci_piece_of(const struct flci_call *call, int owner, size_t elems,
                                       size_t piece);

/* Encode this rank's contributions to a piece of every peer's chunk, and send them there. */
flc_status flci_call_send_to_owners(struct flci_call *call, flci_piece_of *piece_of, size_t elems,
                                    size_t piece);

/* Elements [span] of call->send, exactly, to element `at` of call->recv. */
void flci_call_copy(struct flci_call *call, struct flci_span span, size_t at);

/*
 * Sum over all ranks in rank order, divided by the ranks for FLC_AVG, of the peers' contributions
 * in call->wires, received in `stage`, and this rank's: that in call->wires too, or, where it is
 * NULL there, elements [span] of call->send, exact unless FLC_INVARIANT is set. The sum, rounded
 * once to the type, goes to element `at` of call->recv; or, with `wire` not NULL, it is encoded
 * there in the gather format and recv gets what that decodes to.
 */
flc_status flci_call_reduce(struct flci_call *call, enum flci_stage stage, struct flci_span span,
                            size_t at, uint8_t *wire);

#endif
