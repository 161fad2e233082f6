#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# Format the C and CUDA sources in place, or check them: scripts/format.sh [--check].
#
# Versions of clang-format disagree with each other, so only 14 counts. Where there is none the
# exit status is 77, which ctest shows as skipped.
set -eu
cd "$(dirname "$0")/.."

tool=
for candidate in clang-format-14 clang-format; do
    if "$candidate" --version 2>/dev/null | grep -q 'version 14\.'; then
        tool=$candidate
        break
    fi
done
if [ -z "$tool" ]; then
    echo "clang-format 14 not found: formatting neither checked nor changed"
    exit 77
fi

list_sources() {
    find include src tools examples tests \( -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' \) -print0
}

if [ "${1:-}" != --check ]; then
    list_sources | xargs -0 "$tool" --style=file -i
    exit 0
fi
found=$(list_sources | xargs -0 "$tool" --style=file --dry-run -Werror 2>&1 | grep 'error:') || true
if [ -n "$found" ]; then
    echo "$found" | cut -d: -f1,2 | sort -u
    echo "not formatted as clang-format 14 does; \`make format\` does it"
    exit 1
fi
