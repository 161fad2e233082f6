// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How an error travels: the function that first notices it calls flci_fail with a sentence, which
 * becomes the thread's last error and is logged once; callers pass the status up with FLCI_TRY.
 * A communicator copies the sentence when a call of its own fails.
 */
#ifndef FLCI_BASE_ERROR_H
#define FLCI_BASE_ERROR_H

#include "flashcomm/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FLCI_ERROR_BYTES 512

#define FLCI_TRY(expr)                                                                             \
    do {                                                                                           \
        const flc_status flci_try_status = (expr);                                                 \
        if (flci_try_status != FLC_OK) {                                                           \
            return flci_try_status;                                                                \
        }                                                                                          \
    } while (0)

/* Store and log the sentence; returns `status` for `return flci_fail(..)`. */
flc_status flci_fail(flc_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As flci_fail(FLC_ERR_SYSTEM, ..) with ": " and the text of errno `code` behind the sentence. */
flc_status flci_fail_errno(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The thread's last sentence, "" at first. */
const char *flci_thread_error(void);

#ifdef __cplusplus
}
#endif

#endif
