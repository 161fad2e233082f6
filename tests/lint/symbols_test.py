#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
"""
The symbols of the library: symbols_test.py LIBRARY [--cuda] [--update].

The public headers, exported_symbols.txt (the ABI list, reviewed line by line), the manual page and
the default visibility of what the library defines must say the same; a library built with CUDA
(--cuda) also has with_cuda.h and exported_symbols_cuda.txt. What is hidden starts with flci_.
LIBRARY is libflashcomm.a or .so; --update rewrites the lists from the headers.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LISTS = {
    False: pathlib.Path(__file__).with_name("exported_symbols.txt"),
    True: pathlib.Path(__file__).with_name("exported_symbols_cuda.txt"),
}
MAN_PAGE = ROOT / "docs/man/flashcomm.3"
# readelf -sW: number, value, size, type, binding, visibility, section, name
SYMBOL = re.compile(r"^\s*\d+:\s+\S+\s+\S+\s+\S+\s+(GLOBAL|WEAK)\s+(\w+)\s+(\w+)\s+([\w.]+)")


def declared(of_cuda):
    """Returns what with_cuda.h declares, or what all other headers do."""
    names = set()
    for header in sorted((ROOT / "include/flashcomm").glob("*.h")):
        if (header.name == "with_cuda.h") != of_cuda:
            continue
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        names |= set(re.findall(r"^FLC_API\b[^;(]*?(\w+)\(", text, flags=re.M))
    return names


def defined(library):
    """Returns the library's default and its hidden symbols, those of the compiler left out."""
    is_archive = library.endswith(".a")
    out = subprocess.run(
        ["readelf", "-W", "--syms" if is_archive else "--dyn-syms", library],
        check=True, capture_output=True, text=True,
    ).stdout
    default, hidden = set(), set()
    for line in out.splitlines():
        match = SYMBOL.match(line)
        if match and match.group(3) != "UND" and not match.group(4).startswith("_"):
            (default if match.group(2) == "DEFAULT" else hidden).add(match.group(4))
    return default, hidden


def report(names, text):
    for name in sorted(names):
        print(f"{name}: {text}")
    return len(names)


def main(argv):
    if "--update" in argv:
        for of_cuda, path in LISTS.items():
            path.write_text("".join(f"{name}\n" for name in sorted(declared(of_cuda))))
        return 0
    has_cuda = "--cuda" in argv
    arguments = [argument for argument in argv[1:] if argument != "--cuda"]
    if len(arguments) != 1:
        print(__doc__)
        return 2
    problems = 0
    listed = set()
    for of_cuda, path in LISTS.items():
        names = set(path.read_text().split())
        headers = declared(of_cuda)
        problems += report(headers - names, f"in the headers, not in {path.name}")
        problems += report(names - headers, f"in {path.name}, not in the headers")
        if has_cuda or not of_cuda:
            listed |= names
    default, hidden = defined(arguments[0])
    manual = set(re.findall(r"\bflc_\w+", MAN_PAGE.read_text()))
    problems += report(listed - manual, f"not in {MAN_PAGE.name}")
    problems += report(listed - default, "listed, but the library does not export it")
    problems += report(default - listed, "exported, but not listed")
    problems += report({n for n in default if not n.startswith("flc_")}, "exported without flc_")
    problems += report({n for n in hidden if not n.startswith("flci_")}, "hidden without flci_")
    print(f"{len(default)} exported, {len(hidden)} hidden, {problems} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
