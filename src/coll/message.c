// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Messages of a call: the signature in front of each, its comparison, and the sentences of
 * failures, which name rank, stage and call.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "coll/algorithm.h"

/* Blocks of a piece, where the slots hold more: 256 KiB of raw float32, so that the slots two ranks
   work in stay in their caches. Of 4, 8, 16, 32 and 64 the fastest for 4 MiB. */
#define PIECE_BLOCKS_MAX ((size_t)16)

/* What all ranks of a call must have in common. Compared bytewise: no padding, unused zero. */
struct signature {
    uint64_t call;
    uint64_t count;
    uint32_t collective, type, op, flags, stage, root;
    flc_format reduce, gather;
    char algorithm[32];
};

struct header {
    struct signature signature;
    uint64_t payload_bytes;
};

_Static_assert(sizeof(struct signature) == 104, "a signature has no padding");
_Static_assert(sizeof(struct header) <= FLCI_MESSAGE_HEADER_BYTES, "the header has its room");

static const char *stage_name(enum flci_stage stage)
{
    switch (stage) {
    case FLCI_STAGE_REDUCE:
        return "reduce";
    case FLCI_STAGE_GATHER:
        return "gather";
    case FLCI_STAGE_DELIVER:
        return "deliver";
    case FLCI_STAGE_MEET:
        return "meet";
    default:
        return "exchange";
    }
}

static struct signature signature_of(const struct flci_call *call, enum flci_stage stage)
{
    struct signature s;
    memset(&s, 0, sizeof s);
    s.call = call->number;
    s.count = call->count;
    s.collective = (uint32_t)call->collective;
    s.type = (uint32_t)call->type;
    s.op = (uint32_t)call->op;
    s.flags = call->flags;
    s.stage = (uint32_t)stage;
    s.root = (uint32_t)call->root;
    s.reduce = call->reduce;
    s.gather = call->gather;
    (void)snprintf(s.algorithm, sizeof s.algorithm, "%s", call->algorithm->name);
    return s;
}

static void print_format(flc_format format, char text[FLC_FORMAT_TEXT_BYTES])
{
    if (flc_format_print(format, text, FLC_FORMAT_TEXT_BYTES) != FLC_OK) {
        (void)snprintf(text, FLC_FORMAT_TEXT_BYTES, "unknown");
    }
}

/* The first thing that differs, as "count is 2 there and 1 here". */
static void describe_difference(const struct signature *here, const struct signature *there,
                                char *text, size_t text_bytes)
{
    char reduce_here[FLC_FORMAT_TEXT_BYTES], reduce_there[FLC_FORMAT_TEXT_BYTES];
    char gather_here[FLC_FORMAT_TEXT_BYTES], gather_there[FLC_FORMAT_TEXT_BYTES];
    if (here->call != there->call) {
        (void)snprintf(text, text_bytes, "call %llu there and %llu here",
                       (unsigned long long)there->call, (unsigned long long)here->call);
    } else if (here->collective != there->collective) {
        (void)snprintf(text, text_bytes, "collective is %s there and %s here",
                       flci_collective_name((enum flci_collective)there->collective),
                       flci_collective_name((enum flci_collective)here->collective));
    } else if (here->root != there->root) {
        (void)snprintf(text, text_bytes, "root is %u there and %u here", there->root, here->root);
    } else if (here->count != there->count) {
        (void)snprintf(text, text_bytes, "count is %llu there and %llu here",
                       (unsigned long long)there->count, (unsigned long long)here->count);
    } else if (here->type != there->type) {
        (void)snprintf(text, text_bytes, "type is %s there and %s here",
                       flc_type_name((flc_type)there->type), flc_type_name((flc_type)here->type));
    } else if (here->op != there->op) {
        (void)snprintf(text, text_bytes, "op is %s there and %s here",
                       there->op == FLC_AVG ? "avg" : "sum", here->op == FLC_AVG ? "avg" : "sum");
    } else if (here->flags != there->flags) {
        (void)snprintf(text, text_bytes, "flags are 0x%x there and 0x%x here", there->flags,
                       here->flags);
    } else if (strncmp(here->algorithm, there->algorithm, sizeof here->algorithm) != 0) {
        (void)snprintf(text, text_bytes, "algorithm is %.31s there and %.31s here",
                       there->algorithm, here->algorithm);
    } else if (here->stage != there->stage) {
        (void)snprintf(text, text_bytes, "stage is %s there and %s here",
                       stage_name((enum flci_stage)there->stage),
                       stage_name((enum flci_stage)here->stage));
    } else {
        print_format(here->reduce, reduce_here);
        print_format(here->gather, gather_here);
        print_format(there->reduce, reduce_there);
        print_format(there->gather, gather_there);
        (void)snprintf(text, text_bytes, "format is %s/%s there and %s/%s here", reduce_there,
                       gather_there, reduce_here, gather_here);
    }
}

