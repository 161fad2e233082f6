// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Fuzzes the example's GGUF reader and the two that build on it, model and tokenizer: whatever the
 * bytes, they refuse them or make something that can be used.
 */
#include <stdlib.h>

#include "bpe.h"
#include "fuzz.h"
#include "gguf.h"
#include "gguf_model.h"

#define CONTEXT 2

/* Tensors may share their data, so a small file can describe a large model. */
#define MAX_ELEMS ((size_t)1 << 22)

/* Tokenizing takes time in the square of a word. */
#define MAX_TEXT ((size_t)512)

static size_t all_elems(const struct gguf *gguf)
{
    size_t elems = 0;
    for (size_t i = 0; i < gguf->tensor_count; i++)
        elems += gguf->tensors[i].elems;
    return elems;
}

static void use_tokenizer(const struct gguf *gguf, size_t vocab, const uint8_t *data, size_t size)
{
    struct failure failure;
    struct bpe bpe;
    if (bpe_init(&bpe, gguf, vocab, &failure) != 0)
        return;
    const size_t text_bytes = size < MAX_TEXT ? size : MAX_TEXT;
    int tokens[MAX_TEXT];
    size_t count = 0;
    if (bpe_encode(&bpe, data + size - text_bytes, text_bytes, tokens, MAX_TEXT, &count,
                   &failure) != 0)
        abort();
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || (size_t)tokens[i] >= vocab)
            abort();
    }
    bpe_free(&bpe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gguf gguf;
    struct failure failure;
    if (gguf_parse(data, size, "input", &gguf, &failure) != 0)
        return 0;
    struct model model;
    if (all_elems(&gguf) <= MAX_ELEMS && gguf_model_load(&gguf, CONTEXT, &model, &failure) == 0) {
        use_tokenizer(&gguf, model.vocab, data, size);
        model_free(&model);
    }
    gguf_free(&gguf);
    return 0;
}
