#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
Plain-text rules: no tabs (but in the Makefile) and no trailing blanks, a newline at the end, the
two SPDX lines on top of each source file, no file over 600,000 bytes.

Looks at the files git tracks or would add; outside a git checkout, at all files but build/.
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LARGEST_BYTES = 600_000
SOURCE_SUFFIXES = {".c", ".h", ".cu", ".cuh", ".py", ".sh", ".cmake"}
SOURCE_NAMES = {"CMakeLists.txt", "Makefile"}
TEXT_SUFFIXES = SOURCE_SUFFIXES | {".md", ".txt", ".json", ".in", ".1", ".3"}
SPDX = [
    "SPDX-License-Identifier: Apache-2.0",
    "SPDX-FileCopyrightText: the flashcomm authors",
]


def tree_files():
    git = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
    )
    if git.returncode == 0:
        names = sorted(name for name in git.stdout.decode().split("\0") if name)
        return [ROOT / name for name in names if (ROOT / name).is_file()]
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in (".git", "build", "__pycache__")]
        found += [pathlib.Path(folder) / name for name in sorted(names)]
    return found


def check_text(path, lines, is_source):
    if lines[-1] != "":
        yield len(lines), "no newline at the end of the file"
    for number, line in enumerate(lines, 1):
        if "\t" in line and path.name != "Makefile":
            yield number, "tab"
        if line != line.rstrip():
            yield number, "trailing blank"
    if is_source:
        top = lines[1:3] if lines[0].startswith("#!") else lines[:2]
        if [line.lstrip("/# ") for line in top] != SPDX:
            yield 1, "does not open with the two SPDX lines"


def check_file(path):
    data = path.read_bytes()
    if len(data) > LARGEST_BYTES:
        yield 1, f"{len(data)} bytes; at most {LARGEST_BYTES}"
    is_source = (
        path.suffix in SOURCE_SUFFIXES or path.name in SOURCE_NAMES or data.startswith(b"#!")
    )
    in_corpus = "corpus" in path.parts or "golden" in path.parts
    if is_source or (path.suffix in TEXT_SUFFIXES and not in_corpus):
        yield from check_text(path, data.decode().split("\n"), is_source)


def main():
    files = tree_files()
    violations = 0
    for path in files:
        for number, reason in check_file(path):
            violations += 1
            print(f"{path.relative_to(ROOT)}:{number}: {reason}")
    print(f"{len(files)} files, {violations} violations")
    return 1 if violations or not files else 0


if __name__ == "__main__":
    sys.exit(main())
