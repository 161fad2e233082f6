// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The byte-pair tokenizer that goes with a model, in llama2.c's file layout: int32 length of the
 * longest token, then for each token a float32 score, an int32 length and the bytes. Token 1
 * begins a text; token 3 + b stands for the byte b that no other token spells.
 */
#ifndef TP_LLAMA_TOKENIZER_H
#define TP_LLAMA_TOKENIZER_H

#include <stddef.h>

#include "failure.h"

#define TOKEN_BEGIN 1

struct token_piece {
    const unsigned char *bytes;
    size_t byte_count;
    float score;
    int id;
};

struct tokenizer {
    size_t vocab;
    size_t longest_bytes;       /* of the longest token */
    struct token_piece *pieces; /* [vocab], by id */
    struct token_piece *sorted; /* [vocab], by bytes, then by id */
    unsigned char *file;        /* what the pieces point into */
};

/* Fill `tokenizer` from a file that must hold exactly `vocab` tokens; give it to
 * tokenizer_free. */
int tokenizer_load(const char *path, size_t vocab, struct tokenizer *tokenizer,
                   struct failure *failure);

void tokenizer_free(struct tokenizer *tokenizer);

/*
 * Tokenize ASCII text, without TOKEN_BEGIN.
 *
 *   text    [byte_count]; every byte starts as a token of its own (a character above 127 would
 *           have to start as one, which is not done)
 *   tokens  [byte_count + 1]
 *   count   tokens written
 */
int tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t byte_count,
                     int *tokens, size_t *count, struct failure *failure);

#endif
