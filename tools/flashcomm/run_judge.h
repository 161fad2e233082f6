// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Puts together what the ranks of `flashcomm run` reported: checks their results against what the
 * files hold, and writes them to a file.
 */
#ifndef RUN_JUDGE_H
#define RUN_JUDGE_H

#include "reduce_check.h"
#include "run_inputs.h"
#include "run_ranks.h"

struct run_result {
    char transport[32];
    char algorithm[32];
    uint64_t wire_bytes; /* sent by the rank that sent most */
    double wire_bits;    /* an element; NaN where none is sent */
    struct flc_reduce_check check;
    bool ranks_equal; /* those that must be */
    double time_us;
};

/* 0, or -1 with a sentence. */
int run_judge(const struct rank_job *job, const struct rank_area *area, struct run_result *result,
              struct failure *failure);

/*
 * Write the result as .npy: that of one rank, in the shape of the input, where all hold the same;
 * with the ranks as first dimension where a result has a part for each, or differs by rank.
 */
int run_save(const char *path, const struct rank_job *job, const struct run_inputs *inputs,
             const struct rank_area *area, struct failure *failure);

#endif
