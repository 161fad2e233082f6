// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Reads the command line: see mpi_arguments.h.
 */
#include "mpi_arguments.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find(const char *text, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(text, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* "NAME=NUMBER"; each is an int here, the count too, since MPI's are. */
static int parse_number(const char *text, const char *const *names, int name_count, int *numbers)
{
    char name[16];
    char *end;
    const size_t length = strcspn(text, "=");
    if (text[length] == '\0' || length >= sizeof name) {
        return -1;
    }
    memcpy(name, text, length);
    name[length] = '\0';
    errno = 0;
    const long number = strtol(text + length + 1, &end, 10);
    const int index = find(name, names, name_count);
    if (index < 0 || end == text + length + 1 || *end != '\0' || errno != 0 || number < 0 ||
        number > INT_MAX) {
        return -1;
    }
    numbers[index] = (int)number;
    return 0;
}

int mpi_arguments_parse(int argc, char **argv, struct mpi_arguments *a)
{
    static const char *const collectives[] = {"all_reduce", "reduce_scatter", "all_gather",
                                              "all_to_all", "broadcast"};
    static const char *const types[] = {"fp32", "fp16", "bf16"};
    static const char *const ops[] = {"sum", "avg", "none"};
    static const char *const names[] = {"count",     "root",   "iters",   "warmup-iters",
                                        "agg-iters", "checks", "average", "unalign"};
    int numbers[] = {-1, -1, -1, -1, -1, -1, -1, -1};
    const int collective = argc < 4 ? -1 : find(argv[1], collectives, 5);
    const int type = argc < 4 ? -1 : find(argv[2], types, 3);
    const int op = argc < 4 ? -1 : find(argv[3], ops, 3);
    bool is_bad = collective < 0 || type < 0 || op < 0;
    for (int i = 4; i < argc && !is_bad; i++) {
        is_bad = parse_number(argv[i], names, 8, numbers) != 0;
    }
    for (int i = 0; i < 8; i++) {
        is_bad = is_bad || numbers[i] < 0;
    }
    if (is_bad || numbers[2] == 0 || numbers[4] == 0 || (type != 0 && op != 2)) {
        (void)fprintf(stderr, "flashcomm-mpi: is started by `flashcomm perf --baseline mpi', "
                              "not by hand\n");
        return -1;
    }
    *a = (struct mpi_arguments){.collective = (enum mpi_collective)collective,
                                .elem_bytes = type == 0 ? 4 : 2,
                                .is_average = op == 1,
                                .count = (size_t)numbers[0],
                                .root = numbers[1],
                                .iters = numbers[2],
                                .warmup_iters = numbers[3],
                                .agg_iters = numbers[4],
                                .checks = numbers[5],
                                .average = numbers[6],
                                .unalign = numbers[7]};
    return 0;
}
