// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Keeps a document until it is whole: see perf_document.h.
 */
#include "perf_document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output_file.h"

int perf_document_open(const struct perf_options *o, struct perf_document *document,
                       struct failure *failure)
{
    *document = (struct perf_document){.path = o->json_path, .stream = o->json ? stdout : NULL};
    if (o->json_path == NULL) {
        return EXIT_OK;
    }
    if (output_file_check(o->json_path, failure) != 0) {
        return EXIT_USAGE;
    }
    document->stream = open_memstream(&document->text, &document->bytes);
    if (document->stream == NULL) {
        (void)failure_set(failure, "the JSON document: %s", strerror(errno));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

int perf_document_close(struct perf_document *document, bool is_worth_it, struct failure *failure)
{
    if (document->stream == NULL || document->path == NULL) {
        return 0; /* main looks after standard output */
    }
    const bool has_failed = ferror(document->stream) != 0;
    struct output_file output;
    int result = 0;
    if (fclose(document->stream) != 0 || has_failed) {
        result = failure_set(failure, "%s: out of memory", document->path);
    } else if (is_worth_it) {
        result = output_file_open(document->path, &output, failure);
        if (result == 0) {
            (void)fwrite(document->text, 1, document->bytes, output.stream);
            result = output_file_finish(&output, failure);
        }
    }
    free(document->text);
    return result;
}
