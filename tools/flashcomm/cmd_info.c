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
#include "cuda_tools.h"
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

/* The GPUs; none, and why, where there are none or CUDA does not tell. */
static void find_gpus(struct cuda_machine *machine)
{
    struct failure failure;
    *machine = (struct cuda_machine){.why_none = "built without CUDA"};
    if (cuda_tools() != NULL && cuda_tools()->probe(false, machine, &failure) != 0) {
        (void)snprintf(machine->why_none, sizeof machine->why_none, "%.255s", failure.text);
    }
}

static void print_json_gpus(struct json_writer *json, const struct cuda_machine *machine)
{
    json_begin_array(json, "gpus");
    for (int device = 0; device < machine->count; device++) {
        const struct cuda_gpu *const gpu = &machine->gpus[device];
        json_begin_object(json, NULL);
        json_text(json, "name", gpu->name);
        json_unsigned(json, "memory_bytes", gpu->memory_bytes);
        json_unsigned(json, "multiprocessors", (uint64_t)gpu->multiprocessors);
        json_unsigned(json, "capability", (uint64_t)gpu->capability);
        json_begin_array(json, "peers");
        for (int peer = 0; peer < machine->count; peer++) {
            json_boolean(json, NULL, gpu->reaches[peer]);
        }
        json_end_array(json);
        json_end_object(json);
    }
    json_end_array(json);
    if (machine->count > 0) {
        json_text(json, "driver", machine->driver);
        json_text(json, "cuda_runtime", machine->runtime);
    }
}

static void print_json(const struct cpu *cpu, const struct cuda_machine *machine)
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
    print_json_gpus(&json, machine);
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

/* With a matrix of peer access: a row for each GPU, a column for each that it may reach. */
static void print_gpus(const struct cuda_machine *machine)
{
    if (machine->count == 0) {
        (void)printf("GPU: none (%s)\n", machine->why_none);
        return;
    }
    (void)printf("GPUs: driver %s, runtime CUDA %s\n", machine->driver, machine->runtime);
    for (int device = 0; device < machine->count; device++) {
        const struct cuda_gpu *const gpu = &machine->gpus[device];
        (void)printf("  %d  %s, %.1f GiB, %d multiprocessors, capability %d.%d, peer access:",
                     device, gpu->name, (double)gpu->memory_bytes * 0x1p-30, gpu->multiprocessors,
                     gpu->capability / 10, gpu->capability % 10);
        for (int peer = 0; peer < machine->count; peer++) {
            (void)printf(" %s", peer == device ? "-" : gpu->reaches[peer] ? "yes" : "no");
        }
        (void)putchar('\n');
    }
}

static void print_text(const struct cpu *cpu, const struct cuda_machine *machine)
{
    (void)printf("flashcomm %s, wire version %d\n", flc_version(), FLC_WIRE_VERSION);
    (void)printf("Element types:");
    for (int type = 0; flc_type_bytes((flc_type)type) != 0; type++) {
        (void)printf(" %s", flc_type_name((flc_type)type));
    }
    (void)printf("\nCPU: %s, %ld online\n", cpu->model, cpu->count);
    print_gpus(machine);
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
    struct cuda_machine machine;
    read_cpu(&cpu);
    find_gpus(&machine);
    if (use_json) {
        print_json(&cpu, &machine);
    } else {
        print_text(&cpu, &machine);
    }
    return EXIT_OK;
}
