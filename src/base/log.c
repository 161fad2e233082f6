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

#include "base/param.h"

static enum flci_log_level level_wanted(void)
{
    const char *text = flci_param_text(FLCI_PARAM_DEBUG);
    if (strcmp(text, "WARN") == 0) {
        return FLCI_LOG_WARN;
    }
    if (strcmp(text, "INFO") == 0) {
        return FLCI_LOG_INFO;
    }
    return strcmp(text, "TRACE") == 0 ? FLCI_LOG_TRACE : FLCI_LOG_NONE;
}

void flci_log(enum flci_log_level level, const char *format, ...)
{
    static const char *const names[] = {"", "WARN", "INFO", "TRACE"};
    char line[640];
    int used;
    va_list args;
    if (level > level_wanted()) {
        return;
    }
    used = snprintf(line, sizeof line, "flashcomm[%ld] %s ", (long)getpid(), names[level]);
    va_start(args, format);
    (void)vsnprintf(line + used, sizeof line - (size_t)used - 1, format, args);
    va_end(args);
    (void)fprintf(stderr, "%s\n", line);
}
