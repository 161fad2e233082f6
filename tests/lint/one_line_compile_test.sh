#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# The CPU library compiles with one plain compiler line: no build system, no definitions, no flags
# for single files. -Werror because an undeclared function is but a warning to gcc 12.
set -eu
cd "$(dirname "$0")/../.."

find src -name '*.c' -print0 | xargs -0 "${CC:-cc}" -std=c17 -Iinclude -Isrc -Werror -fsyntax-only
echo "$(find src -name '*.c' | wc -l) files compile"
