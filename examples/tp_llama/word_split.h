// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Cuts a text into the words inside which a byte-level BPE tokenizer merges, as the pre-tokenizer
 * that GGUF calls "smollm" does: each digit alone, and what is between digits by GPT-2's pattern
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 */
#ifndef TP_LLAMA_WORD_SPLIT_H
#define TP_LLAMA_WORD_SPLIT_H

#include <stddef.h>

/*
 * The length of the first word of a text.
 *
 *   text  [byte_count], at least 1, UTF-8; a byte that is none counts as a punctuation mark
 */
size_t word_bytes(const unsigned char *text, size_t byte_count);

#endif
