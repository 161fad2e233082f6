// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Rows of the algorithm table, one file each below this folder; and the collectives' names.
 */
#include "coll/algorithm.h"

static const struct flci_algorithm *const algorithms[] = {
    &flci_all_reduce_oneshot, &flci_all_reduce_twostep, &flci_reduce_scatter_direct,
    &flci_all_gather_direct,  &flci_all_to_all_direct,  &flci_all_to_all_v_direct,
    &flci_broadcast_direct,
};

static const char *const names[] = {
    [FLCI_ALL_REDUCE] = "all_reduce",     [FLCI_REDUCE_SCATTER] = "reduce_scatter",
    [FLCI_ALL_GATHER] = "all_gather",     [FLCI_ALL_TO_ALL] = "all_to_all",
    [FLCI_ALL_TO_ALL_V] = "all_to_all_v", [FLCI_BROADCAST] = "broadcast",
};

const struct flci_algorithm *flci_algorithm_at(size_t index)
{
    return index < sizeof algorithms / sizeof algorithms[0] ? algorithms[index] : NULL;
}

const char *flci_collective_name(enum flci_collective collective)
{
    const size_t index = (size_t)collective;
    const char *name = index < sizeof names / sizeof names[0] ? names[index] : NULL;
    return name == NULL ? "unknown" : name;
}
