// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Ranks that attach GPUs, as threads, as processes or by one thread, and calls that fail when told.
 */
#ifndef ATTACH_TEAM_H
#define ATTACH_TEAM_H

#include "flashcomm/with_cuda.h"

enum attach_way { ATTACH_THREADS, ATTACH_PROCESSES, ATTACH_LOCAL };

/* What fails, and on which rank; -1: none. */
struct attach_faults {
    int ipc_get, ipc_open, memory, proof;
};

struct attach_case {
    const char *name;
    enum attach_way way;
    int ranks;
    int devices[FLC_CUDA_MAX_RANKS];
    size_t staging_bytes[FLC_CUDA_MAX_RANKS]; /* 0: 1 MiB */
    struct attach_faults faults;
    flc_status expected;  /* of every rank */
    const char *sentence; /* part of every rank's flc_last_error; NULL: not looked at */
};

/* Run a case; 1 if every rank got what is expected, and after a refusal could go on: host memory
   is reduced, and a second attachment without faults works. Prints what is wrong. */
int attach_case_run(const struct attach_case *c);

/* GPUs of this machine, asked by a child, so that this process may still fork. */
int attach_count_devices(void);

#endif
