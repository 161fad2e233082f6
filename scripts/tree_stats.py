#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
Sizes of the tree: scripts/tree_stats.py [FOLDER...].

Prints, for each folder, what reviewers look at: number of files, median and largest file, function
lengths, and each function over 60 lines. An aim to look at often, not a gate. Functions are found
by their braces: with this tree's style one starts at a '{' in column 0 and ends at a '}' there.
"""
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["include", "src", "tools", "examples", "tests"]
LONG_FUNCTION = 60
SUFFIXES = {".c", ".h", ".cu", ".cuh"}


def sources(folder):
    return sorted(p for p in (ROOT / folder).rglob("*") if p.suffix in SUFFIXES)


def functions(lines):
    """Yields (name, length), the signature's lines counted."""
    start = None
    for number, line in enumerate(lines):
        if line == "{" and start is None:
            start = number
            while start > 0 and lines[start - 1] and not re.match(r"[#}/]| \*/", lines[start - 1]):
                start -= 1
        elif line == "}" and start is not None:
            signature = " ".join(lines[start:number])
            name = re.search(r"(\w+)\s*\(", signature)
            yield (name.group(1) if name else "?", number - start + 1)
            start = None


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0


def describe(folder):
    files, lengths, long_ones, conditionals, total = [], [], [], 0, 0
    for path in sources(folder):
        lines = path.read_text().splitlines()
        files.append((len(lines), path.name))
        total += len(lines)
        conditionals += sum(bool(re.match(r"#\s*(if|elif)(?!ndef \w+_H$)", line)) for line in lines)
        for name, length in functions(lines):
            lengths.append(length)
            if length > LONG_FUNCTION:
                long_ones.append((length, f"{path.relative_to(ROOT)}: {name}"))
    if not files:
        return []
    largest = max(files)
    print(
        f"| {folder} | {len(files)} | {total} | {statistics.median(n for n, _ in files):.0f} "
        f"| `{largest[1]}` {largest[0]} | {percentile(lengths, 0.5)} / {percentile(lengths, 0.9)} "
        f"/ {max(lengths, default=0)} | {len(long_ones)} "
        f"| {1000 * conditionals / max(total, 1):.1f} |"
    )
    return long_ones


def main():
    print("| tree | files | lines | median lines | largest file | function median / p90 / max "
          "| > 60 lines | `#if` per kloc |")
    print("|---|---|---|---|---|---|---|---|")
    long_ones = []
    for folder in sys.argv[1:] or FOLDERS:
        long_ones += describe(folder)
    for length, where in sorted(long_ones, reverse=True):
        print(f"{length} lines  {where}")


if __name__ == "__main__":
    main()
