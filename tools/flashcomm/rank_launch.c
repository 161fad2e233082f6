// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How ranks say that they have ended, and how long they wait: see rank_launch.h.
 */
#include "rank_launch.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t rank_timeout_ms(int64_t timeout_ms)
{
    flc_item item;
    for (size_t i = 0; timeout_ms == 0 && flc_describe(FLC_KIND_PARAMETER, i, &item) == FLC_OK;
         i++) {
        if (strcmp(item.name, "FLC_TIMEOUT_MS") == 0) {
            timeout_ms = strtoll(item.value, NULL, 10);
        }
    }
    return timeout_ms;
}

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
