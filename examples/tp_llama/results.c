// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * A line has one form only, so reading is strict and short: take the fields out of it, write the
 * line again, and compare.
 */
#include "results.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fingerprint.h"
#include "read_file.h"

#define LINE_BYTES 512

/* Elements of the sample that tells codecs apart: some groups of the largest size. */
#define SAMPLE_ELEMS 2048

static int print_line(char line[LINE_BYTES], const struct result *result)
{
    const struct result_key *key = &result->key;
    return snprintf(line, LINE_BYTES,
                    "{\"model\": \"%016" PRIx64 "\", \"text\": \"%016" PRIx64
                    "\", \"codec\": \"%016" PRIx64 "\", \"ranks\": %d, \"invariant\": %d, "
                    "\"algorithm\": \"%s\", \"format\": \"%s\", \"nll\": %.17g}\n",
                    key->model, key->text, key->codec, key->ranks, key->is_invariant ? 1 : 0,
                    key->algorithm, key->format, result->nll);
}

static bool read_line(const char *line, size_t byte_count, struct result *result)
{
    *result = (struct result){0};
    if (byte_count >= LINE_BYTES)
        return false;
    char copy[LINE_BYTES];
    memcpy(copy, line, byte_count);
    copy[byte_count] = '\0';
    struct result_key *key = &result->key;
    int invariant = 0;
    if (sscanf(copy,
               "{\"model\": \"%16" SCNx64 "\", \"text\": \"%16" SCNx64 "\", \"codec\": \"%16" SCNx64
               "\", \"ranks\": %4d, \"invariant\": %1d, \"algorithm\": \"%127[^\"\\]\", "
               "\"format\": \"%127[^\"\\]\", \"nll\": %24lg}",
               &key->model, &key->text, &key->codec, &key->ranks, &invariant, key->algorithm,
               key->format, &result->nll) != 8)
        return false;
    key->is_invariant = invariant == 1;
    char again[LINE_BYTES];
    const int length = print_line(again, result);
    return length > 0 && (size_t)length == byte_count && memcmp(again, line, byte_count) == 0;
}

/* What encoding and decoding do to a sample. A codec that changes gives another number, so a file
 * never mixes the results of two. */
static int fingerprint_codec(flc_format format, uint64_t *sum, struct failure *failure)
{
    float sample[SAMPLE_ELEMS];
    uint32_t state = 1;
    for (size_t i = 0; i < SAMPLE_ELEMS; i++) {
        state = state * 1664525u + 1013904223u; /* a linear congruence is random enough */
        const float even = (float)(state >> 8) / 0x1p24f - 0.5f;
        sample[i] = even * even * even * (i % 50 == 0 ? 100.0f : 8.0f);
    }
    size_t wire_bytes = 0;
    if (flc_format_wire_bytes(format, FLC_FLOAT32, SAMPLE_ELEMS, &wire_bytes) != FLC_OK)
        return failure_set(failure, "%s", flc_last_error(NULL));
    unsigned char *wire = calloc(1, wire_bytes);
    if (wire == NULL)
        return failure_set(failure, "out of memory for %zu bytes", wire_bytes);
    int status = 0;
    if (flc_encode(format, FLC_FLOAT32, sample, SAMPLE_ELEMS, wire, wire_bytes, NULL) != FLC_OK ||
        flc_decode(format, FLC_FLOAT32, wire, wire_bytes, sample, SAMPLE_ELEMS) != FLC_OK)
        status = failure_set(failure, "%s", flc_last_error(NULL));
    else
        *sum = fingerprint_more(*sum, sample, sizeof sample);
    free(wire);
    return status;
}

/* The formats of one site as reduce/gather. */
static int print_formats(const flc_coll_config *config, char text[RESULT_NAME_BYTES],
                         struct failure *failure)
{
    char reduce[RESULT_NAME_BYTES];
    char gather[RESULT_NAME_BYTES];
    if (flc_format_print(config->reduce, reduce, sizeof reduce) != FLC_OK ||
        flc_format_print(config->gather, gather, sizeof gather) != FLC_OK)
        return failure_set(failure, "%s", flc_last_error(NULL));
    const int length = snprintf(text, RESULT_NAME_BYTES, "%s/%s", reduce, gather);
    if (length < 0 || length >= RESULT_NAME_BYTES)
        return failure_set(failure, "the format %s/%s is too long to be stored", reduce, gather);
    return 0;
}

/* Name and fingerprint the formats; once where both sites have the same, so that the key does not
 * depend on how they were asked for. */
