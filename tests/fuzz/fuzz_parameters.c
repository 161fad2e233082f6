// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Fuzzes the environment: whatever a variable says, creating a communicator succeeds, or is refused
 * with a sentence that names the variable.
 *
 * Input: a byte that chooses the variable, then its value.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "flashcomm/flashcomm.h"
#include "fuzz.h"

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count = 0;
    flc_item item;
    flc_comm *comm = NULL;
    char *text;
    while (flc_describe(FLC_KIND_PARAMETER, count, &item) == FLC_OK) {
        count++;
    }
    if (size == 0) {
        return 0;
    }
    require(flc_describe(FLC_KIND_PARAMETER, data[0] % count, &item) == FLC_OK);
    text = malloc(size);
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    require(setenv(item.name, text, 1) == 0);

    const flc_status status = flc_comm_create_local(1, NULL, &comm);
    require((status == FLC_OK) == (comm != NULL));
    if (status != FLC_OK) {
        /* A workspace that is a fine number may still be too small, which has another name. */
        require(status == FLC_ERR_INVALID_ARG);
        require(strstr(flc_last_error(NULL), item.name) != NULL ||
                strstr(flc_last_error(NULL), "workspace_bytes") != NULL);
    }
    require(flc_describe(FLC_KIND_PARAMETER, data[0] % count, &item) == FLC_OK);
    flc_comm_destroy(comm);
    require(unsetenv(item.name) == 0);
    free(text);
    return 0;
}
