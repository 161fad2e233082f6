// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A long plain text as the windows a model is judged on: its first tokens, cut every `context`
 * tokens. Each window is run by itself and judged from its second token on, since its first has
 * nothing before it.
 */
#ifndef TP_LLAMA_WINDOWS_H
#define TP_LLAMA_WINDOWS_H

#include <stddef.h>

#include "bpe.h"
#include "failure.h"
#include "stories.h"

/*
 * Tokenize a file's beginning; a window becomes a story of `windows`, to be given to stories_free.
 *
 *   token_limit  tokens to take, over all windows; a shorter text gives what it has
 *   context      tokens of a window, at least 2; the last may be shorter, but not of one token
 */
int windows_load(const char *path, const struct bpe *bpe, size_t token_limit, size_t context,
                 struct stories *windows, struct failure *failure);

#endif
