// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The byte-level byte-pair tokenizer of a GGUF file ("gpt2" with the "smollm" way to cut words):
 * inside a word, the pair of neighbours that stands first in the file's list of merges becomes one
 * token, until no pair is in the list. Control tokens are never made from text, and no token
 * begins a text.
 */
#ifndef TP_LLAMA_BPE_H
#define TP_LLAMA_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "failure.h"
#include "gguf.h"

/* Longer words are refused: merging takes time in the square of the word. */
#define BPE_MAX_WORD_BYTES ((size_t)1 << 16)

/* A pair of tokens that become one. */
struct bpe_merge {
    int left; /* -1: an empty slot */
    int right;
    int merged;
    uint32_t rank; /* the lowest is merged first */
};

struct bpe {
    struct bpe_merge *merges; /* [slots], a hash table by pair */
    size_t slots;             /* a power of two */
    int byte_tokens[256];     /* -1: the vocabulary lacks this byte, which is left out of texts */
};

/* Fill `bpe`, to be given to bpe_free; the file must hold exactly `vocab` tokens. Nothing of it
 * points into `gguf`. */
int bpe_init(struct bpe *bpe, const struct gguf *gguf, size_t vocab, struct failure *failure);

void bpe_free(struct bpe *bpe);

/*
 * Tokenize a text's beginning.
 *
 *   text    [byte_count]
 *   tokens  [limit]; exactly the first tokens of the whole text
 *   count   tokens written; fewer than `limit` only if the text has no more
 */
int bpe_encode(const struct bpe *bpe, const unsigned char *text, size_t byte_count, int *tokens,
               size_t limit, size_t *count, struct failure *failure);

#endif
