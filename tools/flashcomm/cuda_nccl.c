// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * NCCL, opened at run time: see cuda_nccl.h.
 */
#include "cuda_nccl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From this version on a version is 10000 major + 100 minor + patch. */
#define NCCL_WIDE_VERSION 10000

int cuda_nccl_open(struct cuda_nccl *nccl, struct failure *failure)
{
    const char *const chosen = getenv("FLC_NCCL_LIB");
    const char *const name = chosen == NULL || chosen[0] == '\0' ? "libnccl.so.2" : chosen;
    const struct {
        const char *name;
        void *slot; /* where the pointer to the function is */
    } symbols[] = {
        {"ncclGetVersion", &nccl->get_version},    {"ncclGetErrorString", &nccl->get_error_string},
        {"ncclGetUniqueId", &nccl->get_unique_id}, {"ncclCommInitRank", &nccl->comm_init_rank},
        {"ncclCommDestroy", &nccl->comm_destroy},  {"ncclCommAbort", &nccl->comm_abort},
        {"ncclAllReduce", &nccl->all_reduce},
    };
    nccl->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (nccl->library == NULL) {
        return failure_set(failure, "NCCL: %s (FLC_NCCL_LIB can name its library)", dlerror());
    }
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *const symbol = dlsym(nccl->library, symbols[i].name);
        if (symbol == NULL) {
            return failure_set(failure, "NCCL: %s has no %s", name, symbols[i].name);
        }
        memcpy(symbols[i].slot, &symbol, sizeof symbol);
    }
    return 0;
}

void cuda_nccl_version(const struct cuda_nccl *nccl, char *text, size_t text_bytes)
{
    int version = 0;
    if (nccl->get_version(&version) != 0 || version < NCCL_WIDE_VERSION) {
        (void)snprintf(text, text_bytes, "unknown (%d)", version);
        return;
    }
    (void)snprintf(text, text_bytes, "%d.%d.%d", version / 10000, version / 100 % 100,
                   version % 100);
}

int cuda_nccl_type(flc_type type)
{
    switch (type) {
    case FLC_FLOAT16:
        return 6;
    case FLC_BFLOAT16:
        return 9;
    default:
        return 7;
    }
}

int cuda_nccl_op(flc_op op)
{
    return op == FLC_AVG ? 4 : 0;
}
