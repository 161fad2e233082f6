// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * What every fuzzer defines. libFuzzer calls it with inputs of its own (preset `fuzz`);
 * replay_main.c with the files of the committed corpus, in every other build.
 */
#ifndef FLC_TESTS_FUZZ_H
#define FLC_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0; a finding is a crash, a sanitizer's report or abort(). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
