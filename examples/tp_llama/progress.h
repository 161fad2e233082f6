// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How far a long measurement is, on standard error: one line that is rewritten on a terminal, a
 * line a step elsewhere.
 */
#ifndef TP_LLAMA_PROGRESS_H
#define TP_LLAMA_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct progress {
    bool is_shown;
    bool is_terminal;
    size_t steps;
    size_t done;
    size_t timed; /* of those done, the ones since the start */
    struct timespec start;
};

/* Start the clock. `done` of the `steps` were there before. Shown if forced or on a terminal. */
void progress_start(struct progress *progress, bool is_forced, size_t steps, size_t done);

/* One more step is done; `name` says of what. */
void progress_step(struct progress *progress, const char *name);

/* Leave the line empty for what comes. */
void progress_end(const struct progress *progress);

#endif
