// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Fuzzes the format parser: any text either fails with a sentence, or gives a format that the
 * checks accept and whose printed text parses to the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "flashcomm/codec.h"
#include "flashcomm/flashcomm.h"
#include "fuzz.h"

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static void check_accepted(flc_format format)
{
    char text[FLC_FORMAT_TEXT_BYTES];
    flc_format again;
    require(flc_format_check(format) == FLC_OK);
    require(flc_format_print(format, text, sizeof text) == FLC_OK);
    require(flc_format_parse(text, &again) == FLC_OK);
    require(memcmp(&format, &again, sizeof format) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';

    flc_format reduce;
    flc_format gather;
    if (flc_format_parse(text, &reduce) == FLC_OK) {
        check_accepted(reduce);
    } else {
        require(flc_last_error(NULL)[0] != '\0');
    }
    if (flc_format_parse_pair(text, &reduce, &gather) == FLC_OK) {
        check_accepted(reduce);
        check_accepted(gather);
    } else {
        require(flc_last_error(NULL)[0] != '\0');
    }
    free(text);
    return 0;
}
