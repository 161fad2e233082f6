// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Option values that subcommands share: see arguments.h.
 */
#include "arguments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda_tools.h"
#include "flashcomm/flashcomm.h"

/* The library's sentences name the text and the character. */
static int parse_item(enum format_pairs pairs, struct format_item *item, struct failure *failure)
{
    if (pairs == PAIRS_REFUSED && strchr(item->text, '/') != NULL) {
        return failure_set(failure, "format '%s': a pair is not allowed here, only one format",
                           item->text);
    }
    if (flc_format_parse_pair(item->text, &item->reduce, &item->gather) != FLC_OK) {
        return failure_set(failure, "%s", flc_last_error(NULL));
    }
    return 0;
}

int format_list_parse(const char *text, enum format_pairs pairs, struct format_list *list,
                      struct failure *failure)
{
    size_t count = 1;
    for (const char *c = text; *c != '\0'; c++) {
        count += *c == ',' ? 1 : 0;
    }
    struct format_list made = {count, calloc(count, sizeof *made.items), strdup(text)};
    if (made.items == NULL || made.storage == NULL) {
        format_list_free(&made);
        return failure_set(failure, "out of memory");
    }
    int result = 0;
    char *rest = made.storage;
    struct format_item *item = made.items;
    while (rest != NULL && result == 0) {
        item->text = strsep(&rest, ",");
        result = parse_item(pairs, item++, failure);
    }
    if (result == 0) {
        *list = made;
    } else {
        format_list_free(&made);
    }
    return result;
}

void format_list_free(struct format_list *list)
{
    free(list->items);
    free(list->storage);
    *list = (struct format_list){.count = 0};
}

int format_list_width(const struct format_list *list)
{
    size_t width = strlen("format");
    for (size_t i = 0; i < list->count; i++) {
        const size_t length = strlen(list->items[i].text);
        width = length > width ? length : width;
    }
    return (int)width;
}

int64_t argument_number(const struct argp_state *state, const char *option, const char *text,
                        int64_t min, int64_t max)
{
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < min || number > max) {
        argp_error(state, "%s %s: allowed are whole numbers from %" PRId64 " to %" PRId64, option,
                   text, min, max);
    }
    return number;
}

void argument_collective_names(char *text, size_t text_bytes)
{
    const struct collective *collective;
    size_t used = 0;
    for (size_t i = 0; (collective = collective_at(i)) != NULL && used < text_bytes; i++) {
        used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", i == 0 ? "" : ", ",
                                 collective->name);
    }
}

const struct collective *argument_collective(const struct argp_state *state, const char *text)
{
    const struct collective *const found = collective_find(text);
    if (found == NULL) {
        char names[128];
        argument_collective_names(names, sizeof names);
        argp_error(state, "unknown collective '%s': allowed are %s", text, names);
    }
    return found;
}

void argument_algorithm(const struct argp_state *state, const char *text,
                        const struct collective *collective)
{
    char known[256] = "auto";
    size_t used = strlen(known);
    flc_item item;
    if (strcmp(text, "auto") == 0) {
        return;
    }
    for (size_t i = 0; flc_describe(FLC_KIND_ALGORITHM, i, &item) == FLC_OK; i++) {
        if (strcmp(item.value, collective->name) != 0) {
            continue;
        }
        if (strcmp(item.name, text) == 0) {
            return;
        }
        if (used < sizeof known) {
            used += (size_t)snprintf(known + used, sizeof known - used, ", %s", item.name);
        }
    }
    argp_error(state, "--algorithm %s: allowed for %s are %s", text, collective->name, known);
}

flc_type argument_type(const struct argp_state *state, const char *text)
{
    for (int type = 0; flc_type_bytes((flc_type)type) != 0; type++) {
        if (strcmp(text, flc_type_name((flc_type)type)) == 0) {
            return (flc_type)type;
        }
    }
    argp_error(state, "--dtype %s: allowed are fp32, fp16 and bf16", text);
    return FLC_FLOAT32;
}

bool argument_device(const struct argp_state *state, const char *text)
{
    const bool is_cuda = strcmp(text, "cuda") == 0;
    if (!is_cuda && strcmp(text, "cpu") != 0) {
        argp_error(state, "--device %s: allowed are cpu and cuda", text);
    }
    if (is_cuda && cuda_tools() == NULL) {
        argp_error(state, "--device cuda: this flashcomm was built without CUDA, which the CMake "
                          "option FLC_CUDA adds");
    }
    return is_cuda;
}

void argument_cuda_collective(const struct argp_state *state, const struct collective *collective)
{
    if (strcmp(collective->name, "all_reduce") != 0) {
        argp_error(state, "%s is not on cuda yet: --device cuda has all_reduce alone",
                   collective->name);
    }
}

void argument_formats(const struct argp_state *state, const char *text, enum format_pairs pairs,
                      struct format_list *list)
{
    struct failure failure;
    format_list_free(list);
    if (format_list_parse(text, pairs, list, &failure) != 0) {
        argp_error(state, "%s", failure.text);
    }
}
