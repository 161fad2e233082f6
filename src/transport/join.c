// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Agreement of ranks at creation.
 */
#include "transport/join.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static flc_status differ(const struct flci_join *mine, const struct flci_join *theirs,
                         const char *what, long long my_value, long long their_value)
{
    return flci_fail(FLC_ERR_MISMATCH, "%s differs: %lld on rank %d, %lld on rank %d", what,
                     my_value, mine->rank, their_value, theirs->rank);
}

static flc_status differ_text(const struct flci_join *mine, const struct flci_join *theirs,
                              const char *what, const char *my_text, const char *their_text)
{
    return flci_fail(FLC_ERR_MISMATCH, "%s differs: '%.31s' on rank %d, '%.31s' on rank %d", what,
                     my_text, mine->rank, their_text, theirs->rank);
}

/* A peer's bytes may be no format at all. */
static void print_format(flc_format format, char text[FLC_FORMAT_TEXT_BYTES])
{
    if (flc_format_print(format, text, FLC_FORMAT_TEXT_BYTES) != FLC_OK) {
        (void)snprintf(text, FLC_FORMAT_TEXT_BYTES, "unknown");
    }
}

flc_status flci_join_check(const struct flci_join *mine, const struct flci_join *theirs)
{
    if (strncmp(mine->version, theirs->version, sizeof mine->version) != 0) {
        return differ_text(mine, theirs, "library version", mine->version, theirs->version);
    }
    if (mine->wire_version != theirs->wire_version) {
        return differ(mine, theirs, "wire version", mine->wire_version, theirs->wire_version);
    }
    if (mine->ranks != theirs->ranks) {
        return differ(mine, theirs, "ranks", mine->ranks, theirs->ranks);
    }
    if (mine->timeout_ms != theirs->timeout_ms) {
        return differ(mine, theirs, "timeout_ms", mine->timeout_ms, theirs->timeout_ms);
    }
    if (mine->workspace_bytes != theirs->workspace_bytes) {
        return differ(mine, theirs, "workspace_bytes", (long long)mine->workspace_bytes,
                      (long long)theirs->workspace_bytes);
    }
    if (mine->flags != theirs->flags) {
        return differ(mine, theirs, "flags", mine->flags, theirs->flags);
    }
    if (strncmp(mine->algorithm, theirs->algorithm, sizeof mine->algorithm) != 0) {
        return differ_text(mine, theirs, "algorithm", mine->algorithm, theirs->algorithm);
    }
    if (memcmp(&mine->reduce, &theirs->reduce, sizeof mine->reduce) != 0 ||
        memcmp(&mine->gather, &theirs->gather, sizeof mine->gather) != 0) {
        char my_text[FLC_FORMAT_TEXT_BYTES], their_text[FLC_FORMAT_TEXT_BYTES];
        const int is_reduce = memcmp(&mine->reduce, &theirs->reduce, sizeof mine->reduce) != 0;
        print_format(is_reduce ? mine->reduce : mine->gather, my_text);
        print_format(is_reduce ? theirs->reduce : theirs->gather, their_text);
        return differ_text(mine, theirs, is_reduce ? "reduce format" : "gather format", my_text,
                           their_text);
    }
    return FLC_OK;
}
