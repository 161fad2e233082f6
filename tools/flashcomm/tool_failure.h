// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * One sentence that says why something failed.
 *
 * The readers of this tool take a `struct failure` and write to it only when they fail; the
 * subcommand that called them prints it. File contents may end up in a sentence, so control
 * characters are replaced.
 */
#ifndef TOOL_FAILURE_H
#define TOOL_FAILURE_H

struct failure {
    char text[1024];
};

/* Always -1, so that a function can `return failure_set(..)`. */
int failure_set(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
