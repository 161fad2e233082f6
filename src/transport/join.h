// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What ranks tell each other before they talk, and must agree on.
 */
#ifndef FLCI_TRANSPORT_JOIN_H
#define FLCI_TRANSPORT_JOIN_H

#include <stdint.h>

#include "flashcomm/flashcomm.h"

struct flci_join {
    char version[16]; /* first: other versions may differ in what follows */
    int32_t wire_version;
    int32_t ranks;
    int32_t rank; /* the only field that differs */
    uint32_t flags;
    int64_t timeout_ms;
    uint64_t workspace_bytes;
    flc_format reduce, gather;
    char algorithm[32];
};

/* MISMATCH names the first field that differs, and its two values. */
flc_status flci_join_check(const struct flci_join *mine, const struct flci_join *theirs);

#endif
