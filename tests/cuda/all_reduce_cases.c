// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Which calls all_reduce_cuda_test makes: all_reduce_cases.h. In three parts: every format with
 * every type; main formats with every type and count; main formats with every type and kind of
 * data. What a part does not set is drawn from the seed.
 */
#include "all_reduce_cases.h"

#include <stdio.h>
#include <string.h>

#include "all_formats.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define ELEMS_MAX     ((size_t)1 << 20)

static const char *const main_formats[] = {
    "int4",         "int8",      "raw",
    "int5:g64",     "int4/int8", "int2:g32:spike:compact",
    "int3:g32:rot", "int1:sym",  "int6:g256:spike",
    "raw/int4",     "int7",      "int3:g128:compact",
};
static const char *const more_formats[] = {
    "int8/int4",
    "int4/raw",
    "int2:g32:spike:compact/int6",
    "int3:g32:rot/int5:g64:sym",
    "int4:g16/int4:g256",
    "raw/int8:g32",
    "int2:g64:rot:search/int8",
};

static int add_format(struct case_formats *formats, const char *text)
{
    if (formats->count == CASE_FORMATS_MAX) {
        fprintf(stderr, "more than %d formats\n", CASE_FORMATS_MAX);
        return -1;
    }
    if (flc_format_parse_pair(text, &formats->reduce[formats->count],
                              &formats->gather[formats->count]) != FLC_OK) {
        fprintf(stderr, "%s\n", flc_last_error(NULL));
        return -1;
    }
    formats->count++;
    return 0;
}

static int add_listed(struct case_formats *formats, const char *text)
{
    while (*text != '\0') {
        char one[FLC_FORMAT_TEXT_BYTES];
        const size_t length = strcspn(text, ",");
        if (length >= sizeof one) {
            fprintf(stderr, "format '%s' is too long\n", text);
            return -1;
        }
        memcpy(one, text, length);
        one[length] = '\0';
        if (add_format(formats, one) != 0) {
            return -1;
        }
        text += length + (text[length] == ',');
    }
    formats->main_count = formats->count;
    return 0;
}

int case_formats_init(struct case_formats *formats, const char *text)
{
    const char *preset = NULL;
    memset(formats, 0, sizeof *formats);
    if (text != NULL) {
        return add_listed(formats, text);
    }
    for (size_t i = 0; i < LENGTH(main_formats); i++) {
        if (add_format(formats, main_formats[i]) != 0) {
            return -1;
        }
    }
    formats->main_count = formats->count;
    for (size_t i = 0; i < LENGTH(more_formats); i++) {
        if (add_format(formats, more_formats[i]) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; flc_preset_at(i, &preset, NULL, NULL) == FLC_OK; i++) {
        if (add_format(formats, preset) != 0) {
            return -1;
        }
    }
    for (int i = 0; i < ALL_FORMATS; i++) {
        formats->reduce[formats->count] = formats->gather[formats->count] = all_formats_at(i);
        formats->count++;
    }
    return 0;
}

/* Around what kernels treat apart: elements, groups, blocks, whole rounds of the ranks. */
static size_t special_count(size_t index, size_t ranks)
{
    const size_t counts[] = {1,
                             2,
                             3,
                             17,
                             127,
                             129,
                             1009,
                             FLC_BLOCK_ELEMS - 1,
                             FLC_BLOCK_ELEMS,
                             FLC_BLOCK_ELEMS + 1,
                             ranks * FLC_BLOCK_ELEMS - 1,
                             ranks * FLC_BLOCK_ELEMS,
                             ranks * FLC_BLOCK_ELEMS + 1,
                             (ranks + 1) * FLC_BLOCK_ELEMS + 5,
                             (2 * ranks - 1) * FLC_BLOCK_ELEMS,
                             7 * ranks * FLC_BLOCK_ELEMS + 1,
                             104729,
                             262144 + 4096 - 3,
                             999983,
                             ELEMS_MAX};
    return index < LENGTH(counts) ? counts[index] : 0;
}

static size_t special_counts(void)
{
    size_t n = 0;
    while (special_count(n, 2) != 0) {
        n++;
    }
    return n;
}

/* Mostly small, so that there are many; now and then up to about a million. */
static size_t draw_count(uint64_t *state, size_t ranks)
{
    const size_t magnitude = (size_t)1 << test_random_below(state, 17);
    if (test_random_below(state, 2) == 0) {
        return special_count(test_random_below(state, special_counts() - 3), ranks);
    }
    if (test_random_below(state, 60) == 0) {
        return ELEMS_MAX - test_random_below(state, ELEMS_MAX / 2);
    }
    return magnitude + test_random_below(state, magnitude);
}

/* What no part sets, from the seed and the number of the case. */
static void draw(const struct case_list *list, size_t index, struct cuda_call *call)
{
    uint64_t state = list->seed + (uint64_t)list->ranks * 1000000u + index;
    (void)test_random(&state);
    memset(call, 0, sizeof *call);
    call->op = test_random_below(&state, 2) == 0 ? FLC_SUM : FLC_AVG;
    call->flags = test_random_below(&state, 4) == 0 ? FLC_INVARIANT : 0;
    call->is_in_place = test_random_below(&state, 3) == 0;
    call->send_offset = test_random_below(&state, 2) * (1 + test_random_below(&state, 3));
    call->recv_offset = test_random_below(&state, 2) * (1 + test_random_below(&state, 3));
    call->count = draw_count(&state, (size_t)list->ranks);
    call->data = test_random_below(&state, 2) == 0
                     ? TEST_GAUSSIAN
                     : (int)test_random_below(&state, CUDA_DATA_KINDS);
    call->late_rank = test_random_below(&state, 6) == 0
                          ? (int)test_random_below(&state, (size_t)list->ranks)
                          : -1;
    call->seed = test_random(&state);
}

static int set_case(const struct case_list *list, size_t index, struct cuda_call *call)
{
    const size_t formats = (size_t)list->formats->count, all = formats * ALL_TYPES;
    const size_t mains = (size_t)list->formats->main_count * ALL_TYPES;
    const size_t counts = special_counts();
    size_t format;
    draw(list, index, call);
    if (index < all) {
        format = index % formats;
        call->type = (flc_type)(index / formats);
    } else if (index < all + mains * counts) {
        const size_t i = (index - all) / counts;
        format = i / ALL_TYPES;
        call->type = (flc_type)(i % ALL_TYPES);
        call->count = special_count((index - all) % counts, (size_t)list->ranks);
    } else if (index < all + mains * (counts + CUDA_DATA_KINDS)) {
        const size_t i = (index - all - mains * counts) / CUDA_DATA_KINDS;
        format = i / ALL_TYPES;
        call->type = (flc_type)(i % ALL_TYPES);
        call->data = (int)(index % CUDA_DATA_KINDS);
        call->count = 3 * FLC_BLOCK_ELEMS + 57;
    } else {
        return 0;
    }
    call->reduce = list->formats->reduce[format];
    call->gather = list->formats->gather[format];
    return 1;
}

int case_list_next(struct case_list *list, struct cuda_call *call)
{
    if (list->next == 0) {
        list->next = (size_t)list->ranks % list->stride;
    }
    const int is_there = set_case(list, list->next, call);
    list->next += list->stride;
    return is_there;
}
