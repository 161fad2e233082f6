// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Each function reads or checks one option's value; what is wrong with it is said in argp's way,
 * which ends the program.
 */
#include "option_values.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Elements over which wire bits are counted: whole blocks, so that no tail blurs the figure. */
#define WIRE_BITS_ELEMS ((size_t)FLC_BLOCK_ELEMS * 16)

const char *const option_site_names[SITES + 1] = {
    [SITE_ATTENTION] = "attention", [SITE_FFN] = "ffn", [SITES] = "both"};

long option_range(struct argp_state *state, const char *name, const char *text, long min, long max)
{
    char *end;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
        argp_error(state, "--%s is '%s'; allowed: %ld to %ld", name, text, min, max);
    return value;
}

void option_path(struct argp_state *state, const char *name, const char *given,
                 const char *default_file, char path[OPTION_PATH_BYTES])
{
    const char *folder = getenv("FLC_DATA_DIR");
    const bool has_folder = folder != NULL && folder[0] != '\0';
    int length;
    if (given != NULL) {
        length = snprintf(path, OPTION_PATH_BYTES, "%s", given);
    } else {
        if (!has_folder)
            argp_error(state, "--%s is not given and FLC_DATA_DIR, where %s would be, is not set",
                       name, default_file);
        length = snprintf(path, OPTION_PATH_BYTES, "%s/%s", folder, default_file);
    }
    if (length < 1 || length >= OPTION_PATH_BYTES)
        argp_error(state, "--%s is a path of %d bytes; allowed: 1 to %d", name, length,
                   OPTION_PATH_BYTES - 1);
}

/* Metadata counts too; NaN never comes out, since a parsed format always has a size. */
static double wire_bits(struct argp_state *state, flc_format format)
{
    size_t wire_bytes = 0;
    if (flc_format_wire_bytes(format, FLC_FLOAT32, WIRE_BITS_ELEMS, &wire_bytes) != FLC_OK)
        argp_error(state, "--format: %s", flc_last_error(NULL));
    return 8.0 * (double)wire_bytes / (double)WIRE_BITS_ELEMS;
}

void option_formats(struct argp_state *state, const char *list, struct options *options)
{
    size_t count = 1;
    for (const char *c = list; *c != '\0'; c++)
        count += *c == ',';
    options->format_text = strdup(list);
    options->formats = calloc(count, sizeof *options->formats);
    if (options->format_text == NULL || options->formats == NULL)
        argp_failure(state, EXIT_FAILURE, 0, "out of memory for %zu formats", count);

    char *text = options->format_text;
    for (size_t i = 0; i < count; i++) {
        struct format_option *format = &options->formats[i];
        char *comma = strchr(text, ',');
        if (comma != NULL)
            *comma = '\0';
        if (flc_format_parse_pair(text, &format->reduce, &format->gather) != FLC_OK)
            argp_error(state, "--format: %s", flc_last_error(NULL));
        format->text = text;
        format->wire_bits =
            (wire_bits(state, format->reduce) + wire_bits(state, format->gather)) / 2;
        text = comma != NULL ? comma + 1 : text;
    }
    options->format_count = count;
}

void option_algorithm(struct argp_state *state, const char *name)
{
    char names[512] = "";
    size_t used = 0;
    flc_item item;
    for (size_t i = 0; flc_describe(FLC_KIND_ALGORITHM, i, &item) == FLC_OK; i++) {
        if (strcmp(item.value, "all_reduce") != 0)
            continue;
        if (strcmp(item.name, name) == 0)
            return;
        const int length = snprintf(names + used, sizeof names - used, " %s", item.name);
        if (length > 0 && (size_t)length < sizeof names - used)
            used += (size_t)length;
    }
    argp_error(state, "--algorithm is '%s'; allowed:%s", name, names);
}

enum site option_site(struct argp_state *state, const char *text)
{
    for (int site = 0; site <= SITES; site++) {
        if (strcmp(text, option_site_names[site]) == 0)
            return (enum site)site;
    }
    argp_error(state, "--site is '%s'; allowed: attention, ffn, both", text);
    return SITES;
}
