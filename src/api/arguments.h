// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Arguments of the collectives, checked before anything is sent: INVALID_ARG names the argument,
 * its value and what is allowed. What the ranks must agree on is compared later, by the messages.
 */
#ifndef FLCI_API_ARGUMENTS_H
#define FLCI_API_ARGUMENTS_H

#include "coll/call.h"

/* The buffers, counts, type, operation and root of `call`, which `ranks` ranks make; rank `rank`
   is this one. */
flc_status flci_arguments_check(const struct flci_call *call, int rank, int ranks);

#endif
