// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The text form of formats: `raw`, `int4`, `int5:g64:sym:spike:compact`, `int3:g32:rot:search`,
 * `int4/int8`, and presets by name. The same in C, on the command line, in the environment and in
 * docs/format.md.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "codec/format.h"
#include "codec/presets.h"

#define DEFAULT_GROUP 128

/* A piece of the user's text, and where it begins, for messages. */
struct token {
    const char *text; /* the whole text */
    size_t at;        /* of the token in it */
    size_t length;
};

static int is_word(struct token token, const char *word)
{
    return token.length == strlen(word) && memcmp(token.text + token.at, word, token.length) == 0;
}

static flc_status fail(struct token token, const char *what)
{
    return flci_fail(FLC_ERR_INVALID_ARG, "format '%.80s', character %zu: '%.*s' %s", token.text,
                     token.at + 1, (int)(token.length > 40 ? 40 : token.length),
                     token.text + token.at, what);
}

/* Digits of the token from `skip` on; -1 if there are none, others, a leading zero or too many. */
static int number_in(struct token token, size_t skip)
{
    int value = 0;
    if (token.length <= skip || token.length > skip + 4 || token.text[token.at + skip] == '0') {
        return -1;
    }
    for (size_t i = skip; i < token.length; i++) {
        const char c = token.text[token.at + i];
        if (c < '0' || c > '9') {
            return -1;
        }
        value = 10 * value + (c - '0');
    }
    return value;
}

static flc_status parse_bits(struct token token, flc_format *format)
{
    const int bits = number_in(token, 3);
    if (token.length < 3 || memcmp(token.text + token.at, "int", 3) != 0) {
        return fail(token, "is no format: expected 'raw', 'int1' to 'int8' or a preset");
    }
    if (bits < 1 || bits > 8) {
        return fail(token, "has a bad width: allowed are int1 to int8");
    }
    *format = (flc_format){.bits = (uint8_t)bits, .group = DEFAULT_GROUP};
    return FLC_OK;
}

enum { SEEN_GROUP = 1, SEEN_SCHEME = 2, SEEN_SPIKE = 4, SEEN_METADATA = 8, SEEN_SEARCH = 16 };

static flc_status parse_option(struct token token, flc_format *format, unsigned *seen)
{
    unsigned option;
    if (is_word(token, "asym") || is_word(token, "sym") || is_word(token, "rot")) {
        option = SEEN_SCHEME;
        format->scheme = is_word(token, "asym")  ? FLC_ASYMMETRIC
                         : is_word(token, "sym") ? FLC_SYMMETRIC
                                                 : FLC_ROTATED;
    } else if (is_word(token, "search")) {
        option = SEEN_SEARCH;
        format->search = 1;
    } else if (is_word(token, "spike")) {
        option = SEEN_SPIKE;
        format->spikes = 1;
    } else if (is_word(token, "compact") || is_word(token, "wide")) {
        option = SEEN_METADATA;
        format->metadata = is_word(token, "compact") ? FLC_COMPACT : FLC_WIDE;
    } else if (token.length > 0 && token.text[token.at] == 'g') {
        const int group = number_in(token, 1);
        option = SEEN_GROUP;
        if (group != 16 && group != 32 && group != 64 && group != 128 && group != 256) {
            return fail(token, "is a bad group: allowed are g16, g32, g64, g128 and g256");
        }
        format->group = (uint16_t)group;
    } else {
        return fail(token, "is no option: allowed are g16 to g256, asym, sym, rot, spike, compact, "
                           "wide and search");
    }
    if ((*seen & option) != 0) {
        return fail(token, "says again what an earlier option said");
    }
    *seen |= option;
    return FLC_OK;
}

