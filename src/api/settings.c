// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Configurations checked and completed: what the caller left open comes from the environment, then
 * from the table of parameters.
 */
#include <stdio.h>
#include <string.h>

#include "api/comm.h"
#include "base/log.h"
#include "base/param.h"
#include "coll/algorithm.h"

/* Whether any collective has it: collectives.c looks whether the one that is called does. */
static flc_status check_algorithm(const char *where, const char *name)
{
    const struct flci_algorithm *row;
    int is_known = strcmp(name, "auto") == 0;
    for (size_t i = 0; (row = flci_algorithm_at(i)) != NULL; i++) {
        is_known |= strcmp(row->name, name) == 0;
    }
    if (!is_known) {
        return flci_fail(FLC_ERR_INVALID_ARG,
                         "%s is '%s': allowed are auto and those of `flashcomm info`", where, name);
    }
    return FLC_OK;
}

flc_status flci_settings_for_call(const struct flci_settings *defaults,
                                  const flc_coll_config *config, struct flci_settings *settings)
{
    struct flci_settings s = *defaults;
    if (config != NULL) {
        if (config->struct_bytes != sizeof *config) {
            return flci_fail(FLC_ERR_INVALID_ARG,
                             "flc_coll_config.struct_bytes is %zu: %zu expected, from "
                             "FLC_COLL_CONFIG_INIT",
                             config->struct_bytes, sizeof *config);
        }
        if ((config->flags & ~FLC_INVARIANT) != 0) {
            return flci_fail(FLC_ERR_INVALID_ARG,
                             "flc_coll_config.flags is 0x%x: allowed is FLC_INVARIANT",
                             config->flags);
        }
        FLCI_TRY(flc_format_check(config->reduce));
        FLCI_TRY(flc_format_check(config->gather));
        s.reduce = config->reduce;
        s.gather = config->gather;
        s.flags = config->flags;
        if (config->algorithm != NULL) {
            FLCI_TRY(check_algorithm("algorithm", config->algorithm));
            (void)snprintf(s.algorithm, sizeof s.algorithm, "%s", config->algorithm);
        }
    }
    *settings = s;
    return FLC_OK;
}

flc_status flci_settings_resolve(const flc_comm_config *config, struct flci_settings *settings)
{
    struct flci_settings s;
    int64_t workspace_bytes = 0;
    memset(&s, 0, sizeof s);
    FLCI_TRY(flci_log_check());
    FLCI_TRY(flci_param_int(FLCI_PARAM_TIMEOUT_MS, &s.timeout_ms));
    FLCI_TRY(flci_param_int(FLCI_PARAM_WORKSPACE_BYTES, &workspace_bytes));
    s.workspace_bytes = (size_t)workspace_bytes;
    FLCI_TRY(check_algorithm("FLC_ALGO", flci_param_text(FLCI_PARAM_ALGO)));
    (void)snprintf(s.algorithm, sizeof s.algorithm, "%s", flci_param_text(FLCI_PARAM_ALGO));
    if (config != NULL) {
        const struct flci_param *timeout = flci_param_at(FLCI_PARAM_TIMEOUT_MS);
        if (config->struct_bytes != sizeof *config) {
            return flci_fail(FLC_ERR_INVALID_ARG,
                             "flc_comm_config.struct_bytes is %zu: %zu expected, from "
                             "FLC_COMM_CONFIG_INIT",
                             config->struct_bytes, sizeof *config);
        }
        if (config->timeout_ms < 0 || config->timeout_ms > timeout->max) {
            return flci_fail(FLC_ERR_INVALID_ARG,
                             "flc_comm_config.timeout_ms is %lld: allowed are 0 (default) to %lld",
                             (long long)config->timeout_ms, (long long)timeout->max);
        }
        s.timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : s.timeout_ms;
        s.workspace_bytes =
            config->workspace_bytes > 0 ? config->workspace_bytes : s.workspace_bytes;
        FLCI_TRY(flci_settings_for_call(&s, config->coll, &s));
    }
    *settings = s;
    return FLC_OK;
}
