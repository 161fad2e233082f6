// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Fuzzes what a rank makes of its peer's messages: rank 1 of two posts any bytes behind a header
 * that is the expected one but for a few bytes, then rank 0 makes its call. Whatever came, the call
 * ends, with a sentence if it fails, and writes nothing outside of its buffer.
 *
 * Input: 6 bytes that choose the call, then for each of two messages 2 bytes that choose stage,
 * size and lane, the number of header bytes to change, and for each its place and value; then the
 * payloads, repeated as often as the size asks for.
 */
#include <stdlib.h>
#include <string.h>

#include "api/comm.h"
#include "coll/call.h"
#include "flashcomm/flashcomm.h"
#include "fuzz.h"

#define MAX_COUNT   12000u
#define MAX_CHANGES 3u
/* Where the header has what its receiver compares with the call, see coll/message.c. */
#define STAGE_AT         32
#define PAYLOAD_BYTES_AT 104

struct reader {
    const uint8_t *data;
    size_t size, at;
};

/* How a message differs from an honest one. */
struct message {
    int is_to_all;
    unsigned choice; /* stage in bits 0 to 2, 0: as it is; size in bits 3 to 5 and 7 */
    unsigned changes;
    uint8_t at[MAX_CHANGES], value[MAX_CHANGES];
};

struct choice {
    unsigned operation;
    size_t count;
    flc_type type;
    flc_coll_config config;
};

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static uint8_t next(struct reader *r)
{
    return r->at < r->size ? r->data[r->at++] : 0;
}

/* ---- The call ---- */

static flc_format read_format(struct reader *r)
{
    static const char *const texts[8] = {"raw",          "int8:g32",
                                         "int4",         "int2:g32:spike:compact",
                                         "int5",         "int3:g64:rot:search",
                                         "int1:sym:g16", "int6:compact"};
    flc_format format;
    require(flc_format_parse(texts[next(r) % 8], &format) == FLC_OK);
    return format;
}

static struct choice read_choice(struct reader *r)
{
    struct choice choice = {.config = FLC_COLL_CONFIG_INIT};
    choice.operation = next(r) % 7;
    choice.type = (flc_type)(next(r) % 3);
    choice.config.reduce = read_format(r);
    choice.config.gather = read_format(r);
    choice.count = next(r);
    choice.count = (choice.count | (size_t)next(r) << 8) % (MAX_COUNT + 1);
    choice.config.algorithm = choice.operation == 0   ? "oneshot"
                              : choice.operation == 6 ? "twostep"
                                                      : NULL;
    return choice;
}

static flc_status make_call(const struct choice *c, flc_comm *comm, const void *send, void *recv)
{
    const size_t counts[2] = {c->count, c->count / 2}, offsets[2] = {0, c->count};
    switch (c->operation) {
    case 1:
        return flc_reduce_scatter(comm, send, recv, c->count, c->type, FLC_SUM, &c->config);
    case 2:
        return flc_all_gather(comm, send, recv, c->count, c->type, &c->config);
    case 3:
        return flc_all_to_all(comm, send, recv, c->count, c->type, &c->config);
    case 4:
        return flc_all_to_all_v(comm, send, counts, offsets, recv, counts, offsets, c->type,
                                &c->config);
    case 5:
        return flc_broadcast(comm, NULL, recv, c->count, c->type, 1, &c->config);
    default:
        return flc_all_reduce(comm, send, recv, c->count, c->type, FLC_SUM, &c->config);
    }
}

/* ---- The peer ---- */

static void make_team(flc_comm *comms[2])
{
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    config.timeout_ms = 1;
    config.workspace_bytes = 4 * (FLCI_MESSAGE_HEADER_BYTES + FLCI_BLOCK_MAX_BYTES);
    require(flc_comm_create_local(2, &config, comms) == FLC_OK);
}

static void destroy_team(flc_comm *comms[2])
{
    flc_comm_destroy(comms[0]);
    flc_comm_destroy(comms[1]);
}

