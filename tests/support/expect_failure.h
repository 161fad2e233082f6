// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Asserts on a failure: its status, and what its sentence must name. Include after cmocka.h, in
 * tests that use both.
 */
#ifndef EXPECT_FAILURE_H
#define EXPECT_FAILURE_H

#include <string.h>

#include "flashcomm/flashcomm.h"

static inline void expect_sentence(const char *sentence, const char *part)
{
    if (strstr(sentence, part) == NULL) {
        fail_msg("'%s' is not in the sentence '%s'", part, sentence);
    }
}

/* Of the thread's last failed call; `also` may be NULL. */
static inline void expect_failure(flc_status status, flc_status expected, const char *part,
                                  const char *also)
{
    const char *sentence = flc_last_error(NULL);
    if (status != expected) {
        fail_msg("status is %d, %d expected; last sentence: '%s'", (int)status, (int)expected,
                 sentence);
    }
    expect_sentence(sentence, part);
    if (also != NULL) {
        expect_sentence(sentence, also);
    }
}

#endif
