// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The options of check_codec, see usage().
 */
#include "check_codec_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "all_formats.h"
#include "check_codec_rows.h"

#define MOST_SAMPLE      10000u
#define MOST_BENCH_BYTES (1ul << 30)

static int usage(void)
{
    (void)fprintf(stderr,
                  "usage: check_codec [--row NAME] [--sample N] [--ratios]\n"
                  "       check_codec [--row NAME] --bench [--type fp32|fp16|bf16]\n"
                  "                   [--bench-bytes SIZE] [--formats LIST]\n"
                  "       check_codec --list\n"
                  "  --row          this row alone; exit status 77 if it cannot be tested here\n"
                  "  --sample       one case in N, always the same; a prime N meets every format,\n"
                  "                 type and kind of data\n"
                  "  --ratios       how near the worst error came to its bound\n"
                  "  --bench        time instead of checking: --row, or the row FLC_CPU chooses\n"
                  "  --bench-bytes  of elements, as 65536, 64K or 64M (default 512K, then 64M)\n"
                  "  --formats      with commas between them; all is every format of group 32 or\n"
                  "                 more\n"
                  "  --list         the rows, and which of them this processor runs\n");
    return 0;
}

static int refuse(const char *option, const char *value, const char *allowed)
{
    (void)fprintf(stderr, "check_codec: %s is '%s': allowed are %s\n", option, value, allowed);
    return 0;
}

/* A number from 1 to `most` and where its digits end; 0 for anything else. */
static unsigned long read_number(const char *text, unsigned long most, char **end)
{
    unsigned long value;
    errno = 0;
    value = strtoul(text, end, 10);
    return text[0] < '0' || text[0] > '9' || errno != 0 || value > most ? 0 : value;
}

static int read_sample(const char *value, struct options *options)
{
    char *end;
    options->sample = (unsigned)read_number(value, MOST_SAMPLE, &end);
    return (options->sample != 0 && *end == '\0') || refuse("--sample", value, "1 to 10000");
}

static int read_bytes(const char *value, struct options *options)
{
    char *end;
    unsigned long bytes = read_number(value, MOST_BENCH_BYTES, &end);
    const int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 0;
    if (bytes == 0 || bytes > MOST_BENCH_BYTES >> shift || end[shift != 0] != '\0' ||
        (bytes << shift) % BENCH_STEP_BYTES != 0) {
        return refuse("--bench-bytes", value, "multiples of 16K, up to 1024M");
    }
    options->bench.bytes = bytes << shift;
    return 1;
}

static int read_type(const char *value, struct options *options)
{
    for (int type = 0; type < ALL_TYPES; type++) {
        if (strcmp(value, flc_type_name((flc_type)type)) == 0) {
            options->bench.type = (flc_type)type;
            return 1;
        }
    }
    return refuse("--type", value, "fp32, fp16 and bf16");
}

static int read_row(const char *value, struct options *options)
{
    options->row = value;
    return known_row_is_name(value) || refuse("--row", value, "the names that --list prints");
}

static int read_formats(const char *value, struct options *options)
{
    options->bench.formats = value;
    return codec_bench_check_formats(value);
}

static int read_option(const char *name, const char *value, struct options *options)
{
    static const struct {
        const char *name;
        int (*read)(const char *value, struct options *options);
    } known[] = {
        {"--row", read_row},   {"--sample", read_sample},   {"--bench-bytes", read_bytes},
        {"--type", read_type}, {"--formats", read_formats},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) == 0 && value != NULL) {
            return known[i].read(value, options);
        }
    }
    return usage();
}

int options_read(int argc, char **argv, struct options *options)
{
    *options = (struct options){.sample = 1, .bench = {.type = FLC_BFLOAT16}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            options->is_list = 1;
        } else if (strcmp(argv[i], "--bench") == 0) {
            options->is_bench = 1;
        } else if (strcmp(argv[i], "--ratios") == 0) {
            options->has_ratios = 1;
        } else if (read_option(argv[i], argv[i + 1], options)) {
            i++;
        } else {
            return 0;
        }
    }
    return 1;
}
