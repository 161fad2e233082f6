// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Files that a subcommand writes: under a temporary name beside the final one, then renamed, so
 * that a reader, a full disk or a crash never leaves a file that looks whole and is not, and an
 * old one stays until the new one is there.
 */
#ifndef OUTPUT_FILE_H
#define OUTPUT_FILE_H

#include <stdio.h>

#include "tool_failure.h"

struct output_file {
    FILE *stream;
    const char *path; /* the caller's */
    char *temporary;
};

/* Can a file be written to this path? Files are replaced, but neither devices nor links. */
int output_file_check(const char *path, struct failure *failure);

/* Open the temporary file. 0; or -1, and there is nothing to finish. */
int output_file_open(const char *path, struct output_file *output, struct failure *failure);

/*
 * Close it and give it its name. -1 where a write to the stream failed, now or before: the
 * temporary file is gone then.
 */
int output_file_finish(struct output_file *output, struct failure *failure);

#endif
