// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The thread's last error sentence, and the texts of the status values. The public
 * flc_last_error is in api/comm.c, since it also reads a communicator's.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static _Thread_local char thread_error[FLCI_ERROR_BYTES];

const char *flc_strerror(flc_status status)
{
    switch (status) {
#define FLCI_STATUS_CASE(name, value, text)                                                        \
    case FLC_##name:                                                                               \
        return text;
        FLC_STATUS_MAP(FLCI_STATUS_CASE)
#undef FLCI_STATUS_CASE
    default:
        return "unknown status";
    }
}

const char *flci_thread_error(void)
{
    return thread_error;
}

static void set_thread_error(const char *format, va_list args)
{
    (void)vsnprintf(thread_error, sizeof thread_error, format, args);
}

flc_status flci_fail(flc_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_thread_error(format, args);
    va_end(args);
    flci_log(FLCI_LOG_WARN, "%s", thread_error);
    return status;
}

flc_status flci_fail_errno(int code, const char *format, ...)
{
    size_t used;
    va_list args;
    va_start(args, format);
    set_thread_error(format, args);
    va_end(args);
    used = strlen(thread_error);
    (void)snprintf(thread_error + used, sizeof thread_error - used, ": %s", strerror(code));
    flci_log(FLCI_LOG_WARN, "%s", thread_error);
    return FLC_ERR_SYSTEM;
}
