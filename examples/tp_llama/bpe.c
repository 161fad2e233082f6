// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Vocabulary and merges are given as text, in which a byte stands as one printable character of
 * its own. The vocabulary is hashed by that text only to number the merges; afterwards all work is
 * done on numbers.
 */
#include "bpe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fingerprint.h"
#include "word_split.h"

#define NO_TOKEN (-1)

/* The vocabulary by text: open addressing. */
struct names {
    struct gguf_text *texts; /* [slots] */
    int *tokens;             /* [slots], NO_TOKEN in an empty slot */
    size_t slots;            /* a power of two */
};

/* Twice what is needed or more, so that searches stay short. */
static size_t slots_for(size_t count)
{
    size_t slots = 16;
    while (slots < 2 * count)
        slots *= 2;
    return slots;
}

/* Where a text given in two parts stands, or the empty slot where it would. */
static size_t name_slot(const struct names *names, struct gguf_text a, struct gguf_text b)
{
    uint64_t hash = fingerprint_of(a.bytes, a.byte_count);
    hash = fingerprint_more(hash, b.bytes, b.byte_count);
    size_t slot = (size_t)(hash ^ hash >> 32) & (names->slots - 1);
    for (; names->tokens[slot] != NO_TOKEN; slot = (slot + 1) & (names->slots - 1)) {
        const struct gguf_text *text = &names->texts[slot];
        if (text->byte_count == a.byte_count + b.byte_count &&
            memcmp(text->bytes, a.bytes, a.byte_count) == 0 &&
            memcmp(text->bytes + a.byte_count, b.bytes, b.byte_count) == 0)
            break;
    }
    return slot;
}

static int find_name(const struct names *names, struct gguf_text a, struct gguf_text b)
{
    return names->tokens[name_slot(names, a, b)];
}

static int names_init(struct names *names, const struct gguf *gguf,
                      const struct gguf_value *strings, struct failure *failure)
{
    names->slots = slots_for(strings->count);
    names->texts = calloc(names->slots, sizeof *names->texts);
    names->tokens = calloc(names->slots, sizeof *names->tokens);
    if (names->texts == NULL || names->tokens == NULL)
        return failure_set(failure, "%s: out of memory for %zu tokens", gguf->path, strings->count);
    for (size_t slot = 0; slot < names->slots; slot++)
        names->tokens[slot] = NO_TOKEN;
    const uint8_t *at = strings->data;
    for (size_t token = 0; token < strings->count; token++) {
        const struct gguf_text text = gguf_next_string(&at);
        const size_t slot = name_slot(names, text, (struct gguf_text){"", 0});
        if (names->tokens[slot] != NO_TOKEN)
            return failure_set(failure, "%s: tokens %d and %zu are the same", gguf->path,
                               names->tokens[slot], token);
        names->texts[slot] = text;
        names->tokens[slot] = (int)token;
    }
    return 0;
}

static void names_free(struct names *names)
{
    free(names->texts);
    free(names->tokens);
}

static size_t merge_slot(const struct bpe *bpe, int left, int right)
{
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    const uint64_t hash = pair * UINT64_C(0x9e3779b97f4a7c15); /* the golden ratio's bits */
    size_t slot = (size_t)(hash >> 32) & (bpe->slots - 1);
    for (; bpe->merges[slot].left != NO_TOKEN; slot = (slot + 1) & (bpe->slots - 1)) {
        if (bpe->merges[slot].left == left && bpe->merges[slot].right == right)
            break;
    }
    return slot;
}

/* A merge is two tokens with a blank between them. */
static int add_merge(struct bpe *bpe, const struct names *names, const struct gguf *gguf,
                     struct gguf_text text, size_t rank, struct failure *failure)
{
    const char *blank =
        text.byte_count > 1 ? memchr(text.bytes + 1, ' ', text.byte_count - 1) : NULL;
    if (blank == NULL)
        return failure_set(failure, "%s: merge %zu is not two tokens with a blank between them",
                           gguf->path, rank);
    const struct gguf_text none = {"", 0};
    const struct gguf_text left = {text.bytes, (size_t)(blank - text.bytes)};
    const struct gguf_text right = {blank + 1, text.byte_count - left.byte_count - 1};
    const struct bpe_merge merge = {
        .left = find_name(names, left, none),
        .right = find_name(names, right, none),
        .merged = find_name(names, left, right),
        .rank = (uint32_t)rank,
    };
    if (merge.left == NO_TOKEN || merge.right == NO_TOKEN || merge.merged == NO_TOKEN)
        return failure_set(failure, "%s: merge %zu names a token that the vocabulary lacks",
                           gguf->path, rank);
    const size_t slot = merge_slot(bpe, merge.left, merge.right);
    if (bpe->merges[slot].left != NO_TOKEN)
        return failure_set(failure, "%s: merges %u and %zu are the same", gguf->path,
                           bpe->merges[slot].rank, rank);
    bpe->merges[slot] = merge;
    return 0;
}

static int add_merges(struct bpe *bpe, const struct names *names, const struct gguf *gguf,
                      const struct gguf_value *strings, struct failure *failure)
{
    bpe->slots = slots_for(strings->count);
    bpe->merges = calloc(bpe->slots, sizeof *bpe->merges);
    if (bpe->merges == NULL)
        return failure_set(failure, "%s: out of memory for %zu merges", gguf->path, strings->count);
    for (size_t slot = 0; slot < bpe->slots; slot++)
        bpe->merges[slot].left = NO_TOKEN;
    const uint8_t *at = strings->data;
    for (size_t rank = 0; rank < strings->count; rank++) {
        if (add_merge(bpe, names, gguf, gguf_next_string(&at), rank, failure) != 0)
            return -1;
    }
    return 0;
}

