#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# The CPU library compiles with one plain compiler line: no build system, no definitions, no flags
# for single files. -Werror because an undeclared function is but a warning to gcc 12. Left out are
# the files that src/cuda.cmake lists: they need CUDA's headers.
set -eu
cd "$(dirname "$0")/../.."

cuda=$(sed -n 's|^ *\([a-z0-9_/]*\.c\)$|src/\1|p' src/cuda.cmake)
files=$(find src -name '*.c' | grep -v -x -F "$cuda")
# shellcheck disable=SC2086 # a list of files
"${CC:-cc}" -std=c17 -Iinclude -Isrc -Werror -fsyntax-only $files
echo "$(echo "$files" | wc -l) files compile"
