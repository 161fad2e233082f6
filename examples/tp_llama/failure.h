// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * How an error travels in this program: the function that notices it writes one sentence and
 * returns -1, every caller returns -1 in turn, and main prints the sentence.
 */
#ifndef TP_LLAMA_FAILURE_H
#define TP_LLAMA_FAILURE_H

/* Room for two paths and a sentence; longer text is cut. */
#define FAILURE_TEXT_BYTES 1024

struct failure {
    char text[FAILURE_TEXT_BYTES];
};

/* Write the sentence; always returns -1, so that a caller can return it. */
int failure_set(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
