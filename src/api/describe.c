// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What there is: the tables of the library, as `flashcomm info` prints them; and the version.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/param.h"
#include "codec/codec_rows.h"
#include "coll/algorithm.h"
#include "flashcomm/flashcomm.h"
#include "transport/shm/shm.h"

const char *flc_version(void)
{
    return FLC_VERSION_STRING;
}

static void fill(flc_item *item, const char *name, const char *value, const char *summary)
{
    (void)snprintf(item->name, sizeof item->name, "%s", name);
    (void)snprintf(item->value, sizeof item->value, "%s", value);
    (void)snprintf(item->summary, sizeof item->summary, "%s", summary);
}

/* What CUDA adds to the tables: nothing in a library without it. */
static flc_status describe_cuda(flc_kind kind, size_t index, flc_item *item)
{
#ifdef FLC_CUDA
    if (kind == FLC_KIND_TRANSPORT && index == 0) {
        fill(item, "cuda_p2p", "", "device memory of GPUs of one host, peer to peer");
        return FLC_OK;
    }
    if (kind == FLC_KIND_ALGORITHM && index == 0) {
        fill(item, "twostep", flci_collective_name(FLCI_ALL_REDUCE),
             "on device memory: both steps fused in one kernel");
        return FLC_OK;
    }
#else
    (void)kind;
    (void)index;
    (void)item;
#endif
    return FLC_ERR_INVALID_ARG; /* the end of a caller's loop, no error worth a sentence */
}

/* Rows of the table of algorithms. */
static size_t count_algorithms(void)
{
    size_t count = 0;
    while (flci_algorithm_at(count) != NULL) {
        count++;
    }
    return count;
}

static flc_status describe_parameter(size_t index, flc_item *item)
{
    const enum flci_param_id id = (enum flci_param_id)index;
    const struct flci_param *param = flci_param_at(id);
    char value[sizeof item->value];
    (void)snprintf(value, sizeof value, "%.40s (%s)", flci_param_text(id),
                   flci_param_is_set(id) ? "environment" : "default");
    fill(item, param->name, value, param->summary);
    return FLC_OK;
}

/* Why a row is in use; "" for the others. */
static const char *use_of_row(size_t index)
{
    const char *wanted = flci_param_text(FLCI_PARAM_CPU);
    if (strcmp(wanted, flci_codec_row_at(index)->name) == 0) {
        return "in use: FLC_CPU";
    }
    return strcmp(wanted, "auto") == 0 && flci_codec_row_at(index + 1) == NULL
               ? "in use: the fastest here"
               : "";
}

flc_status flc_describe(flc_kind kind, size_t index, flc_item *item)
{
    const struct flci_codec_row *row = flci_codec_row_at(index);
    const struct flci_algorithm *algorithm = flci_algorithm_at(index);
    if (item == NULL) {
        return flci_fail(FLC_ERR_INVALID_ARG, "item is NULL");
    }
    if (kind == FLC_KIND_PARAMETER && index < FLCI_PARAM_COUNT) {
        return describe_parameter(index, item);
    }
    if (kind == FLC_KIND_CODEC && row != NULL) {
        fill(item, row->name, use_of_row(index), row->summary);
    } else if (kind == FLC_KIND_TRANSPORT && index == 0) {
        fill(item, flci_shm_ops.name, "", flci_shm_ops.summary);
    } else if (kind == FLC_KIND_ALGORITHM && algorithm != NULL) {
        fill(item, algorithm->name, flci_collective_name(algorithm->collective),
             algorithm->summary);
    } else if (kind == FLC_KIND_TRANSPORT) {
        return describe_cuda(kind, index - 1, item);
    } else {
        return describe_cuda(kind, index - count_algorithms(), item);
    }
    return FLC_OK;
}
