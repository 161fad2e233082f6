// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Fuzzes what rank 0 makes of a hello, the struct flci_join that another process sends: any bytes
 * are either those it expects, but for the rank, or refused with a sentence.
 *
 * Input: places and values of bytes that differ from the expected hello.
 */
#include <stdlib.h>
#include <string.h>

#include "flashcomm/flashcomm.h"
#include "fuzz.h"
#include "transport/join.h"

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flci_join mine, theirs;
    uint8_t *bytes = malloc(sizeof theirs);
    require(bytes != NULL);
    memset(&mine, 0, sizeof mine);
    memcpy(mine.version, FLC_VERSION_STRING, sizeof FLC_VERSION_STRING);
    mine.wire_version = FLC_WIRE_VERSION;
    mine.ranks = 2;
    mine.timeout_ms = 1000;
    mine.workspace_bytes = 1 << 20;
    require(flc_format_parse("int4", &mine.reduce) == FLC_OK);
    memcpy(mine.algorithm, "auto", sizeof "auto");
    memcpy(bytes, &mine, sizeof mine);
    for (size_t i = 0; i + 1 < size; i += 2) {
        bytes[data[i] % sizeof theirs] = data[i + 1];
    }
    memcpy(&theirs, bytes, sizeof theirs);
    free(bytes);

    const flc_status status = flci_join_check(&mine, &theirs);
    if (status != FLC_OK) {
        require(status == FLC_ERR_MISMATCH);
        require(flc_last_error(NULL)[0] != '\0');
        return 0;
    }
    require(theirs.ranks == mine.ranks && theirs.timeout_ms == mine.timeout_ms);
    require(memcmp(&theirs.reduce, &mine.reduce, sizeof mine.reduce) == 0);
    return 0;
}
