// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The command line of check_codec.
 */
#ifndef CHECK_CODEC_OPTIONS_H
#define CHECK_CODEC_OPTIONS_H

#include "check_codec.h"

struct options {
    const char *row; /* NULL: all */
    int is_list, is_bench, has_ratios;
    unsigned sample;
    struct bench_options bench;
};

/* 0, and a complaint on stderr, for a line that says something else than the usage. */
int options_read(int argc, char **argv, struct options *options);

#endif
