// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Brings the parts together: a llama2.c model with its tokenizer and stories, or a GGUF file, which
 * has its tokenizer in it, with windows of a text.
 */
#include "subject.h"

#include <stdlib.h>

#include "bpe.h"
#include "fingerprint.h"
#include "gguf.h"
#include "gguf_model.h"
#include "read_file.h"
#include "tokenizer.h"
#include "windows.h"

static int check_ranks(const struct options *options, const struct model *model,
                       struct failure *failure)
{
    if ((size_t)options->ranks <= model->heads)
        return EXIT_SUCCESS;
    failure_set(failure, "--ranks is %d; allowed with this model: 1 to %zu, its heads",
                options->ranks, model->heads);
    return EXIT_USAGE;
}

static int load_stories(const struct options *options, struct subject *subject,
                        struct failure *failure)
{
    const struct model *model = &subject->model;
    struct tokenizer tokenizer;
    if (tokenizer_load(options->tokenizer, model->vocab, &tokenizer, failure) != 0)
        return -1;
    const int status = stories_load(options->text, &tokenizer, model->context, options->stories,
                                    &subject->texts, failure);
    tokenizer_free(&tokenizer);
    return status;
}

static int load_llama2c(const struct options *options, struct subject *subject,
                        struct failure *failure)
{
    if (model_load(options->model, &subject->model, failure) != 0)
        return EXIT_FAILURE;
    int exit_status = check_ranks(options, &subject->model, failure);
    if (exit_status == EXIT_SUCCESS && load_stories(options, subject, failure) != 0)
        exit_status = EXIT_FAILURE;
    if (exit_status != EXIT_SUCCESS)
        model_free(&subject->model);
    return exit_status;
}

static int load_windows(const struct options *options, const struct gguf *gguf,
                        struct subject *subject, struct failure *failure)
{
    struct bpe bpe;
    if (bpe_init(&bpe, gguf, subject->model.vocab, failure) != 0)
        return -1;
    const int status = windows_load(options->text, &bpe, options->tokens, options->context,
                                    &subject->texts, failure);
    bpe_free(&bpe);
    return status;
}

static int load_parsed(const struct options *options, const struct gguf *gguf,
                       struct subject *subject, struct failure *failure)
{
    if (gguf_model_load(gguf, options->context, &subject->model, failure) != 0)
        return EXIT_FAILURE;
    int exit_status = check_ranks(options, &subject->model, failure);
    if (exit_status == EXIT_SUCCESS && load_windows(options, gguf, subject, failure) != 0)
        exit_status = EXIT_FAILURE;
    if (exit_status != EXIT_SUCCESS)
        model_free(&subject->model);
    return exit_status;
}

static int load_gguf(const struct options *options, struct subject *subject,
                     struct failure *failure)
{
    unsigned char *image = NULL;
    size_t image_bytes = 0;
    if (read_file(options->model, &image, &image_bytes, failure) != 0)
        return EXIT_FAILURE;
    struct gguf gguf;
    int exit_status = EXIT_FAILURE;
    if (gguf_parse(image, image_bytes, options->model, &gguf, failure) == 0) {
        exit_status = load_parsed(options, &gguf, subject, failure);
        gguf_free(&gguf);
    }
    if (exit_status == EXIT_SUCCESS)
        subject->model.fingerprint = fingerprint_of(image, image_bytes);
    free(image);
    return exit_status;
}

int subject_load(const struct options *options, struct subject *subject, struct failure *failure)
{
    *subject = (struct subject){0};
    return options->is_gguf ? load_gguf(options, subject, failure)
                            : load_llama2c(options, subject, failure);
}

void subject_free(struct subject *subject)
{
    stories_free(&subject->texts);
    model_free(&subject->model);
}
