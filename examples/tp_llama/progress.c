// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A bar, the count and the time left, taken from the mean of the steps done in this run.
 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_CELLS 20

/* ANSI: back to the first column, and erase what is there. */
#define CLEAR_LINE "\r\x1b[K"

void progress_start(struct progress *progress, bool is_forced, size_t steps, size_t done)
{
    *progress =
        (struct progress){.is_terminal = isatty(STDERR_FILENO) != 0, .steps = steps, .done = done};
    progress->is_shown = is_forced || progress->is_terminal;
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
}

void progress_step(struct progress *progress, const char *name)
{
    progress->done++;
    progress->timed++;
    if (!progress->is_shown)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const double seconds = (double)(now.tv_sec - progress->start.tv_sec) +
                           (double)(now.tv_nsec - progress->start.tv_nsec) * 1e-9;
    const double left =
        seconds / (double)progress->timed * (double)(progress->steps - progress->done);
    char bar[BAR_CELLS + 1] = "";
    for (size_t i = 0; i < BAR_CELLS; i++)
        bar[i] = i * progress->steps < progress->done * BAR_CELLS ? '#' : '.';
    fprintf(stderr, "%s[%s] %zu of %zu, %.0f s, about %.0f s left: %s%s",
            progress->is_terminal ? CLEAR_LINE : "", bar, progress->done, progress->steps, seconds,
            left, name, progress->is_terminal ? "" : "\n");
}

void progress_end(const struct progress *progress)
{
    if (progress->is_shown && progress->is_terminal)
        fputs(CLEAR_LINE, stderr);
}
