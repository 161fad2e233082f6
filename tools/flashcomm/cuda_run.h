// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The ranks of `flashcomm run --device cuda`: see run_ranks.h. The timed calls follow one another
 * on a stream, between two events, after one that is not timed: the time of a call is their mean.
 */
#ifndef CUDA_RUN_H
#define CUDA_RUN_H

#include "flashcomm/flashcomm.h"

/* context: struct rank_work */
void cuda_run_rank(const void *context, flc_comm *comm);

#endif
