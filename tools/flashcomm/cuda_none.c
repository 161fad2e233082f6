// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Stands for all cuda_* files in builds without FLC_CUDA: see cuda_tools.h.
 */
#include "cuda_tools.h"

const struct cuda_tools *cuda_tools(void)
{
    return NULL;
}
