// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A whole file in memory. The model, the tokenizer and the text are all read this way; what is in
 * the bytes is checked by those who asked for them.
 */
#ifndef TP_LLAMA_READ_FILE_H
#define TP_LLAMA_READ_FILE_H

#include <stddef.h>

#include "failure.h"

/* Read `path`. On success *bytes is [*byte_count] bytes, to be freed, aligned as malloc aligns. */
int read_file(const char *path, unsigned char **bytes, size_t *byte_count, struct failure *failure);

#endif
