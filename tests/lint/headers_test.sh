#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# Every public header compiles alone, as C17 and as C++17, with warnings as errors:
# headers_test.sh for all but with_cuda.h, headers_test.sh cuda [INCLUDE_FOLDER_OF_CUDA] for that.
set -eu
cd "$(dirname "$0")/../.."

warnings="-Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only"
headers=$(find include/flashcomm -name '*.h' ! -name with_cuda.h)
if [ "${1:-}" = cuda ]; then
    if [ -z "${2:-}" ]; then
        echo "this build has no CUDA: with_cuda.h was not checked"
        exit 77
    fi
    headers=include/flashcomm/with_cuda.h
    warnings="$warnings -isystem $2"
fi
cxx=
for candidate in c++ g++ clang++; do
    if command -v "$candidate" >/dev/null 2>&1; then
        cxx=$candidate
        break
    fi
done

status=0
for header in $headers; do
    line="#include \"${header#include/}\""
    # shellcheck disable=SC2086 # flags
    echo "$line" | ${CC:-cc} -std=c17 $warnings -x c - || status=1
    if [ -n "$cxx" ]; then
        # shellcheck disable=SC2086 # flags
        echo "$line" | $cxx -std=c++17 $warnings -x c++ - || status=1
    fi
    echo "$header"
done
if [ $status = 0 ] && [ -z "$cxx" ]; then
    echo "no C++ compiler found: checked as C only"
    exit 77
fi
exit $status
