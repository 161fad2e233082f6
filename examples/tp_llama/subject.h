// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What is measured: a model and the texts it is to predict, read from the files that the options
 * name. Which of the two kinds of model it is, options_parse has seen from the file's magic.
 */
#ifndef TP_LLAMA_SUBJECT_H
#define TP_LLAMA_SUBJECT_H

#include "failure.h"
#include "model.h"
#include "options.h"
#include "stories.h"

struct subject {
    struct model model;
    struct stories texts;
};

/* Returns EXIT_SUCCESS, EXIT_FAILURE or EXIT_USAGE; on success give `subject` to subject_free. */
int subject_load(const struct options *options, struct subject *subject, struct failure *failure);

void subject_free(struct subject *subject);

#endif
