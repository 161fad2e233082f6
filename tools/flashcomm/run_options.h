// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The options of `flashcomm run`, checked as far as they can be without opening a file.
 */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arguments.h"
#include "collective.h"
#include "flashcomm/flashcomm.h"

struct run_options {
    const struct collective *collective;
    int ranks;
    int root; /* 0 where the collective has none */
    struct format_list formats;
    bool has_type;
    flc_type type; /* convert inputs to it, where has_type */
    bool has_op, has_root;
    flc_op op;
    const char *algorithm; /* NULL: the library chooses */
    uint32_t flags;
    bool threads;
    bool use_cuda; /* ranks on GPUs instead of the CPU */
    const char *tensor;
    int iters;
    int64_t timeout_ms; /* 0: the library's default */
    bool json;
    const char *output; /* NULL: none */
    char **files;       /* [file_count], of the argv that was parsed */
    size_t file_count;  /* 1 or more */
};

/*
 * Read the command line; a bad one ends the program with EXIT_USAGE. Release with
 * run_options_free.
 */
void run_options_parse(int argc, char **argv, struct run_options *options);
void run_options_free(struct run_options *options);

#endif
