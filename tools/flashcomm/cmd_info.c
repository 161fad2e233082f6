// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * `flashcomm info`: what this build knows and what it found on this machine. What the library
 * has (presets, codec rows, transports, algorithms, parameters) is listed by the library itself.
 */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "flashcomm/flashcomm.h"
#include "json_writer.h"

enum { OPTION_JSON = 256 };

/* The presets are formats, so that they have a list of their own; the rest comes by kind. */
#define PRESETS (-1)

struct section {
    int kind;          /* PRESETS, or enum flc_kind */
    const char *title; /* for people */
    const char *key;   /* in JSON */
};

static const struct section sections[] = {
    {PRESETS, "Presets (formats by name)", "presets"},
    {FLC_KIND_CODEC, "Codec rows", "codecs"},
    {FLC_KIND_TRANSPORT, "Transports", "transports"},
    {FLC_KIND_ALGORITHM, "Algorithms", "algorithms"},
    {FLC_KIND_PARAMETER, "Parameters (environment variables)", "parameters"},
};

#define SECTIONS (sizeof sections / sizeof sections[0])

struct cpu {
    char model[128];
    long count;
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    bool *const json = state->input;
    switch (key) {
    case OPTION_JSON:
        *json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "takes no argument: '%s' is too many", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* "model name\t: Some CPU" of /proc/cpuinfo, which not every architecture has. */
static void read_cpu(struct cpu *cpu)
{
    cpu->count = sysconf(_SC_NPROCESSORS_ONLN);
    (void)snprintf(cpu->model, sizeof cpu->model, "unknown");
    FILE *const file = fopen("/proc/cpuinfo", "re");
    if (file == NULL) {
        return;
    }
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        const char *const colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) {
            continue;
        }
        const char *const value = colon + 1 + strspn(colon + 1, " \t");
        (void)snprintf(cpu->model, sizeof cpu->model, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    (void)fclose(file);
}

/* Item `index` of a section; false past the last. */
static bool describe(const struct section *section, size_t index, flc_item *item)
{
    if (section->kind != PRESETS) {
        return flc_describe((flc_kind)section->kind, index, item) == FLC_OK;
    }
    const char *name;
    const char *summary;
    flc_format format;
    if (flc_preset_at(index, &name, &format, &summary) != FLC_OK ||
        flc_format_print(format, item->value, sizeof item->value) != FLC_OK) {
        return false;
    }
    (void)snprintf(item->name, sizeof item->name, "%s", name);
    (void)snprintf(item->summary, sizeof item->summary, "%s", summary);
    return true;
}

static void print_json(const struct cpu *cpu)
{
    struct json_writer json;
    json_start(&json, stdout);
    json_begin_object(&json, NULL);
    json_text(&json, "version", flc_version());
    json_unsigned(&json, "wire_version", FLC_WIRE_VERSION);
    json_begin_array(&json, "dtypes");
    for (int type = 0; flc_type_bytes((flc_type)type) != 0; type++) {
        json_text(&json, NULL, flc_type_name((flc_type)type));
    }
    json_end_array(&json);
    json_begin_object(&json, "cpu");
    json_text(&json, "model", cpu->model);
    json_unsigned(&json, "count", (uint64_t)cpu->count);
    json_end_object(&json);
    json_begin_array(&json, "gpus");
    json_end_array(&json);
    for (size_t i = 0; i < SECTIONS; i++) {
        flc_item item;
        json_begin_array(&json, sections[i].key);
        for (size_t j = 0; describe(&sections[i], j, &item); j++) {
            json_begin_object(&json, NULL);
            json_text(&json, "name", item.name);
            json_text(&json, "value", item.value);
            json_text(&json, "summary", item.summary);
            json_end_object(&json);
        }
        json_end_array(&json);
    }
    json_end_object(&json);
}

/* Columns as wide as their widest text; no column for values that no item has. */
static void print_section(const struct section *section)
{
    flc_item item;
    size_t name_width = 0;
    size_t value_width = 0;
    for (size_t i = 0; describe(section, i, &item); i++) {
        const size_t name = strlen(item.name);
        const size_t value = strlen(item.value);
        name_width = name > name_width ? name : name_width;
        value_width = value > value_width ? value : value_width;
    }
    (void)printf("\n%s\n", section->title);
    for (size_t i = 0; describe(section, i, &item); i++) {
        (void)printf("  %-*s  ", (int)name_width, item.name);
        if (value_width > 0) {
            (void)printf("%-*s  ", (int)value_width, item.value);
        }
        (void)printf("%s\n", item.summary);
    }
    if (name_width == 0) {
        (void)printf("  none\n");
    }
}

static void print_text(const struct cpu *cpu)
{
    (void)printf("flashcomm %s, wire version %d\n", flc_version(), FLC_WIRE_VERSION);
    (void)printf("Element types:");
    for (int type = 0; flc_type_bytes((flc_type)type) != 0; type++) {
        (void)printf(" %s", flc_type_name((flc_type)type));
    }
    (void)printf("\nCPU: %s, %ld online\n", cpu->model, cpu->count);
    (void)printf("GPU: none (built without CUDA)\n");
    for (size_t i = 0; i < SECTIONS; i++) {
        print_section(&sections[i]);
    }
}

int cmd_info(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"json", OPTION_JSON, NULL, 0, "Print one JSON object", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .doc = "Print versions, presets, codec rows, transports, algorithms, and every parameter "
               "with its value.",
    };
    bool use_json = false;
    if (argp_parse(&argp, argc, argv, 0, NULL, &use_json) != 0) {
        return EXIT_USAGE;
    }
    struct cpu cpu;
    read_cpu(&cpu);
    if (use_json) {
        print_json(&cpu);
    } else {
        print_text(&cpu);
    }
    return EXIT_OK;
}
