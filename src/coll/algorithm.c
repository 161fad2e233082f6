// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Rows of the algorithm table, one file each below this folder.
 */
#include "coll/algorithm.h"

static const struct flci_algorithm *const algorithms[] = {
    &flci_all_reduce_oneshot,
    &flci_all_reduce_twostep,
};

const struct flci_algorithm *flci_algorithm_at(size_t index)
{
    return index < sizeof algorithms / sizeof algorithms[0] ? algorithms[index] : NULL;
}
