// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How ranks say that they have ended: see rank_launch.h.
 */
#include "rank_launch.h"

#include <stdatomic.h>
#include <stdio.h>

void rank_done(struct rank_meeting *meeting, int rank)
{
    meeting->ends[rank].done = true;
}

void rank_fail(struct rank_meeting *meeting, int rank, const char *text)
{
    struct rank_end *const end = &meeting->ends[rank];
    int none = 0;
    (void)snprintf(end->error, sizeof end->error, "%s", text);
    (void)atomic_compare_exchange_strong(&meeting->failed, &none, rank + 1);
}

void rank_print_error(const struct rank_launch *launch, int rank, const char *text)
{
    (void)fprintf(stderr, "%s: rank %d: %s\n", launch->command, rank, text);
}
