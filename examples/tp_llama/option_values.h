// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The values of single options, checked; options.c has the table of options and what depends on
 * several of them. Every function ends the program where a value is not allowed.
 */
#ifndef TP_LLAMA_OPTION_VALUES_H
#define TP_LLAMA_OPTION_VALUES_H

#include <argp.h>

#include "options.h"

/* Read a whole number in [min, max]. */
long option_range(struct argp_state *state, const char *name, const char *text, long min, long max);

/* Take a path, or the default file in $FLC_DATA_DIR when `given` is NULL. */
void option_path(struct argp_state *state, const char *name, const char *given,
                 const char *default_file, char path[OPTION_PATH_BYTES]);

/* Read the list of formats into `options`. */
void option_formats(struct argp_state *state, const char *list, struct options *options);

/* The library would refuse an unknown name too, but only once the ranks run. */
void option_algorithm(struct argp_state *state, const char *name);

/* Read one of option_site_names. */
enum site option_site(struct argp_state *state, const char *text);

#endif
