// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The best format for a tensor: the one with the fewest wire bits whose SQNR is high enough, or
 * the one with the highest SQNR whose wire bits are few enough.
 *
 * Both answers lie on the frontier: the formats that no other beats in one of the two without
 * losing in the other. Wire bits are those of the whole tensor. The SQNR of a large tensor is
 * that of a sample, because there are hundreds of formats.
 */
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "arguments.h"
#include "format_error.h"
#include "tensor.h"
#include "tool_failure.h"

#define BUDGET_SHOWN 5

enum budget_kind {
    BUDGET_NONE = 0,
    BUDGET_SQNR, /* at least `limit` dB */
    BUDGET_BITS, /* at most `limit` wire bits an element */
};

struct budget {
    enum budget_kind kind;
    double limit;
};

struct budget_answer {
    size_t sampled; /* elements that were measured: the tensor's, or fewer */
    size_t count;   /* of results; 0 where no element is finite */
    struct format_error results[BUDGET_SHOWN]; /* of the frontier, by wire bits */
    size_t nearest;                            /* the result that answers, or that comes closest */
    bool met;                                  /* whether it answers */
};

/* Read "sqnr=25dB", "sqnr=25" or "bits=3.2". 0, or -1 with a sentence. */
int budget_parse(const char *text, struct budget *budget, struct failure *failure);

/* Every format the library knows, each once. 0, or -1 with a sentence. */
int budget_every_format(struct format_list *list, struct failure *failure);

/*
 * Measure as many of `formats` as the answer needs. Its texts are those of `formats`. Progress
 * goes to standard error where that is a terminal. 0, or -1 with a sentence.
 */
int budget_search(const struct budget *budget, const struct tensor *tensor,
                  const struct format_list *formats, struct budget_answer *answer,
                  struct failure *failure);

#endif
