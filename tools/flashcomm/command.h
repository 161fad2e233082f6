// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The subcommands of `flashcomm`: one file each, a row of the table in main.c each.
 *
 * A subcommand gets its own argv, with argv[0] such as "flashcomm run", prints its result to
 * stdout and one sentence per problem to stderr, and returns the program's exit status.
 */
#ifndef COMMAND_H
#define COMMAND_H

enum exit_status {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* a collective, a check of its result, or writing it failed */
    EXIT_USAGE = 2,  /* an argument or an input file is at fault */
};

int cmd_run(int argc, char **argv);
int cmd_error(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_perf(int argc, char **argv);

#endif