/* Fail with "all_reduce call 3, gather stage: rank 2 died". */
static flc_status fail_call(const struct flci_call *call, enum flci_stage stage, flc_status status,
                            const char *reason)
{
    return flci_fail(status, "%s call %llu, %s stage, on rank %d: %s",
                     flci_collective_name(call->collective), (unsigned long long)call->number,
                     stage_name(stage), call->transport->rank, reason);
}

flc_format flci_stage_format(const struct flci_call *call, enum flci_stage stage)
{
    return stage == FLCI_STAGE_GATHER || stage == FLCI_STAGE_DELIVER ? call->gather : call->reduce;
}

size_t flci_message_elems(const struct flci_call *call)
{
    const size_t room = call->transport->slot_bytes - FLCI_MESSAGE_HEADER_BYTES;
    const int reduces =
        call->collective == FLCI_ALL_REDUCE || call->collective == FLCI_REDUCE_SCATTER;
    const int gathers = call->collective != FLCI_REDUCE_SCATTER;
    const size_t reduce = reduces ? flci_block_bytes(call->reduce, call->type, FLC_BLOCK_ELEMS) : 0;
    const size_t gather = gathers ? flci_block_bytes(call->gather, call->type, FLC_BLOCK_ELEMS) : 0;
    const size_t blocks = room / (reduce > gather ? reduce : gather);
    assert(blocks > 0);
    return (blocks < PIECE_BLOCKS_MAX ? blocks : PIECE_BLOCKS_MAX) * FLC_BLOCK_ELEMS;
}

size_t flci_message_bytes(const struct flci_call *call, enum flci_stage stage, size_t elems)
{
    const flc_format format = flci_stage_format(call, stage);
    if (stage == FLCI_STAGE_MEET) {
        return elems * sizeof(uint64_t);
    }
    return elems / FLC_BLOCK_ELEMS * flci_block_bytes(format, call->type, FLC_BLOCK_ELEMS) +
           flci_block_bytes(format, call->type, (uint32_t)(elems % FLC_BLOCK_ELEMS));
}

flc_status flci_message_begin(struct flci_call *call, enum flci_stage stage, int to,
                              uint8_t **payload)
{
    struct flci_transport *transport = call->transport;
    uint8_t *slot;
    const flc_status status = transport->ops->begin(transport, to, &slot);
    const struct signature signature = signature_of(call, stage);
    if (status != FLC_OK) {
        return fail_call(call, stage, status, transport->fault.reason);
    }
    memcpy(slot, &signature, sizeof signature);
    *payload = slot + FLCI_MESSAGE_HEADER_BYTES;
    return FLC_OK;
}

