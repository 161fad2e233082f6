// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Random cases against a model of what every collective must write, bit for bit:
 *
 *   stress_test [--cases N] [--seconds T] [--seed S] [--first I] [--verbose]
 *
 * It runs cases I, I + 1, ... of seed S until N are done or T seconds have passed. Each depends on
 * its number and S alone: a failure prints the line that runs just that one again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

/* Longer than any case takes, also under a sanitizer and beside other tests. */
#define CASE_SECONDS_MAX 150

struct options {
    uint64_t cases, seconds, seed, first; /* seconds 0: no limit */
    int is_verbose;
};

static char replay_line[160];

/* ---- Printing ---- */

static void print_call(const struct stress_call *call)
{
    char reduce[FLC_FORMAT_TEXT_BYTES] = "?", gather[FLC_FORMAT_TEXT_BYTES] = "?";
    (void)flc_format_print(call->reduce, reduce, sizeof reduce);
    (void)flc_format_print(call->gather, gather, sizeof gather);
    fprintf(stderr, "  %s %zu %s%s %s/%s%s%s%s%s%s, root %d, %s data\n", call->operation->name,
            call->count, flc_type_name(call->type),
            !call->operation->is_reduction ? ""
            : call->op == FLC_AVG          ? " avg"
                                           : " sum",
            reduce, gather, (call->flags & FLC_INVARIANT) != 0 ? " invariant" : "",
            call->is_in_place ? " in place" : "", call->algorithm[0] != '\0' ? ", asked for " : "",
            call->algorithm, call->has_config ? "" : ", no configuration", call->root,
            test_data_name(call->data));
}

void stress_print(const struct stress_case *c)
{
    static const char *const worlds[STRESS_WORLDS] = {"threads", "processes of a job",
                                                      "processes with an allgather"};
    fprintf(stderr,
            "case %" PRIu64 " of seed %" PRIu64 ": %d %s, workspace %zu, codec row '%s', '%s'\n",
            c->index, c->seed, c->ranks, worlds[c->world], c->workspace_bytes, c->row,
            c->algorithm);
    for (int i = 0; i < c->calls; i++) {
        print_call(&c->call[i]);
    }
}

/* A case that hangs is a finding like any other. */
static void on_alarm(int number)
{
    static const char text[] = "this case does not end; replay it with\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    (void)!write(STDERR_FILENO, replay_line, strlen(replay_line));
    _exit(EXIT_FAILURE);
}

/* ---- Options ---- */

static uint64_t parse_number(const char *name, const char *text)
{
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-') {
        fprintf(stderr, "--%s is '%s': a whole number is allowed\n", name, text);
        exit(2);
    }
    return number;
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"cases", required_argument, NULL, 'c'}, {"seconds", required_argument, NULL, 't'},
        {"seed", required_argument, NULL, 's'},  {"first", required_argument, NULL, 'f'},
        {"verbose", no_argument, NULL, 'v'},     {NULL, 0, NULL, 0},
    };
    struct options o = {.cases = UINT64_MAX, .seed = (uint64_t)time(NULL)};
    int key, index = 0;
    while ((key = getopt_long(argc, argv, "", known, &index)) != -1) {
        if (key == 'v') {
            o.is_verbose = 1;
        } else if (key == '?') {
            exit(2);
        } else {
            *(key == 'c'   ? &o.cases
              : key == 't' ? &o.seconds
              : key == 's' ? &o.seed
                           : &o.first) = parse_number(known[index].name, optarg);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "'%s' is not understood\n", argv[optind]);
        exit(2);
    }
    if (o.cases == UINT64_MAX && o.seconds == 0) {
        o.seconds = 10;
    }
    return o;
}

int main(int argc, char **argv)
{
    const struct options o = parse_options(argc, argv);
    const time_t start = time(NULL);
    uint64_t done = 0, calls = 0;
    struct stress_case c;
    (void)signal(SIGALRM, on_alarm);
    while (done < o.cases && (o.seconds == 0 || (uint64_t)(time(NULL) - start) < o.seconds)) {
        stress_draw(o.seed, o.first + done, &c);
        (void)snprintf(replay_line, sizeof replay_line,
                       "    %s --seed %" PRIu64 " --first %" PRIu64 " --cases 1 --verbose\n",
                       argv[0], c.seed, c.index);
        if (o.is_verbose) {
            stress_print(&c);
        }
        (void)alarm(CASE_SECONDS_MAX);
        if (stress_run(&c) != 0) {
            stress_print(&c);
            fprintf(stderr, "replay it with\n%s", replay_line);
            return EXIT_FAILURE;
        }
        done++;
        calls += (uint64_t)c.calls;
    }
    printf("%" PRIu64 " cases, %" PRIu64 " calls: no difference (--seed %" PRIu64
           " --first %" PRIu64 ")\n",
           done, calls, o.seed, o.first);
    return done > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
