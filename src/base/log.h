// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Messages on stderr, off unless FLC_DEBUG asks for them. The library prints nothing else.
 */
#ifndef FLCI_BASE_LOG_H
#define FLCI_BASE_LOG_H

#include "flashcomm/status.h"

enum flci_log_level {
    FLCI_LOG_NONE = 0,
    FLCI_LOG_WARN = 1,  /* each error, where it is first noticed */
    FLCI_LOG_INFO = 2,  /* one line a communicator */
    FLCI_LOG_TRACE = 3, /* one line a collective */
};

/* INVALID_ARG if FLC_DEBUG is none of the levels' names. */
flc_status flci_log_check(void);

void flci_log(enum flci_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