void flci_message_post(struct flci_call *call, enum flci_stage stage, int to, uint8_t *payload,
                       size_t elems)
{
    struct flci_transport *transport = call->transport;
    const uint64_t payload_bytes = flci_message_bytes(call, stage, elems);
    memcpy(payload - FLCI_MESSAGE_HEADER_BYTES + offsetof(struct header, payload_bytes),
           &payload_bytes, sizeof payload_bytes);
    transport->ops->post(transport, to);
    if (stage != FLCI_STAGE_MEET) {
        const uint64_t receivers = to == FLCI_TO_ALL ? (uint64_t)transport->ranks - 1 : 1;
        call->sent_bytes += payload_bytes * receivers;
    }
}

flc_status flci_message_receive(struct flci_call *call, enum flci_stage stage, int from,
                                size_t elems, const uint8_t **payload)
{
    struct flci_transport *transport = call->transport;
    const struct signature expected = signature_of(call, stage);
    struct header header;
    const uint8_t *slot;
    char difference[320], reason[400];
    const flc_status status = transport->ops->receive(transport, from, &slot);
    if (status != FLC_OK) {
        return fail_call(call, stage, status, transport->fault.reason);
    }
    memcpy(&header, slot, sizeof header);
    if (memcmp(&header.signature, &expected, sizeof expected) != 0) {
        describe_difference(&expected, &header.signature, difference, sizeof difference);
        return flci_message_mismatch(call, stage, from, difference);
    }
    if (header.payload_bytes != flci_message_bytes(call, stage, elems)) {
        (void)snprintf(reason, sizeof reason, "rank %d sent %llu bytes where %zu were due", from,
                       (unsigned long long)header.payload_bytes,
                       flci_message_bytes(call, stage, elems));
        transport->ops->fail(transport, FLC_ERR_CORRUPT, from);
        return fail_call(call, stage, FLC_ERR_CORRUPT, reason);
    }
    *payload = slot + FLCI_MESSAGE_HEADER_BYTES;
    return FLC_OK;
}

flc_status flci_message_mismatch(struct flci_call *call, enum flci_stage stage, int from,
                                 const char *reason)
{
    char text[400];
    (void)snprintf(text, sizeof text, "rank %d made a different call: %.340s", from, reason);
    call->transport->ops->fail(call->transport, FLC_ERR_MISMATCH, from);
    return fail_call(call, stage, FLC_ERR_MISMATCH, text);
}

flc_status flci_message_corrupt(struct flci_call *call, enum flci_stage stage, int from)
{
    char reason[400];
    (void)snprintf(reason, sizeof reason, "rank %d sent what does not decode: %.300s", from,
                   flci_thread_error());
    call->transport->ops->fail(call->transport, FLC_ERR_CORRUPT, from);
    return fail_call(call, stage, FLC_ERR_CORRUPT, reason);
}

void flci_message_release(struct flci_call *call, int from)
{
    call->transport->ops->release(call->transport, from);
}

flc_status flci_message_receive_all(struct flci_call *call, enum flci_stage stage, size_t elems)
{
    for (int from = 0; from < call->transport->ranks; from++) {
        if (from != call->transport->rank) {
            FLCI_TRY(flci_message_receive(call, stage, from, elems, &call->wires[from]));
        }
    }
    return FLC_OK;
}

void flci_message_release_all(struct flci_call *call)
{
    for (int from = 0; from < call->transport->ranks; from++) {
        if (from != call->transport->rank) {
            flci_message_release(call, from);
        }
    }
}

flc_status flci_message_meet(struct flci_call *call, const uint64_t *words, size_t count)
{
    uint8_t *payload;
    FLCI_TRY(flci_message_begin(call, FLCI_STAGE_MEET, FLCI_TO_ALL, &payload));
    if (count > 0) {
        memcpy(payload, words, count * sizeof *words);
    }
    flci_message_post(call, FLCI_STAGE_MEET, FLCI_TO_ALL, payload, count);
    call->wires[call->transport->rank] = payload;
    return flci_message_receive_all(call, FLCI_STAGE_MEET, count);
}
