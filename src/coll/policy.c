// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What picks the algorithm.
 */
#include <string.h>

#include "coll/algorithm.h"

/* Up to one block the two-step has a single owner, who sums for everyone: two hops where one
   suffices. Beyond, it shares the sum out. */
#define ONESHOT_MAX_ELEMS FLC_BLOCK_ELEMS

flc_status flci_policy_choose(enum flci_collective collective, const char *wanted, size_t count,
                              const struct flci_algorithm **algorithm, const char **reason)
{
    const struct flci_algorithm *row;
    if (strcmp(wanted, "auto") == 0) {
        const int is_small = count <= ONESHOT_MAX_ELEMS;
        *algorithm = is_small ? &flci_all_reduce_oneshot : &flci_all_reduce_twostep;
        *reason = is_small ? "one block or less" : "more than one block";
        return FLC_OK;
    }
    for (size_t i = 0; (row = flci_algorithm_at(i)) != NULL; i++) {
        if (row->collective == collective && strcmp(row->name, wanted) == 0) {
            *algorithm = row;
            *reason = "asked for by name";
            return FLC_OK;
        }
    }
    return FLC_ERR_INVALID_ARG; /* the caller knows where the name comes from */
}
