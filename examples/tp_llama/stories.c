// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Reads, filters, normalizes and tokenizes texts. JSON goes through jansson, the only optional
 * dependency; built without it, a .json file is an error that says so.
 */
#include "stories.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "read_file.h"

#ifdef TP_LLAMA_JANSSON
#    include <jansson.h>
#endif

/*
 * Merging takes time in the square of the text, and only the first `context` tokens count, so
 * text beyond twice the bytes that they can spell is not looked at.
 */
#define LOOK_AHEAD 2

static bool is_ascii(const char *text, size_t byte_count)
{
    for (size_t i = 0; i < byte_count; i++) {
        if ((unsigned char)text[i] > 127)
            return false;
    }
    return true;
}

/* Copy text with every run of newlines as one; returns the bytes written. */
static size_t join_paragraphs(const char *text, size_t byte_count, char *joined)
{
    size_t used = 0;
    for (size_t i = 0; i < byte_count; i++) {
        const bool repeats = i > 0 && text[i] == '\n' && text[i - 1] == '\n';
        if (!repeats)
            joined[used++] = text[i];
    }
    return used;
}

/* Tokenize an ASCII text into `story`; its tokens are to be freed. */
static int tokenize_story(const struct tokenizer *tokenizer, size_t context, const char *text,
                          size_t byte_count, struct story *story, struct failure *failure)
{
    const size_t useful_bytes = LOOK_AHEAD * context * tokenizer->longest_bytes;
    char *joined = malloc(byte_count + 1);
    int *tokens = NULL;
    if (joined == NULL)
        goto no_memory;
    size_t joined_bytes = join_paragraphs(text, byte_count, joined);
    if (joined_bytes > useful_bytes)
        joined_bytes = useful_bytes;
    tokens = calloc(joined_bytes + 2, sizeof *tokens); /* TOKEN_BEGIN, and encode's one more */
    if (tokens == NULL)
        goto no_memory;
    tokens[0] = TOKEN_BEGIN;
    size_t count = 0;
    if (tokenizer_encode(tokenizer, joined, joined_bytes, tokens + 1, &count, failure) != 0)
        goto err;
    free(joined);
    story->tokens = tokens;
    story->count = count + 1 < context ? count + 1 : context;
    return 0;

no_memory:
    failure_set(failure, "out of memory for a text of %zu bytes", byte_count);
err:
    free(joined);
    free(tokens);
    return -1;
}

/* Append a text, unless it is not ASCII. Room for it is there. */
static int add_text(struct stories *stories, const struct tokenizer *tokenizer, size_t context,
                    const char *text, size_t byte_count, struct failure *failure)
{
    if (!is_ascii(text, byte_count))
        return 0;
    struct story *story = &stories->items[stories->count];
    if (tokenize_story(tokenizer, context, text, byte_count, story, failure) != 0)
        return -1;
    stories->count++;
    stories->targets += story->count - 1;
    return 0;
}

static int make_room(struct stories *stories, size_t count, struct failure *failure)
{
    stories->items = calloc(count > 0 ? count : 1, sizeof *stories->items);
    if (stories->items == NULL)
        return failure_set(failure, "out of memory for %zu stories", count);
    return 0;
}

#ifdef TP_LLAMA_JANSSON
static int add_list(struct stories *stories, const json_t *list, const char *path,
                    const struct tokenizer *tokenizer, size_t context, size_t limit,
                    struct failure *failure)
{
    if (!json_is_array(list))
        return failure_set(failure, "%s: not a JSON list of strings", path);
    const size_t texts = json_array_size(list);
    if (make_room(stories, texts, failure) != 0)
        return -1;
    for (size_t i = 0; i < texts && stories->count < limit; i++) {
        const json_t *text = json_array_get(list, i);
        if (!json_is_string(text))
            return failure_set(failure, "%s: item %zu of the list is not a string", path, i);
        if (add_text(stories, tokenizer, context, json_string_value(text), json_string_length(text),
                     failure) != 0)
            return -1;
    }
    return 0;
}

static int add_json(struct stories *stories, const char *bytes, size_t byte_count, const char *path,
                    const struct tokenizer *tokenizer, size_t context, size_t limit,
                    struct failure *failure)
{
    json_error_t error;
    json_t *list = json_loadb(bytes, byte_count, 0, &error);
    if (list == NULL)
        return failure_set(failure, "%s: line %d: %s", path, error.line, error.text);
    const int status = add_list(stories, list, path, tokenizer, context, limit, failure);
    json_decref(list);
    return status;
}
#else
static int add_json(struct stories *stories, const char *bytes, size_t byte_count, const char *path,
                    const struct tokenizer *tokenizer, size_t context, size_t limit,
                    struct failure *failure)
{
    (void)stories;
    (void)bytes;
    (void)byte_count;
    (void)tokenizer;
    (void)context;
    (void)limit;
    return failure_set(failure, "%s: this build cannot read JSON; rebuild with jansson", path);
}
#endif

static bool ends_in(const char *text, const char *end)
{
    const size_t text_bytes = strlen(text);
    const size_t end_bytes = strlen(end);
    return text_bytes >= end_bytes && strcmp(text + text_bytes - end_bytes, end) == 0;
}

int stories_load(const char *path, const struct tokenizer *tokenizer, size_t context, size_t limit,
                 struct stories *stories, struct failure *failure)
{
    *stories = (struct stories){0};
    unsigned char *bytes = NULL;
    size_t byte_count = 0;
    if (read_file(path, &bytes, &byte_count, failure) != 0)
        return -1;

    const char *text = (const char *)bytes;
    int status;
    if (ends_in(path, ".json")) {
        status = add_json(stories, text, byte_count, path, tokenizer, context, limit, failure);
    } else {
        status = make_room(stories, 1, failure);
        if (status == 0)
            status = add_text(stories, tokenizer, context, text, byte_count, failure);
    }
    free(bytes);
    if (status == 0 && stories->targets == 0)
        status = failure_set(failure, "%s: no ASCII text in it; other text is left out", path);
    if (status != 0)
        stories_free(stories);
    return status;
}

void stories_free(struct stories *stories)
{
    for (size_t i = 0; i < stories->count; i++)
        free(stories->items[i].tokens);
    free(stories->items);
    *stories = (struct stories){0};
}
