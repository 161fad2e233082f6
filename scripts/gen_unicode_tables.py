#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
Writes the ranges of Unicode letters and numbers that a byte-level BPE tokenizer splits words at, as
unicode_tables.h of examples/tp_llama: gen_unicode_tables.py OUTPUT. The build runs it.
"""
import sys
import unicodedata

COLUMNS = 100


def ranges(category):
    found = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] != category:
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def print_table(name, category):
    print(f"static const struct code_range {name}[] = {{")
    line = "   "
    for first, last in ranges(category):
        item = f" {{0x{first:x}, 0x{last:x}}},"
        if len(line) + len(item) > COLUMNS:
            print(line)
            line = "   "
        line += item
    print(line)
    print("};")


sys.stdout = open(sys.argv[1], "w", encoding="ascii")
print(f"""// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the flashcomm authors
/*
 * Made by scripts/gen_unicode_tables.py: the letters and the numbers (general categories L and N)
 * of Unicode {unicodedata.unidata_version}, in order. Included by word_split.c only.
 */
// clang-format off
#ifndef TP_LLAMA_UNICODE_TABLES_H
#define TP_LLAMA_UNICODE_TABLES_H

#include <stdint.h>

/* Both ends belong to it. */
struct code_range {{
    uint32_t first;
    uint32_t last;
}};
""")
print_table("letter_ranges", "L")
print()
print_table("number_ranges", "N")
print("\n#endif")
