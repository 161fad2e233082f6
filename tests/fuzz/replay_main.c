// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Runs a fuzzer over the files named on the command line, once each: how the committed corpus is
 * replayed in builds without libFuzzer. Each input lies in memory of exactly its size.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#define MAX_INPUT_BYTES 65536

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *room = malloc(MAX_INPUT_BYTES);
    if (file == NULL || room == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(room);
        if (file != NULL) {
            fclose(file);
        }
        return 1;
    }
    size_t size = fread(room, 1, MAX_INPUT_BYTES, file);
    fclose(file);
    uint8_t *input = realloc(room, size > 0 ? size : 1);
    if (input == NULL) {
        input = room;
    }
    printf("%s: %zu bytes\n", path, size);
    fflush(stdout);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        failed |= replay(argv[i]);
    }
    printf("%d inputs\n", argc - 1);
    return failed;
}
