// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Tokenizes once and copies the tokens of each window.
 */
#include "windows.h"

#include <stdlib.h>
#include <string.h>

#include "read_file.h"

static int cut(const int *tokens, size_t count, size_t context, struct stories *windows,
               struct failure *failure)
{
    windows->items = calloc(count / context + 1, sizeof *windows->items);
    if (windows->items == NULL)
        return failure_set(failure, "out of memory for %zu windows", count / context + 1);
    for (size_t at = 0; count - at >= 2; at += windows->items[windows->count - 1].count) {
        struct story *window = &windows->items[windows->count];
        window->count = count - at < context ? count - at : context;
        window->tokens = calloc(window->count, sizeof *window->tokens);
        if (window->tokens == NULL)
            return failure_set(failure, "out of memory for a window of %zu tokens", window->count);
        memcpy(window->tokens, tokens + at, window->count * sizeof *tokens);
        windows->targets += window->count - 1;
        windows->count++;
    }
    return 0;
}

int windows_load(const char *path, const struct bpe *bpe, size_t token_limit, size_t context,
                 struct stories *windows, struct failure *failure)
{
    *windows = (struct stories){0};
    unsigned char *text = NULL;
    size_t byte_count = 0;
    if (read_file(path, &text, &byte_count, failure) != 0)
        return -1;
    const size_t limit = token_limit < byte_count ? token_limit : byte_count;
    int *tokens = calloc(limit + 1, sizeof *tokens);
    size_t count = 0;
    int status = -1;
    struct failure reason;
    if (tokens == NULL)
        failure_set(failure, "%s: out of memory for %zu tokens", path, limit);
    else if (bpe_encode(bpe, text, byte_count, tokens, limit, &count, &reason) != 0)
        failure_set(failure, "%s: %.512s", path, reason.text);
    else if (count < 2)
        failure_set(failure, "%s: %zu tokens; at least 2 needed", path, count);
    else
        status = cut(tokens, count, context, windows, failure);
    free(tokens);
    free(text);
    if (status != 0)
        stories_free(windows);
    return status;
}
