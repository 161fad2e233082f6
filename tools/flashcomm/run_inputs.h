// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What every rank of `flashcomm run` sends, loaded from files.
 */
#ifndef RUN_INPUTS_H
#define RUN_INPUTS_H

#include <stddef.h>

#include "flashcomm/flashcomm.h"
#include "run_options.h"
#include "tensor.h"
#include "tool_failure.h"

struct run_inputs {
    size_t count; /* elements a rank sends */
    flc_type type;
    int dims; /* shape of one rank's tensor */
    size_t shape[TENSOR_MAX_DIMS];
    const void *data[FLC_MAX_RANKS]; /* [ranks] of [count] elements; NULL but for the root */
    struct tensor *tensors;          /* [tensor_count], what `data` points into */
    size_t tensor_count;
};

/*
 * Load, check and convert the inputs. 0, or -1 with a sentence; release with run_inputs_free
 * in both cases.
 */
int run_inputs_load(const struct run_options *options, struct run_inputs *inputs,
                    struct failure *failure);
void run_inputs_free(struct run_inputs *inputs);

#endif
