// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Searches the frontier from the fewest wire bits upwards: see budget.h. Wire bits cost nothing
 * to know, so only the formats up to the answer, and those that its neighbours need, are measured.
 */
#include "budget.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "flashcomm/flashcomm.h"

/* A quarter of a million elements: enough to compare by, and seconds for all formats. */
#define SAMPLE_BLOCKS ((size_t)64)

/* Formats of the frontier that are shown beyond the answer. */
#define NEIGHBOURS             ((size_t)2)

#define PROGRESS_AFTER_SECONDS 1

struct candidate {
    const struct format_item *item;
    double wire_bits; /* of the whole tensor */
};

struct frontier {
    struct format_error *points; /* rising in wire bits and in SQNR */
    size_t count;
};

struct progress {
    time_t start;
    bool is_shown;
};

/* ---- The argument ---- */

int budget_parse(const char *text, struct budget *budget, struct failure *failure)
{
    static const char sqnr[] = "sqnr=";
    static const char bits[] = "bits=";
    const bool is_sqnr = strncmp(text, sqnr, sizeof sqnr - 1) == 0;
    const bool is_bits = strncmp(text, bits, sizeof bits - 1) == 0;
    if (is_sqnr || is_bits) {
        /* strtod alone would take signs, exponents, hexadecimal, "inf" and "nan". */
        const char *const number = text + sizeof sqnr - 1;
        const char *const unit = number + strspn(number, "0123456789.");
        char *end;
        const double limit = strtod(number, &end);
        if (unit != number && end == unit && isfinite(limit) &&
            (*unit == '\0' || (is_sqnr && strcmp(unit, "dB") == 0))) {
            *budget = (struct budget){is_sqnr ? BUDGET_SQNR : BUDGET_BITS, limit};
            return 0;
        }
    }
    return failure_set(failure,
                       "--budget %s: allowed are sqnr=NUMBER, with or without dB, and bits=NUMBER, "
                       "such as sqnr=25dB or bits=3.2",
                       text);
}

/* ---- Every format ---- */

#define MAX_BITS 8
/* Groups, and schemes by spikes, metadata and search. */
#define MAX_FORMATS (1 + MAX_BITS * 5 * 3 * 2 * 2 * 2)

/* The text goes into `storage`, which the list owns. */
static int add_format(struct format_list *list, flc_format format, struct failure *failure)
{
    if (flc_format_check(format) != FLC_OK) {
        return 0;
    }
    char *const text = list->storage + list->count * FLC_FORMAT_TEXT_BYTES;
    if (flc_format_print(format, text, FLC_FORMAT_TEXT_BYTES) != FLC_OK) {
        return failure_set(failure, "%s", flc_last_error(NULL));
    }
    list->items[list->count++] = (struct format_item){text, format, format};
    return 0;
}

/* All options of one width and group. */
static int add_options(struct format_list *list, uint8_t bits, uint16_t group,
                       struct failure *failure)
{
    int status = 0;
    for (unsigned options = 0; options < 3 * 2 * 2 * 2 && status == 0; options++) {
        const flc_format format = {
            .bits = bits,
            .group = group,
            .spikes = options & 1,
            .metadata = options >> 1 & 1,
            .search = options >> 2 & 1,
            .scheme = (uint8_t)(options >> 3),
        };
        status = add_format(list, format, failure);
    }
    return status;
}

int budget_every_format(struct format_list *list, struct failure *failure)
{
    *list = (struct format_list){
        .items = calloc(MAX_FORMATS, sizeof *list->items),
        .storage = calloc(MAX_FORMATS, FLC_FORMAT_TEXT_BYTES),
    };
    int status = 0;
    if (list->items == NULL || list->storage == NULL) {
        status = failure_set(failure, "out of memory");
    } else {
        status = add_format(list, (flc_format){.bits = 0}, failure);
    }
    for (uint8_t bits = 1; bits <= MAX_BITS; bits++) {
        for (uint16_t group = 16; group <= 256 && status == 0; group = (uint16_t)(group * 2)) {
            status = add_options(list, bits, group, failure);
        }
    }
    if (status != 0) {
        format_list_free(list);
    }
    return status;
}

/* ---- The sample ---- */

/*
 * Whole blocks, spread evenly; a small tensor as it is. A block is encoded on its own, so that it
 * has the same error in the sample as in the tensor.
 */
static int take_sample(const struct tensor *tensor, struct tensor *sample, struct failure *failure)
{
    *sample = *tensor;
    sample->memory = NULL;
    if (tensor->count <= SAMPLE_BLOCKS * FLC_BLOCK_ELEMS) {
        return 0;
    }
    const size_t block_bytes = FLC_BLOCK_ELEMS * flc_type_bytes(tensor->type);
    const size_t blocks = tensor->count / FLC_BLOCK_ELEMS;
    uint8_t *const memory = malloc(SAMPLE_BLOCKS * block_bytes);
    if (memory == NULL) {
        return failure_set(failure, "out of memory: %zu bytes", SAMPLE_BLOCKS * block_bytes);
    }
    for (size_t i = 0; i < SAMPLE_BLOCKS; i++) {
        /* i * blocks / SAMPLE_BLOCKS, which cannot overflow in this form */
        const size_t block =
            blocks / SAMPLE_BLOCKS * i + blocks % SAMPLE_BLOCKS * i / SAMPLE_BLOCKS;
        memcpy(memory + i * block_bytes, (const uint8_t *)tensor->data + block * block_bytes,
               block_bytes);
    }
    sample->count = SAMPLE_BLOCKS * FLC_BLOCK_ELEMS;
    sample->data = memory;
    sample->memory = memory;
    return 0;
}

