// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The table of algorithms, and the policy that picks one: a pure function of values that are equal
 * on all ranks.
 */
#ifndef FLCI_COLL_ALGORITHM_H
#define FLCI_COLL_ALGORITHM_H

#include "coll/call.h"

struct flci_algorithm {
    enum flci_collective collective;
    const char *name;
    const char *summary;
    /* Two ranks or more. On failure the transport has not always been told. */
    flc_status (*run)(struct flci_call *call);
};

extern const struct flci_algorithm flci_all_reduce_oneshot;
extern const struct flci_algorithm flci_all_reduce_twostep;
extern const struct flci_algorithm flci_reduce_scatter_direct;
extern const struct flci_algorithm flci_all_gather_direct;
extern const struct flci_algorithm flci_all_to_all_direct;
extern const struct flci_algorithm flci_all_to_all_v_direct;
extern const struct flci_algorithm flci_broadcast_direct;

/* Row `index`, NULL behind the last. */
const struct flci_algorithm *flci_algorithm_at(size_t index);

/*
 * Choose an algorithm.
 *
 *   wanted  its name, or "auto"
 *   count   elements of the whole buffer; ignored where the collective has one algorithm
 *   reason  out: why, static storage
 *
 * INVALID_ARG, without a sentence: no algorithm of that name, for this collective.
 */
flc_status flci_policy_choose(enum flci_collective collective, const char *wanted, size_t count,
                              const struct flci_algorithm **algorithm, const char **reason);

#endif
