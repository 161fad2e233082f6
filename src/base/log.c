// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * One line a message, written at once so that ranks do not mix theirs.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/param.h"

static const char *const names[] = {"", "WARN", "INFO", "TRACE"};

#define LEVELS (sizeof names / sizeof names[0])

/* LEVELS if FLC_DEBUG names none. */
static size_t level_wanted(void)
{
    const char *text = flci_param_text(FLCI_PARAM_DEBUG);
    size_t level = 0;
    while (level < LEVELS && strcmp(text, names[level]) != 0) {
        level++;
    }
    return level;
}

flc_status flci_log_check(void)
{
    if (level_wanted() == LEVELS) {
        return flci_fail(FLC_ERR_INVALID_ARG, "FLC_DEBUG is '%s': allowed are WARN, INFO and TRACE",
                         flci_param_text(FLCI_PARAM_DEBUG));
    }
    return FLC_OK;
}

void flci_log(enum flci_log_level level, const char *format, ...)
{
    const size_t wanted = level_wanted();
    char line[640];
    int used;
    va_list args;
    if (wanted == LEVELS || level > wanted) {
        return;
    }
    used = snprintf(line, sizeof line, "flashcomm[%ld] %s ", (long)getpid(), names[level]);
    va_start(args, format);
    (void)vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    va_end(args);
    (void)fprintf(stderr, "%s\n", line);
}