static int add_formats(struct result_key *key, const struct way *way, struct failure *failure)
{
    char texts[SITES][RESULT_NAME_BYTES];
    for (int site = 0; site < SITES; site++) {
        if (print_formats(&way->configs[site], texts[site], failure) != 0)
            return -1;
    }
    const bool is_uniform = strcmp(texts[SITE_ATTENTION], texts[SITE_FFN]) == 0;
    const int length = is_uniform ? snprintf(key->format, sizeof key->format, "%s", texts[SITE_FFN])
                                  : snprintf(key->format, sizeof key->format, "attention=%s+ffn=%s",
                                             texts[SITE_ATTENTION], texts[SITE_FFN]);
    if (length < 0 || (size_t)length >= sizeof key->format)
        return failure_set(failure, "the formats %s and %s are too long to be stored",
                           texts[SITE_ATTENTION], texts[SITE_FFN]);
    for (int site = 0; site < (is_uniform ? 1 : SITES); site++) {
        if (fingerprint_codec(way->configs[site].reduce, &key->codec, failure) != 0 ||
            fingerprint_codec(way->configs[site].gather, &key->codec, failure) != 0)
            return -1;
    }
    return 0;
}

int result_key_init(struct result_key *key, uint64_t model, const struct story *text, int ranks,
                    const struct way *way, struct failure *failure)
{
    const flc_coll_config *config = &way->configs[0]; /* the sites differ in formats only */
    *key = (struct result_key){
        .model = model,
        .text = fingerprint_of(text->tokens, text->count * sizeof *text->tokens),
        .codec = FINGERPRINT_START,
        .ranks = ranks,
        .is_invariant = (config->flags & FLC_INVARIANT) != 0,
    };
    snprintf(key->algorithm, sizeof key->algorithm, "%s", config->algorithm);
    return add_formats(key, way, failure);
}

void result_key_narrow(struct result_key *key, size_t first, size_t count)
{
    const uint64_t part[] = {first, count};
    key->text = fingerprint_more(key->text, part, sizeof part);
}

static int read_lines(struct results *results, const char *text, size_t byte_count,
                      struct failure *failure)
{
    size_t lines = 0;
    for (size_t i = 0; i < byte_count; i++)
        lines += text[i] == '\n';
    results->items = calloc(lines + 1, sizeof *results->items);
    if (results->items == NULL)
        return failure_set(failure, "%s: out of memory for %zu results", results->path, lines);
    for (size_t at = 0; at < byte_count; results->count++) {
        const char *end = memchr(text + at, '\n', byte_count - at);
        if (end == NULL)
            return failure_set(failure, "%s: line %zu is cut off; remove it", results->path,
                               results->count + 1);
        const size_t length = (size_t)(end - text) - at + 1;
        if (!read_line(text + at, length, &results->items[results->count]))
            return failure_set(failure,
                               "%s: line %zu is no result of tp_llama; remove it or name "
                               "another file",
                               results->path, results->count + 1);
        at += length;
    }
    return 0;
}

int results_open(struct results *results, const char *path, struct failure *failure)
{
    *results = (struct results){.path = path};
    results->stream = fopen(path, "ab");
    if (results->stream == NULL)
        return failure_set(failure, "%s: cannot open for appending: %s", path, strerror(errno));
    unsigned char *bytes = NULL;
    size_t byte_count = 0;
    int status = read_file(path, &bytes, &byte_count, failure);
    if (status == 0)
        status = read_lines(results, (const char *)bytes, byte_count, failure);
    free(bytes);
    if (status != 0)
        results_close(results);
    return status;
}

static bool is_same(const struct result_key *a, const struct result_key *b)
{
    return a->model == b->model && a->text == b->text && a->codec == b->codec &&
           a->ranks == b->ranks && a->is_invariant == b->is_invariant &&
           strcmp(a->algorithm, b->algorithm) == 0 && strcmp(a->format, b->format) == 0;
}

const struct result *results_find(const struct results *results, const struct result_key *key)
{
    for (size_t i = 0; i < results->count; i++) {
        if (is_same(&results->items[i].key, key))
            return &results->items[i];
    }
    return NULL;
}

int results_add(struct results *results, const struct result *result, struct failure *failure)
{
    if (!isfinite(result->nll))
        return 0; /* JSON cannot say it; the next run finds out again */
    char line[LINE_BYTES];
    const int length = print_line(line, result);
    if (length < 0 || length >= LINE_BYTES)
        return failure_set(failure, "%s: a result of %d bytes; allowed: %d", results->path, length,
                           LINE_BYTES - 1);
    if (fputs(line, results->stream) == EOF || fflush(results->stream) != 0)
        return failure_set(failure, "%s: cannot write: %s", results->path, strerror(errno));
    return 0;
}

void results_close(struct results *results)
{
    if (results->stream != NULL)
        fclose(results->stream);
    free(results->items);
    *results = (struct results){0};
}
