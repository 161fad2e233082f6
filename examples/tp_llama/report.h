// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What was measured, on standard output: a table, or with --json one object.
 */
#ifndef TP_LLAMA_REPORT_H
#define TP_LLAMA_REPORT_H

#include <stddef.h>

#include "generate.h"
#include "options.h"
#include "perplexity.h"
#include "stories.h"

/* likelihoods: [options->format_count][bucket_count]; one bucket without --by-position */
void report_perplexity(const struct options *options, const struct stories *stories,
                       const struct likelihood *likelihoods, size_t bucket_count);

/* agreements: [options->format_count], over `texts` texts, at least 1 */
void report_generation(const struct options *options, size_t texts,
                       const struct agreement *agreements);

#endif
