// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Fuzzes the example's other readers of files: a model and a tokenizer as llama2.c writes them, and
 * its own results. Whatever the bytes, they refuse them or make something that can be used.
 *
 * Input: a byte that chooses the reader, for the tokenizer one for its number of tokens, then the
 * file.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "model.h"
#include "results.h"
#include "tokenizer.h"

#define MIN_TOKENS 259

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static void read_model(const char *path)
{
    struct model model;
    struct failure failure;
    if (model_load(path, &model, &failure) == 0) {
        volatile float last = model.classifier[model.vocab * model.dim - 1];
        (void)last;
        model_free(&model);
    }
}

static void read_tokenizer(const char *path, size_t tokens)
{
    static const char text[] = "One day, a girl named Lily found a needle.";
    struct tokenizer tokenizer;
    struct failure failure;
    int ids[sizeof text];
    size_t count = 0;
    if (tokenizer_load(path, tokens, &tokenizer, &failure) != 0) {
        return;
    }
    require(tokenizer_encode(&tokenizer, text, sizeof text - 1, ids, &count, &failure) == 0);
    require(count >= 1 && count <= sizeof text);
    for (size_t i = 0; i < count; i++) {
        require(ids[i] >= 0 && (size_t)ids[i] < tokens);
    }
    tokenizer_free(&tokenizer);
}

static void read_results(const char *path)
{
    struct results results;
    struct failure failure;
    if (results_open(&results, path, &failure) != 0) {
        return;
    }
    for (size_t i = 0; i < results.count; i++) {
        require(results_find(&results, &results.items[i].key) != NULL);
    }
    results_close(&results);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int fd = memfd_create("input", MFD_CLOEXEC);
    char path[64];
    if (size < 2) {
        (void)close(fd);
        return 0;
    }
    require(fd >= 0 && write(fd, data + 2, size - 2) == (ssize_t)(size - 2));
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    switch (data[0] % 3) {
    case 0:
        read_model(path);
        break;
    case 1:
        read_tokenizer(path, (size_t)MIN_TOKENS + data[1]);
        break;
    default:
        read_results(path);
        break;
    }
    (void)close(fd);
    return 0;
}
