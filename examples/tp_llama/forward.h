// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * One rank's part of the model's arithmetic over a whole story. It knows nothing of flashcomm:
 * twice a layer it hands its partial sums to a callback, which gives back the sum over all ranks.
 */
#ifndef TP_LLAMA_FORWARD_H
#define TP_LLAMA_FORWARD_H

#include <stddef.h>

#include "failure.h"
#include "model.h"
#include "shard.h"
#include "stories.h"

/* Rows that go through the classifier at once: enough that reading it does not cost the most. */
#define JUDGED_ROWS 64

/* Where in a layer partial sums arise. */
enum site { SITE_ATTENTION, SITE_FFN, SITES };

/* Replace partial sums by their sum over all ranks. Called in the same order on every rank. */
struct reducer {
    /* values: [rows][dim]; rows: tokens of the story that are fed. 0 on success. */
    int (*sum)(void *context, size_t layer, enum site site, float *values, size_t rows,
               struct failure *failure);
    void *context;
};

/* A rank's weights and the matrices between its products, for stories up to the context. */
struct forward {
    const struct model *model;
    int rank;
    int ranks;
    struct shard shard;

    float *x;        /* [rows][dim], the residual, the same on every rank */
    float *normed;   /* [rows][dim] */
    float *partial;  /* [rows][dim] */
    float *q;        /* [rows][q_width] */
    float *k;        /* [rows][kv_width] */
    float *v;        /* [rows][kv_width] */
    float *attended; /* [rows][q_width] */
    float *gate;     /* [rows][hidden.count] */
    float *up;       /* [rows][hidden.count] */
    float *keys;     /* [head_size][rows], one head's, transposed */
    float *weights;  /* [rows], one query's attention */
    float *logits;   /* [JUDGED_ROWS][vocab] */
    float *storage;  /* what the pointers above point into */
};

/* Prepare a rank, to be given to forward_fini. 1 <= ranks <= model->heads. */
int forward_init(struct forward *forward, const struct model *model, int rank, int ranks,
                 struct failure *failure);

void forward_fini(struct forward *forward);

/*
 * Feed a story and judge the predictions.
 *
 *   story  at least 2 tokens, at most the model's context; the last is predicted, not fed
 *   nlls   [story->count - 1], the negative log-likelihood in nats of each token after the first;
 *          this rank writes its share_of them only, so the ranks may be given one array
 */
int forward_story(struct forward *forward, const struct story *story, const struct reducer *reducer,
                  double *nlls, struct failure *failure);

/*
 * Feed tokens and find the likeliest next one, of equals the lowest.
 *
 *   tokens  [count], 1 to the model's context
 *   next    the same on every rank
 */
int forward_next(struct forward *forward, const int *tokens, size_t count,
                 const struct reducer *reducer, int *next, struct failure *failure);

#endif