/* What rank 0 puts in front of its first message, and so expects of rank 1's. */
static void learn_header(const struct choice *c, const void *send, void *recv,
                         uint8_t header[FLCI_MESSAGE_HEADER_BYTES])
{
    flc_comm *comms[2];
    uint8_t *slot;
    const uint8_t *received;
    struct flci_transport *peer;
    make_team(comms);
    peer = comms[1]->transport;
    require(peer->ops->begin(peer, 0, &slot) == FLC_OK);
    memset(slot, 0, FLCI_MESSAGE_HEADER_BYTES);
    peer->ops->post(peer, 0);
    require(make_call(c, comms[0], send, recv) == FLC_ERR_MISMATCH);
    require(peer->ops->receive(peer, 0, &received) == FLC_OK);
    memcpy(header, received, FLCI_MESSAGE_HEADER_BYTES);
    destroy_team(comms);
}

static struct message read_message(struct reader *r)
{
    struct message message = {.is_to_all = next(r) & 1, .choice = next(r)};
    message.changes = next(r) % (MAX_CHANGES + 1);
    for (unsigned i = 0; i < message.changes; i++) {
        message.at[i] = next(r) % FLCI_MESSAGE_HEADER_BYTES;
        message.value[i] = next(r);
    }
    return message;
}

static void fill_header(const struct choice *c, const struct message *message, uint8_t *slot)
{
    const uint32_t stage = message->choice & 7;
    const flc_format format = (message->choice & 8) != 0 ? c->config.gather : c->config.reduce;
    const size_t elems[4] = {c->count, 0, c->count / 2, c->count % FLC_BLOCK_ELEMS};
    size_t bytes = 0;
    if (stage != 0) {
        memcpy(slot + STAGE_AT, &stage, sizeof stage);
    }
    require(flc_format_wire_bytes(format, c->type, elems[message->choice >> 4 & 3], &bytes) ==
            FLC_OK);
    if ((message->choice & 128) != 0) {
        memcpy(slot + PAYLOAD_BYTES_AT, &bytes, sizeof bytes);
    }
    for (unsigned i = 0; i < message->changes; i++) {
        slot[message->at[i]] = message->value[i];
    }
}

/* `r` is at the payload. */
static void post_message(const struct reader *r, const struct choice *c,
                         const struct message *message, const uint8_t *header,
                         struct flci_transport *peer)
{
    const int to = message->is_to_all ? FLCI_TO_ALL : 0;
    const size_t left = r->size - r->at;
    uint8_t *slot;
    require(peer->ops->begin(peer, to, &slot) == FLC_OK);
    memcpy(slot, header, FLCI_MESSAGE_HEADER_BYTES);
    fill_header(c, message, slot);
    for (size_t i = 0; i < peer->slot_bytes - FLCI_MESSAGE_HEADER_BYTES; i++) {
        slot[FLCI_MESSAGE_HEADER_BYTES + i] = left == 0 ? 0 : r->data[r->at + i % left];
    }
    peer->ops->post(peer, to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = {.data = data, .size = size};
    const struct choice choice = read_choice(&r);
    const struct message first = read_message(&r), second = read_message(&r);
    const size_t bytes = 2 * choice.count * flc_type_bytes(choice.type);
    uint8_t header[FLCI_MESSAGE_HEADER_BYTES];
    uint8_t *send = calloc(bytes + 1, 1), *recv = malloc(bytes + 1);
    flc_comm *comms[2];
    require(send != NULL && recv != NULL);
    learn_header(&choice, send, recv, header);
    make_team(comms);
    post_message(&r, &choice, &first, header, comms[1]->transport);
    post_message(&r, &choice, &second, header, comms[1]->transport);
    const flc_status status = make_call(&choice, comms[0], send, recv);
    require(status == FLC_OK || status == FLC_ERR_MISMATCH || status == FLC_ERR_CORRUPT ||
            status == FLC_ERR_TIMEOUT);
    require(status == FLC_OK || flc_last_error(comms[0])[0] != '\0');
    destroy_team(comms);
    free(send);
    free(recv);
    return 0;
}
