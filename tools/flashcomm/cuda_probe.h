// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The GPUs of this machine: see cuda_tools.h.
 */
#ifndef CUDA_PROBE_H
#define CUDA_PROBE_H

#include "cuda_tools.h"

int cuda_probe(bool with_nccl, struct cuda_machine *machine, struct failure *failure);

#endif