/*
 * The character that stands for each byte: itself where Latin-1 prints it, else the next one from
 * U+0100 on. All are below U+0800, so two bytes of UTF-8 at most.
 */
static void find_byte_tokens(struct bpe *bpe, const struct names *names)
{
    unsigned next = 0x100;
    for (unsigned byte = 0; byte < 256; byte++) {
        const bool is_printed = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
        const unsigned code = is_printed ? byte : next++;
        const char spelled[] = {(char)(code < 0x80 ? code : 0xc0 | code >> 6),
                                (char)(0x80 | (code & 0x3f))};
        const struct gguf_text text = {spelled, code < 0x80 ? 1 : 2};
        bpe->byte_tokens[byte] = find_name(names, text, (struct gguf_text){"", 0});
    }
}

int bpe_init(struct bpe *bpe, const struct gguf *gguf, size_t vocab, struct failure *failure)
{
    *bpe = (struct bpe){0};
    struct names names = {0};
    const struct gguf_value *tokens = NULL;
    const struct gguf_value *merges = NULL;
    if (gguf_expect_text(gguf, "tokenizer.ggml.model", "gpt2", failure) != 0 ||
        gguf_expect_text(gguf, "tokenizer.ggml.pre", "smollm", failure) != 0 ||
        gguf_read_strings(gguf, "tokenizer.ggml.tokens", &tokens, failure) != 0 ||
        gguf_read_strings(gguf, "tokenizer.ggml.merges", &merges, failure) != 0)
        return -1;
    if (tokens->count != vocab)
        return failure_set(failure, "%s: %zu tokens, but the model has %zu", gguf->path,
                           tokens->count, vocab);
    int status = -1;
    if (names_init(&names, gguf, tokens, failure) == 0 &&
        add_merges(bpe, &names, gguf, merges, failure) == 0) {
        find_byte_tokens(bpe, &names);
        status = 0;
    }
    names_free(&names);
    if (status != 0)
        bpe_free(bpe);
    return status;
}

void bpe_free(struct bpe *bpe)
{
    free(bpe->merges);
    *bpe = (struct bpe){0};
}

/* The merge of tokens i and i + 1, or an empty slot. */
static const struct bpe_merge *merge_at(const struct bpe *bpe, const int *tokens, size_t i)
{
    return &bpe->merges[merge_slot(bpe, tokens[i], tokens[i + 1])];
}

/* The merge that stands first in the list, or NULL; *place is the leftmost where it fits. */
static const struct bpe_merge *first_merge(const struct bpe_merge *const *found, size_t pair_count,
                                           size_t *place)
{
    const struct bpe_merge *first = NULL;
    for (size_t i = 0; i < pair_count; i++) {
        if (found[i]->left != NO_TOKEN && (first == NULL || found[i]->rank < first->rank)) {
            first = found[i];
            *place = i;
        }
    }
    return first;
}

/*
 * Tokenize a word; returns how many tokens it became.
 *
 *   tokens  [byte_count]
 *   found   [byte_count], scratch: the merge of tokens i and i + 1
 */
static size_t encode_word(const struct bpe *bpe, const unsigned char *word, size_t byte_count,
                          int *tokens, const struct bpe_merge **found)
{
    size_t count = 0;
    for (size_t i = 0; i < byte_count; i++) {
        if (bpe->byte_tokens[word[i]] != NO_TOKEN)
            tokens[count++] = bpe->byte_tokens[word[i]];
    }
    for (size_t i = 0; i + 1 < count; i++)
        found[i] = merge_at(bpe, tokens, i);
    while (count > 1) {
        size_t at = 0;
        const struct bpe_merge *merge = first_merge(found, count - 1, &at);
        if (merge == NULL)
            break;
        tokens[at] = merge->merged;
        const size_t behind = count - (at + 2); /* tokens to the right of the pair */
        memmove(&tokens[at + 1], &tokens[at + 2], behind * sizeof *tokens);
        memmove(&found[at], &found[at + 1], behind * sizeof *found);
        count--;
        if (at + 1 < count)
            found[at] = merge_at(bpe, tokens, at);
        if (at > 0)
            found[at - 1] = merge_at(bpe, tokens, at - 1);
    }
    return count;
}

int bpe_encode(const struct bpe *bpe, const unsigned char *text, size_t byte_count, int *tokens,
               size_t limit, size_t *count, struct failure *failure)
{
    *count = 0;
    int *word_tokens = calloc(BPE_MAX_WORD_BYTES, sizeof *word_tokens);
    const struct bpe_merge **found = calloc(BPE_MAX_WORD_BYTES, sizeof *found);
    int status = 0;
    if (word_tokens == NULL || found == NULL)
        status = failure_set(failure, "out of memory to tokenize");
    for (size_t at = 0; status == 0 && at < byte_count && *count < limit;) {
        const size_t length = word_bytes(text + at, byte_count - at);
        if (length > BPE_MAX_WORD_BYTES) {
            status = failure_set(failure, "a word of %zu bytes at byte %zu; allowed: 1 to %zu",
                                 length, at, BPE_MAX_WORD_BYTES);
            break;
        }
        const size_t made = encode_word(bpe, text + at, length, word_tokens, found);
        const size_t room = limit - *count;
        const size_t kept = made < room ? made : room;
        memcpy(tokens + *count, word_tokens, kept * sizeof *tokens);
        *count += kept;
        at += length;
    }
    free(word_tokens);
    free(found);
    return status;
}
