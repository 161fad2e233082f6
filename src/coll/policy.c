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

static const struct flci_algorithm *find(enum flci_collective collective, const char *name)
{
    const struct flci_algorithm *row;
    for (size_t i = 0; (row = flci_algorithm_at(i)) != NULL; i++) {
        if (row->collective == collective && (name == NULL || strcmp(row->name, name) == 0)) {
            return row;
        }
    }
    return NULL;
}

flc_status flci_policy_choose(enum flci_collective collective, const char *wanted, size_t count,
                              const struct flci_algorithm **algorithm, const char **reason)
{
    const int is_auto = strcmp(wanted, "auto") == 0;
    const struct flci_algorithm *row = find(collective, is_auto ? NULL : wanted);
    if (row == NULL) {
        return FLC_ERR_INVALID_ARG; /* the caller knows where the name comes from */
    }
    if (!is_auto) {
        *algorithm = row;
        *reason = "asked for by name";
    } else if (collective == FLCI_ALL_REDUCE) {
        const int is_small = count <= ONESHOT_MAX_ELEMS;
        *algorithm = is_small ? &flci_all_reduce_oneshot : &flci_all_reduce_twostep;
        *reason = is_small ? "one block or less" : "more than one block";
    } else {
        *algorithm = row;
        *reason = "the only one";
    }
    return FLC_OK;
}
