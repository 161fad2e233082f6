// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Real partial sums as a file: what the ranks of the raw model hand to the all-reduce.
 */
#ifndef TP_LLAMA_PARTIALS_H
#define TP_LLAMA_PARTIALS_H

#include <stddef.h>

#include "failure.h"
#include "model.h"
#include "stories.h"

/*
 * Write the partial sums of a story's first tokens as a float32 .npy of shape [ranks][rows][dim].
 *
 *   tokens  how many, TOKEN_BEGIN included; fewer than the story has
 *   rows    written on success: layers * 2 sites (attention output, FFN down) * tokens, in this
 *           order, so that every layer and site has the same part of the file
 */
int partials_dump(const char *path, const struct model *model, const struct story *story,
                  size_t tokens, int ranks, size_t *rows, struct failure *failure);

#endif
