// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Where the JSON document of `flashcomm perf` goes: to standard output as it grows, or to a file
 * when it is whole. Until then it is kept in memory, so that a run that is interrupted leaves
 * nothing behind and an old file as it was.
 */
#ifndef PERF_DOCUMENT_H
#define PERF_DOCUMENT_H

#include <stdbool.h>
#include <stdio.h>

#include "perf_options.h"
#include "tool_failure.h"

struct perf_document {
    FILE *stream;     /* NULL: no JSON */
    const char *path; /* NULL: standard output */
    char *text;       /* [bytes], of a file */
    size_t bytes;
};

/* An exit status, with a sentence where it is not EXIT_OK: that of a file that cannot be written.
 */
int perf_document_open(const struct perf_options *options, struct perf_document *document,
                       struct failure *failure);

/* Write the file, where there is one and it `is_worth_it`. 0 or -1. */
int perf_document_close(struct perf_document *document, bool is_worth_it, struct failure *failure);

#endif
