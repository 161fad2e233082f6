// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The communicator.
 */
#ifndef FLCI_API_COMM_H
#define FLCI_API_COMM_H

#include <stdatomic.h>

#include "base/error.h"
#include "codec/codec_rows.h"
#include "flashcomm/flashcomm.h"
#include "transport/transport.h"

/* Settings of a communicator after defaults and environment: complete and checked. */
struct flci_settings {
    int64_t timeout_ms;
    size_t workspace_bytes;
    flc_format reduce, gather;
    uint32_t flags;
    char algorithm[32]; /* or "auto" */
};

/* What an adapter added to a communicator, for it to end. */
struct flci_attached {
    void (*abort)(struct flci_attached *attached); /* from any thread */
    void (*destroy)(struct flci_attached *attached);
};

struct flc_comm {
    int rank, ranks;
    struct flci_settings settings;
    struct flci_transport *transport; /* NULL with one rank */
    const struct flci_codec_row *row;
    uint64_t calls;
    _Atomic int is_aborted;                 /* on this rank: all that a single rank has to go by */
    struct flci_attached *_Atomic attached; /* NULL: nothing */
    flc_status failed; /* once not OK, it stays: the communicator can only be destroyed */
    flc_call_info last_call;
    char error[FLCI_ERROR_BYTES];
    const uint8_t *wires[FLC_MAX_RANKS];
    float sum[FLC_BLOCK_ELEMS], part[FLC_BLOCK_ELEMS];
};

/* Defaults, then the environment, then `config` (or NULL); INVALID_ARG names what is wrong. */
flc_status flci_settings_resolve(const flc_comm_config *config, struct flci_settings *settings);

/* As above for one call: `config` or, if NULL, the communicator's. */
flc_status flci_settings_for_call(const struct flci_settings *defaults,
                                  const flc_coll_config *config, struct flci_settings *settings);

#endif
