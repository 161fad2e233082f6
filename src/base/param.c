// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * The table of parameters, read from the environment at each use: uses are rare (creation, and
 * one look at FLC_DEBUG an error), and tests change them.
 */
#include "base/param.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"

static const struct flci_param params[FLCI_PARAM_COUNT] = {
    [FLCI_PARAM_ALGO] = {"FLC_ALGO", "auto", 0, 0,
                         "algorithm of calls that name none, of collectives that have it"},
    [FLCI_PARAM_CPU] = {"FLC_CPU", "auto", 0, 0, "codec row to use"},
    /* What 128 MiB of bf16 need at 8 bits, on two ranks; more is sent in parts. */
    [FLCI_PARAM_CUDA_STAGING_BYTES] = {"FLC_CUDA_STAGING_BYTES", "134217728", INT64_C(1) << 20,
                                       INT64_C(1) << 34,
                                       "device memory a rank for what peers send it, in bytes"},
    [FLCI_PARAM_DEBUG] = {"FLC_DEBUG", "", 0, 0, "messages on stderr: WARN, INFO or TRACE"},
    /* Ten minutes: checkpoints and just-in-time compilation are slow, not dead. */
    [FLCI_PARAM_TIMEOUT_MS] = {"FLC_TIMEOUT_MS", "600000", 1, INT64_C(86400000),
                               "how long a live but silent peer is waited for, in ms"},
    [FLCI_PARAM_WORKSPACE_BYTES] = {"FLC_WORKSPACE_BYTES", "4194304", 1, INT64_C(1) << 32,
                                    "staging memory a rank, in bytes"},
};

const struct flci_param *flci_param_at(enum flci_param_id id)
{
    return &params[id];
}

int flci_param_is_set(enum flci_param_id id)
{
    const char *text = getenv(params[id].name);
    return text != NULL && text[0] != '\0';
}

const char *flci_param_text(enum flci_param_id id)
{
    return flci_param_is_set(id) ? getenv(params[id].name) : params[id].initial;
}

flc_status flci_param_int(enum flci_param_id id, int64_t *value)
{
    const struct flci_param *param = &params[id];
    const char *text = flci_param_text(id);
    char *end = NULL;
    long long parsed;
    errno = 0;
    parsed = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || parsed < param->min || parsed > param->max) {
        return flci_fail(FLC_ERR_INVALID_ARG, "%s is '%s': allowed are %" PRId64 " to %" PRId64,
                         param->name, text, param->min, param->max);
    }
    *value = parsed;
    return FLC_OK;
}