/* ---- The search ---- */

static time_t now_seconds(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void progress_show(struct progress *progress, size_t done, size_t all)
{
    if (now_seconds() - progress->start > PROGRESS_AFTER_SECONDS && isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\rformat %zu of at most %zu", done + 1, all);
        progress->is_shown = true;
    }
}

static void progress_end(const struct progress *progress)
{
    if (progress->is_shown) {
        (void)fprintf(stderr, "\r\033[K");
    }
}

/* The order of the list decides between equals. */
static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *const a = left;
    const struct candidate *const b = right;
    if (a->wire_bits != b->wire_bits) {
        return a->wire_bits < b->wire_bits ? -1 : 1;
    }
    return a->item < b->item ? -1 : a->item > b->item;
}

static int sort_candidates(const struct tensor *tensor, const struct format_list *formats,
                           struct candidate *candidates, struct failure *failure)
{
    for (size_t i = 0; i < formats->count; i++) {
        const struct format_item *const item = &formats->items[i];
        size_t wire_bytes = 0;
        if (flc_format_wire_bytes(item->reduce, tensor->type, tensor->count, &wire_bytes) !=
            FLC_OK) {
            return failure_set(failure, "format '%s': %s", item->text, flc_last_error(NULL));
        }
        candidates[i] = (struct candidate){item, 8.0 * (double)wire_bytes / (double)tensor->count};
    }
    qsort(candidates, formats->count, sizeof *candidates, compare_candidates);
    return 0;
}

/* The point of a frontier that answers, or else the one that comes closest. */
static size_t find_nearest(const struct budget *budget, const struct frontier *frontier)
{
    const struct format_error *const points = frontier->points;
    size_t i = 0;
    if (budget->kind == BUDGET_SQNR) {
        while (i + 1 < frontier->count && points[i].sqnr_db < budget->limit) {
            i++;
        }
    } else {
        while (i + 1 < frontier->count && points[i + 1].wire_bits <= budget->limit) {
            i++;
        }
    }
    return i;
}

/* Candidates come in the order of their wire bits. A SQNR that is NaN never gets in. */
static void extend_frontier(struct frontier *frontier, const struct format_error *point)
{
    struct format_error *const last = frontier->points + frontier->count;
    if (frontier->count == 0 ? !isnan(point->sqnr_db) : point->sqnr_db > last[-1].sqnr_db) {
        const bool replaces = frontier->count > 0 && point->wire_bits == last[-1].wire_bits;
        *(replaces ? last - 1 : last) = *point;
        frontier->count += replaces ? 0 : 1;
    }
}

/* Stop as soon as the answer and its neighbours beyond it cannot change any more. */
static int build_frontier(const struct budget *budget, const struct tensor *sample,
                          const struct candidate *candidates, size_t count,
                          struct frontier *frontier, struct failure *failure)
{
    struct progress progress = {now_seconds(), false};
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        if (frontier->count > find_nearest(budget, frontier) + NEIGHBOURS &&
            candidates[i].wire_bits > frontier->points[frontier->count - 1].wire_bits) {
            break;
        }
        struct format_error point;
        progress_show(&progress, i, count);
        status = format_error_measure(sample, candidates[i].item, &point, failure);
        if (status == 0) {
            point.wire_bits = candidates[i].wire_bits;
            extend_frontier(frontier, &point);
        }
    }
    progress_end(&progress);
    return status;
}

/* The answer among its neighbours, as many as there is room for. */
static void make_answer(const struct budget *budget, const struct frontier *frontier,
                        struct budget_answer *answer)
{
    if (frontier->count == 0) {
        return;
    }
    const size_t nearest = find_nearest(budget, frontier);
    const struct format_error *const point = &frontier->points[nearest];
    const size_t beyond = nearest + 1 + NEIGHBOURS;
    const size_t end = beyond < frontier->count ? beyond : frontier->count;
    const size_t begin = end < BUDGET_SHOWN ? 0 : end - BUDGET_SHOWN;
    answer->count = end - begin;
    memcpy(answer->results, frontier->points + begin, answer->count * sizeof *answer->results);
    answer->nearest = nearest - begin;
    answer->met = budget->kind == BUDGET_SQNR ? point->sqnr_db >= budget->limit
                                              : point->wire_bits <= budget->limit;
}

int budget_search(const struct budget *budget, const struct tensor *tensor,
                  const struct format_list *formats, struct budget_answer *answer,
                  struct failure *failure)
{
    *answer = (struct budget_answer){.count = 0};
    if (tensor->count == 0) {
        return 0;
    }
    struct tensor sample;
    if (take_sample(tensor, &sample, failure) != 0) {
        return -1;
    }
    struct candidate *const candidates = calloc(formats->count, sizeof *candidates);
    struct frontier frontier = {calloc(formats->count, sizeof *frontier.points), 0};
    int status = 0;
    if (candidates == NULL || frontier.points == NULL) {
        status = failure_set(failure, "out of memory");
    } else {
        status = sort_candidates(tensor, formats, candidates, failure);
    }
    if (status == 0) {
        status = build_frontier(budget, &sample, candidates, formats->count, &frontier, failure);
    }
    if (status == 0) {
        answer->sampled = sample.count;
        make_answer(budget, &frontier, answer);
    }
    free(candidates);
    free(frontier.points);
    tensor_free(&sample);
    return status;
}
