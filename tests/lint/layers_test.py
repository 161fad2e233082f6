#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
The arrows between layers: api -> coll -> {codec, transport} -> cuda -> base.

A file in src/ may include its own layer, any lower one and public headers, by a path that starts at
src/ or include/. Tools and examples may include public headers and files beside them. Prints each
#include that breaks a rule.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEVELS = {"api": 4, "coll": 3, "codec": 2, "transport": 2, "cuda": 1, "base": 0}
SUFFIXES = {".c", ".h", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def is_public(name):
    return name.startswith("flashcomm/") and (ROOT / "include" / name).is_file()


def check_library_include(path, name):
    if is_public(name):
        return None
    if ".." in name or not (ROOT / "src" / name).is_file():
        return "is no file under src/ or include/"
    layer = path.relative_to(ROOT / "src").parts[0]
    other = name.split("/")[0]
    if layer not in LEVELS or other not in LEVELS:
        return f"'{other if layer in LEVELS else layer}' is no layer"
    if layer != other and LEVELS[other] >= LEVELS[layer]:
        return f"'{layer}' may not include '{other}'"
    return None


def check_user_include(path, name):
    if is_public(name) or (".." not in name and (path.parent / name).is_file()):
        return None
    return "is neither a public header nor a file beside this one"


def main():
    violations = files = 0
    for folder, check in (
        ("src", check_library_include),
        ("tools", check_user_include),
        ("examples", check_user_include),
    ):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            files += 1
            for number, name in includes(path):
                reason = check(path, name)
                if reason:
                    violations += 1
                    print(f'{path.relative_to(ROOT)}:{number}: "{name}" {reason}')
    print(f"{files} files, {violations} violations")
    return 1 if violations or not files else 0


if __name__ == "__main__":
    sys.exit(main())
