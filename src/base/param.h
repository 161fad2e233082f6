// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Every environment variable the library reads, in one table: `flashcomm info` prints it.
 */
#ifndef FLCI_BASE_PARAM_H
#define FLCI_BASE_PARAM_H

#include <stdint.h>

#include "flashcomm/status.h"

enum flci_param_id {
    FLCI_PARAM_ALGO,
    FLCI_PARAM_CPU,
    FLCI_PARAM_CUDA_STAGING_BYTES,
    FLCI_PARAM_DEBUG,
    FLCI_PARAM_TIMEOUT_MS,
    FLCI_PARAM_WORKSPACE_BYTES,
    FLCI_PARAM_COUNT
};

struct flci_param {
    const char *name;
    const char *initial; /* used where the environment says nothing */
    int64_t min, max;    /* of an integer; both 0 for a text */
    const char *summary;
};

/* Row of the table. */
const struct flci_param *flci_param_at(enum flci_param_id id);

/* From the environment, else the default. Never NULL. */
const char *flci_param_text(enum flci_param_id id);
int flci_param_is_set(enum flci_param_id id);

/* As an integer; INVALID_ARG names the variable, its value and the range. */
flc_status flci_param_int(enum flci_param_id id, int64_t *value);

#endif
