// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Loads a vocabulary and merges byte pairs: of all neighbours that spell a token together, the
 * pair with the best score becomes that token (the leftmost of equals), until none is left. The
 * token each pair would become is remembered, so that a merge looks up two pairs, not all.
 */
#include "tokenizer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "read_file.h"

/* Tokens 0 to 2 are "unknown", begin and end; the 256 bytes follow. */
#define BYTE_TOKEN_0  3
#define MIN_VOCAB     (BYTE_TOKEN_0 + 256)
#define MAX_TOKEN_LEN 4096
#define NO_TOKEN      (-1)

static int compare_bytes(const struct token_piece *a, const struct token_piece *b)
{
    const size_t shared = a->byte_count < b->byte_count ? a->byte_count : b->byte_count;
    const int order = shared == 0 ? 0 : memcmp(a->bytes, b->bytes, shared);
    if (order != 0)
        return order;
    return (a->byte_count > b->byte_count) - (a->byte_count < b->byte_count);
}

static int compare_pieces(const void *left, const void *right)
{
    const struct token_piece *a = left;
    const struct token_piece *b = right;
    const int order = compare_bytes(a, b);
    return order != 0 ? order : (a->id > b->id) - (a->id < b->id);
}

/* The lowest id that spells these bytes, or NO_TOKEN. */
static int find_token(const struct tokenizer *tokenizer, const unsigned char *bytes,
                      size_t byte_count)
{
    const struct token_piece wanted = {.bytes = bytes, .byte_count = byte_count};
    size_t low = 0;
    size_t high = tokenizer->vocab;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_bytes(&tokenizer->sorted[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == tokenizer->vocab || compare_bytes(&tokenizer->sorted[low], &wanted) != 0)
        return NO_TOKEN;
    return tokenizer->sorted[low].id;
}

static int32_t read_int32(const unsigned char *bytes)
{
    int32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static int read_pieces(struct tokenizer *tokenizer, size_t file_bytes, const char *path,
                       struct failure *failure)
{
    const size_t head_bytes = sizeof(float) + sizeof(int32_t);
    size_t at = sizeof(int32_t);
    for (size_t id = 0; id < tokenizer->vocab; id++) {
        struct token_piece *piece = &tokenizer->pieces[id];
        if (file_bytes - at < head_bytes)
            return failure_set(failure, "%s: ends in token %zu of %zu", path, id, tokenizer->vocab);
        memcpy(&piece->score, tokenizer->file + at, sizeof piece->score);
        const int32_t length = read_int32(tokenizer->file + at + sizeof(float));
        at += head_bytes;
        if (length < 0 || (size_t)length > tokenizer->longest_bytes)
            return failure_set(failure, "%s: token %zu has %d bytes; allowed: 0 to %zu", path, id,
                               length, tokenizer->longest_bytes);
        if ((size_t)length > file_bytes - at)
            return failure_set(failure, "%s: ends in token %zu of %zu", path, id, tokenizer->vocab);
        piece->bytes = tokenizer->file + at;
        piece->byte_count = (size_t)length;
        piece->id = (int)id;
        at += (size_t)length;
    }
    if (at != file_bytes)
        return failure_set(failure, "%s: %zu bytes follow token %zu, the last of the model", path,
                           file_bytes - at, tokenizer->vocab - 1);
    return 0;
}

static int parse_file(struct tokenizer *tokenizer, size_t file_bytes, const char *path,
                      struct failure *failure)
{
    const size_t vocab = tokenizer->vocab;
    if (vocab < MIN_VOCAB)
        return failure_set(failure, "%s: the model has %zu tokens; at least %d needed", path, vocab,
                           MIN_VOCAB);
    const int32_t longest = file_bytes < sizeof(int32_t) ? 0 : read_int32(tokenizer->file);
    if (longest < 1 || longest > MAX_TOKEN_LEN)
        return failure_set(failure, "%s: longest token %d bytes; allowed: 1 to %d", path, longest,
                           MAX_TOKEN_LEN);
    tokenizer->longest_bytes = (size_t)longest;

    tokenizer->pieces = calloc(vocab, sizeof *tokenizer->pieces);
    tokenizer->sorted = calloc(vocab, sizeof *tokenizer->sorted);
    if (tokenizer->pieces == NULL || tokenizer->sorted == NULL)
        return failure_set(failure, "%s: out of memory for %zu tokens", path, vocab);
    if (read_pieces(tokenizer, file_bytes, path, failure) != 0)
        return -1;
    memcpy(tokenizer->sorted, tokenizer->pieces, vocab * sizeof *tokenizer->sorted);
    qsort(tokenizer->sorted, vocab, sizeof *tokenizer->sorted, compare_pieces);
    return 0;
}

int tokenizer_load(const char *path, size_t vocab, struct tokenizer *tokenizer,
                   struct failure *failure)
{
    *tokenizer = (struct tokenizer){.vocab = vocab};
    size_t file_bytes = 0;
    if (read_file(path, &tokenizer->file, &file_bytes, failure) != 0)
        return -1;
    if (parse_file(tokenizer, file_bytes, path, failure) != 0) {
        tokenizer_free(tokenizer);
        return -1;
    }
    return 0;
}

void tokenizer_free(struct tokenizer *tokenizer)
{
    free(tokenizer->pieces);
    free(tokenizer->sorted);
    free(tokenizer->file);
    *tokenizer = (struct tokenizer){0};
}

static int byte_token(const struct tokenizer *tokenizer, unsigned char byte)
{
    const int id = find_token(tokenizer, &byte, 1);
    return id != NO_TOKEN ? id : BYTE_TOKEN_0 + byte;
}

/* The token that two neighbours would become. `joined` is [2 * longest_bytes] of scratch. */
static int merged_token(const struct tokenizer *tokenizer, int left, int right,
                        unsigned char *joined)
{
    const struct token_piece *a = &tokenizer->pieces[left];
    const struct token_piece *b = &tokenizer->pieces[right];
    if (a->byte_count + b->byte_count > tokenizer->longest_bytes)
        return NO_TOKEN;
    memcpy(joined, a->bytes, a->byte_count);
    memcpy(joined + a->byte_count, b->bytes, b->byte_count);
    return find_token(tokenizer, joined, a->byte_count + b->byte_count);
}

/* The place whose pair has the best score, or pair_count where no pair makes a token. */
static size_t best_pair(const struct tokenizer *tokenizer, const int *merged, size_t pair_count)
{
    size_t best = pair_count;
    float best_score = 0.0f;
    for (size_t i = 0; i < pair_count; i++) {
        if (merged[i] == NO_TOKEN)
            continue;
        const float score = tokenizer->pieces[merged[i]].score;
        if (best == pair_count || score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

/* Merge until no pair makes a token. `merged` is [count]: what tokens i and i + 1 would become. */
static size_t merge_pairs(const struct tokenizer *tokenizer, int *tokens, size_t count, int *merged,
                          unsigned char *joined)
{
    for (size_t i = 0; i + 1 < count; i++)
        merged[i] = merged_token(tokenizer, tokens[i], tokens[i + 1], joined);
    while (count > 1) {
        const size_t at = best_pair(tokenizer, merged, count - 1);
        if (at == count - 1)
            break;
        tokens[at] = merged[at];
        const size_t behind = count - (at + 2); /* tokens to the right of the pair */
        memmove(&tokens[at + 1], &tokens[at + 2], behind * sizeof *tokens);
        memmove(&merged[at], &merged[at + 1], behind * sizeof *merged);
        count--;
        if (at + 1 < count)
            merged[at] = merged_token(tokenizer, tokens[at], tokens[at + 1], joined);
        if (at > 0)
            merged[at - 1] = merged_token(tokenizer, tokens[at - 1], tokens[at], joined);
    }
    return count;
}

int tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t byte_count,
                     int *tokens, size_t *count, struct failure *failure)
{
    *count = 0;
    if (byte_count == 0)
        return 0;
    int *merged = calloc(byte_count + 1, sizeof *merged);
    unsigned char *joined = malloc(2 * tokenizer->longest_bytes);
    if (merged == NULL || joined == NULL) {
        free(merged);
        free(joined);
        return failure_set(failure, "out of memory to tokenize %zu bytes", byte_count);
    }

    /* The vocabulary spells a word with the space before it, so the first word gets one too. */
    tokens[0] = byte_token(tokenizer, ' ');
    for (size_t i = 0; i < byte_count; i++)
        tokens[i + 1] = byte_token(tokenizer, (unsigned char)text[i]);
    *count = merge_pairs(tokenizer, tokens, byte_count + 1, merged, joined);
    free(merged);
    free(joined);
    return 0;
}
