// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * All ranks find the same tokens, so each keeps its own copy and the first one reports. Up to the
 * token that differs a way's text is raw's, so raw's is what every way is fed.
 */
#include "generate.h"

#include <stdlib.h>
#include <string.h>

#include "progress.h"

struct generation {
    const struct generate_job *job;
    struct agreement *agreements; /* [way_count], changed by the first rank only */
    struct progress progress;     /* likewise */
};

/* The token that a way puts behind `count` others. */
static int find_next(struct member *member, const struct way *way, const int *tokens, size_t count,
                     int *next)
{
    struct reduction reduction = {member, way};
    const struct reducer reducer = {way_sum, &reduction};
    return forward_next(&member->forward, tokens, count, &reducer, next, &member->failure);
}

/* Let a way generate what raw did, `text`; *agreed tokens are the same. */
static int compare(struct member *member, const struct generate_job *job, const struct way *way,
                   const int *text, size_t *agreed)
{
    for (*agreed = 0; *agreed < job->tokens; ++*agreed) {
        const size_t count = job->prompt + *agreed;
        int next = 0;
        if (find_next(member, way, text, count, &next) != 0)
            return -1;
        if (next != text[count])
            break;
    }
    return 0;
}

/* One story with all ways; `text` is scratch, [prompt + tokens]. */
static int generate_story(struct generation *generation, struct member *member,
                          const struct story *story, int *text)
{
    const struct generate_job *job = generation->job;
    memcpy(text, story->tokens, job->prompt * sizeof *text);
    for (size_t i = job->prompt; i < job->prompt + job->tokens; i++) {
        if (find_next(member, job->raw, text, i, &text[i]) != 0)
            return -1;
    }
    for (size_t w = 0; w < job->way_count; w++) {
        size_t agreed = 0;
        if (compare(member, job, &job->ways[w], text, &agreed) != 0)
            return -1;
        if (member->forward.rank == 0) {
            generation->agreements[w].tokens += agreed;
            generation->agreements[w].whole_texts += agreed == job->tokens;
            progress_step(&generation->progress, job->ways[w].name);
        }
    }
    return 0;
}

static int generate_rank(struct member *member, void *context)
{
    struct generation *generation = context;
    const struct generate_job *job = generation->job;
    int *text = calloc(job->prompt + job->tokens, sizeof *text);
    if (text == NULL)
        return failure_set(&member->failure, "out of memory for %zu tokens",
                           job->prompt + job->tokens);
    int status = 0;
    for (size_t s = 0; status == 0 && s < job->stories->count; s++) {
        const struct story *story = &job->stories->items[s];
        if (story->count >= job->prompt)
            status = generate_story(generation, member, story, text);
    }
    free(text);
    return status;
}

size_t generate_stories(const struct stories *stories, size_t prompt)
{
    size_t count = 0;
    for (size_t s = 0; s < stories->count; s++)
        count += stories->items[s].count >= prompt;
    return count;
}

int generate_measure(const struct generate_job *job, struct agreement *agreements,
                     struct failure *failure)
{
    struct generation generation = {.job = job, .agreements = agreements};
    memset(agreements, 0, job->way_count * sizeof *agreements);
    progress_start(&generation.progress, job->has_progress,
                   job->way_count * generate_stories(job->stories, job->prompt), 0);
    const int status = team_run(job->model, job->ranks, generate_rank, &generation, failure);
    progress_end(&generation.progress);
    return status;
}
