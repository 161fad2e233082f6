// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Option values that subcommands share: numbers, collectives, algorithms, element types, lists of
 * formats.
 *
 * The argument_* functions call argp_error on a bad value, which names the option, the value and
 * what is allowed, and ends the program.
 */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collective.h"
#include "flashcomm/codec.h"
#include "tool_failure.h"

/* One format as it was given. */
struct format_item {
    const char *text;
    flc_format reduce;
    flc_format gather; /* the same, where no pair was given or is allowed */
};

struct format_list {
    size_t count; /* 1 or more */
    struct format_item *items;
    char *storage; /* the list's text, cut at its commas */
};

enum format_pairs { PAIRS_REFUSED, PAIRS_ALLOWED };

/* Read "F,F,..."; release with format_list_free. 0, or -1 with a sentence. */
int format_list_parse(const char *text, enum format_pairs pairs, struct format_list *list,
                      struct failure *failure);
void format_list_free(struct format_list *list);

/* Characters of the longest text, for a table's column. */
int format_list_width(const struct format_list *list);

int64_t argument_number(const struct argp_state *state, const char *option, const char *text,
                        int64_t min, int64_t max);
const struct collective *argument_collective(const struct argp_state *state, const char *text);

/* "all_reduce, reduce_scatter, .." */
void argument_collective_names(char *text, size_t text_bytes);

/* A name that the library has for the collective, or auto; checked here, since the library would
   refuse another once on every rank. */
void argument_algorithm(const struct argp_state *state, const char *text,
                        const struct collective *collective);

flc_type argument_type(const struct argp_state *state, const char *text);

/* Whether --device says cuda, which must be in the build, rather than cpu. */
bool argument_device(const struct argp_state *state, const char *text);

/* Refuse a collective that GPUs do not have. */
void argument_cuda_collective(const struct argp_state *state, const struct collective *collective);

/* Replaces what the list held. */
void argument_formats(const struct argp_state *state, const char *text, enum format_pairs pairs,
                      struct format_list *list);

#endif
