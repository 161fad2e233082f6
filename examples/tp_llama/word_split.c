// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The pattern of word_split.h, alternative by alternative, in the order in which it tries them.
 */
#include "word_split.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <unicode_tables.h> /* made by the build */

enum kind { KIND_END, KIND_LETTER, KIND_NUMBER, KIND_SPACE, KIND_OTHER };

struct character {
    enum kind kind;
    size_t byte_count; /* 0 at the end */
};

static bool in_ranges(const struct code_range *ranges, size_t count, uint32_t code)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (ranges[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ranges[low].first <= code;
}

static bool is_space(uint32_t code)
{
    return (code >= 0x9 && code <= 0xd) || code == 0x20 || code == 0x85 || code == 0xa0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

static enum kind kind_of(uint32_t code)
{
    if (in_ranges(letter_ranges, sizeof letter_ranges / sizeof letter_ranges[0], code))
        return KIND_LETTER;
    if (in_ranges(number_ranges, sizeof number_ranges / sizeof number_ranges[0], code))
        return KIND_NUMBER;
    return is_space(code) ? KIND_SPACE : KIND_OTHER;
}

/* The character at `at`; overlong forms and surrogates are no letters, so need no check. */
static struct character character_at(const unsigned char *text, size_t byte_count, size_t at)
{
    if (at >= byte_count)
        return (struct character){KIND_END, 0};
    const unsigned char lead = text[at];
    if (lead < 0x80)
        return (struct character){kind_of(lead), 1};
    size_t more = 0;
    if (lead >= 0xc2 && lead <= 0xdf)
        more = 1;
    else if (lead >= 0xe0 && lead <= 0xef)
        more = 2;
    else if (lead >= 0xf0 && lead <= 0xf4)
        more = 3;
    if (more == 0 || more >= byte_count - at)
        return (struct character){KIND_OTHER, 1};
    uint32_t code = lead & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((text[at + i] & 0xc0) != 0x80)
            return (struct character){KIND_OTHER, 1};
        code = code << 6 | (text[at + i] & 0x3fu);
    }
    return (struct character){kind_of(code), 1 + more};
}

/* Where the characters of one kind that begin at `at` end. */
static size_t run_end(const unsigned char *text, size_t byte_count, size_t at, enum kind kind)
{
    struct character next = character_at(text, byte_count, at);
    while (next.kind == kind) {
        at += next.byte_count;
        next = character_at(text, byte_count, at);
    }
    return at;
}

/* The length of an English ending behind an apostrophe, or 0. */
static size_t contraction_bytes(const unsigned char *text, size_t byte_count)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t length = strlen(endings[i]);
        if (length <= byte_count && memcmp(text, endings[i], length) == 0)
            return length;
    }
    return 0;
}

/* White space before a word leaves the word its last character; at the end of what is between
 * digits it goes whole. */
static size_t space_bytes(const unsigned char *text, size_t byte_count)
{
    size_t last = 0; /* where the run's last character begins */
    size_t end = 0;
    struct character next = character_at(text, byte_count, 0);
    while (next.kind == KIND_SPACE) {
        last = end;
        end += next.byte_count;
        next = character_at(text, byte_count, end);
    }
    const bool is_segment_end = next.kind == KIND_END || next.kind == KIND_NUMBER;
    return is_segment_end || last == 0 ? end : last;
}

size_t word_bytes(const unsigned char *text, size_t byte_count)
{
    const struct character first = character_at(text, byte_count, 0);
    if (first.kind == KIND_NUMBER)
        return first.byte_count;
    const size_t contraction = contraction_bytes(text, byte_count);
    if (contraction != 0)
        return contraction;
    const size_t start = text[0] == ' ' ? 1 : 0;
    const enum kind kind = character_at(text, byte_count, start).kind;
    if (kind == KIND_LETTER || kind == KIND_OTHER)
        return run_end(text, byte_count, start, kind);
    return space_bytes(text, byte_count);
}
