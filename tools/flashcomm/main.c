// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The `flashcomm` command: reads the options before the subcommand, then hands over to it.
 * docs/man/flashcomm.1 describes all of it.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "flashcomm/version.h"

struct command {
    const char *name;
    const char *full_name; /* its argv[0]: what usage messages begin with */
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {"run", "flashcomm run", cmd_run},
    {"perf", "flashcomm perf", cmd_perf},
    {"error", "flashcomm error", cmd_error},
    {"info", "flashcomm info", cmd_info},
};

struct choice {
    const struct command *command;
    int index; /* of the subcommand in argv */
};

static void print_version(FILE *stream, struct argp_state *state)
{
    (void)state;
    (void)fprintf(stream, "flashcomm %s\n", flc_version());
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct choice *const choice = state->input;
    if (key == ARGP_KEY_NO_ARGS) {
        argp_error(state, "a subcommand is missing: run, perf, error or info");
    }
    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(arg, commands[i].name) == 0) {
            choice->command = &commands[i];
            choice->index = state->next - 1;
            state->next = state->argc; /* the rest is the subcommand's */
            return 0;
        }
    }
    argp_error(state, "unknown subcommand '%s': allowed are run, perf, error and info", arg);
    return EINVAL;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_option,
        .args_doc = "SUBCOMMAND [ARGUMENT...]",
        .doc = "Low-bit quantized collectives on real tensors.\n\n"
               "  run    run a collective on tensors of files, with error and time\n"
               "  perf   time a collective over a range of sizes, as nccl-tests do\n"
               "  error  error of formats on a tensor of a file, best format for a budget\n"
               "  info   versions, presets, codec rows, transports, algorithms, parameters\n\n"
               "`flashcomm SUBCOMMAND --help` tells more.",
    };
    argp_err_exit_status = EXIT_USAGE;
    argp_program_version_hook = print_version;

    struct choice choice = {NULL, 0};
    if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice) != 0 ||
        choice.command == NULL) {
        return EXIT_USAGE;
    }
    char full_name[32];
    (void)snprintf(full_name, sizeof full_name, "%s", choice.command->full_name);
    argv[choice.index] = full_name;
    const int status = choice.command->run(argc - choice.index, argv + choice.index);

    /* A full disk or a closed pipe shows only now; a result that was not printed is no success. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fprintf(stderr, "%s: standard output: %s\n", full_name, strerror(errno));
        return status == EXIT_OK ? EXIT_FAILED : status;
    }
    return status;
}