/* What the options mean together. */
static flc_status check_options(struct token whole, unsigned seen, flc_format *parsed,
                                flc_format *format)
{
    if (parsed->scheme == FLC_ROTATED) {
        if ((seen & SEEN_SPIKE) != 0) {
            return fail(whole, "combines rot and spike: allowed is one of them");
        }
        if ((seen & SEEN_METADATA) != 0 && parsed->metadata == FLC_WIDE) {
            return fail(whole, "combines rot and wide: rotated formats are compact");
        }
        parsed->metadata = FLC_COMPACT;
    }
    if (parsed->search && (parsed->scheme != FLC_ROTATED || parsed->bits > FLCI_NARROW_BITS)) {
        return fail(whole, "asks for search: only rot of int1 to int4 has it");
    }
    *format = *parsed;
    return FLC_OK;
}

static int is_preset(struct token token, flc_format *format)
{
    const char *name;
    flc_format preset;
    for (size_t i = 0; flci_preset(i, &name, &preset, NULL); i++) {
        if (is_word(token, name)) {
            *format = preset;
            return 1;
        }
    }
    return 0;
}

/* One format in text[from, to). */
static flc_status parse_span(const char *text, size_t from, size_t to, flc_format *format)
{
    flc_format parsed = {0};
    unsigned seen = 0;
    int is_first = 1;
    size_t at = from;
    for (;;) {
        struct token token = {text, at, 0};
        while (at + token.length < to && text[at + token.length] != ':') {
            token.length++;
        }
        if (is_first && (is_word(token, "raw") || is_preset(token, &parsed))) {
            if (at + token.length < to) {
                return fail(token, "takes no options");
            }
        } else if (is_first) {
            FLCI_TRY(parse_bits(token, &parsed));
        } else {
            FLCI_TRY(parse_option(token, &parsed, &seen));
        }
        is_first = 0;
        if (at + token.length >= to) {
            break;
        }
        at += token.length + 1;
    }
    return check_options((struct token){text, from, to - from}, seen, &parsed, format);
}

flc_status flc_format_parse(const char *text, flc_format *format)
{
    if (text == NULL || format == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is NULL", text == NULL ? "text" : "format");
    }
    return parse_span(text, 0, strlen(text), format);
}

flc_status flc_format_parse_pair(const char *text, flc_format *reduce, flc_format *gather)
{
    flc_format first, second;
    const char *slash;
    if (text == NULL || reduce == NULL || gather == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is NULL",
                         text == NULL     ? "text"
                         : reduce == NULL ? "reduce"
                                          : "gather");
    }
    slash = strchr(text, '/');
    if (slash == NULL) {
        FLCI_TRY(flc_format_parse(text, &first));
        second = first;
    } else {
        const size_t at = (size_t)(slash - text);
        FLCI_TRY(parse_span(text, 0, at, &first));
        FLCI_TRY(parse_span(text, at + 1, strlen(text), &second));
    }
    *reduce = first;
    *gather = second;
    return FLC_OK;
}

flc_status flc_format_print(flc_format format, char *text, size_t text_bytes)
{
    const int is_rotated = format.scheme == FLC_ROTATED;
    const char *scheme = is_rotated ? ":rot" : format.scheme == FLC_SYMMETRIC ? ":sym" : "";
    char group[8] = "", whole[FLC_FORMAT_TEXT_BYTES] = "raw";
    size_t needed;
    FLCI_TRY(flc_format_check(format));
    if (text == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "text is NULL");
    }
    if (format.group != DEFAULT_GROUP) {
        (void)snprintf(group, sizeof group, ":g%u", format.group);
    }
    if (format.bits != 0) {
        (void)snprintf(whole, sizeof whole, "int%u%s%s%s%s%s", format.bits, group, scheme,
                       format.spikes ? ":spike" : "",
                       format.metadata == FLC_COMPACT && !is_rotated ? ":compact" : "",
                       format.search ? ":search" : "");
    }
    needed = strlen(whole) + 1;
    if (needed > text_bytes) {
        return flci_fail(FLC_ERR_INVALID_ARG, "text_bytes is %zu: %zu are needed", text_bytes,
                         needed);
    }
    memcpy(text, whole, needed);
    return FLC_OK;
}
