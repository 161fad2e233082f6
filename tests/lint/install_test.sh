#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# A program in C or C++ can be built against the installed library, static or shared, by pkg-config
# and by the CMake package, also after the installed tree was moved; and a shared library exports
# what it should: install_test.sh BUILD_FOLDER CMAKE [PYTHON], the folder being of a static build.
set -eu

build=$1
cmake=$2
python=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cc=${CC:-cc}
cxx=$(command -v c++ || command -v g++ || command -v clang++ || true)
version=$(sed -n 's/.*FLC_VERSION_STRING "\(.*\)".*/\1/p' "$root/include/flashcomm/version.h")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "install_test: $*" >&2
    exit 1
}

quietly() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log"; fail "failed: $*"; }
}

mkdir "$work/user"
cat >"$work/user/main.c" <<'END'
#include <flashcomm/flashcomm.h>
#include <string.h>

int main(void)
{
    flc_comm *comm = NULL;
    flc_comm_config config = FLC_COMM_CONFIG_INIT;
    flc_coll_config coll = FLC_COLL_CONFIG_INIT;
    const float send[2] = {1.0f, 2.0f};
    float recv[2] = {0.0f, 0.0f};
    config.coll = &coll;
    if (strcmp(flc_version(), FLC_VERSION_STRING) != 0)
        return 1;
    if (flc_comm_create_local(1, &config, &comm) != FLC_OK)
        return 2;
    if (flc_all_reduce(comm, send, recv, 2, FLC_FLOAT32, FLC_SUM, NULL) != FLC_OK)
        return 3;
    flc_comm_destroy(comm);
    if (memcmp(send, recv, sizeof send) != 0)
        return 4;
    return flc_format_spike_bound(FLC_FLOAT16, 1.0) > 0.0 ? 0 : 5;
}
END
cp "$work/user/main.c" "$work/user/main.cpp"
cat >"$work/user/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(flashcomm 99 QUIET)
if(flashcomm_FOUND)
    message(FATAL_ERROR "the package says that it is version 99")
endif()
find_package(flashcomm 0.1 REQUIRED)
add_executable(user main.c)
target_link_libraries(user PRIVATE flashcomm::flashcomm)
END

by_pkg_config() { # PREFIX, of a tree that was moved there
    pc_dir=$(dirname "$(find "$1" -name flashcomm.pc)")
    export PKG_CONFIG_PATH="$pc_dir"
    [ "$(pkg-config --modversion flashcomm)" = "$version" ] || fail "flashcomm.pc: another version"
    flags=$(pkg-config --cflags --libs flashcomm)
    warnings="-Wall -Wextra -Wpedantic -Werror"
    # shellcheck disable=SC2086 # flags
    "$cc" -std=c17 $warnings "$work/user/main.c" $flags -o "$work/by_pkg_config"
    LD_LIBRARY_PATH=$(dirname "$pc_dir") "$work/by_pkg_config"
    if [ -n "$cxx" ]; then
        # shellcheck disable=SC2086 # flags
        "$cxx" -std=c++17 $warnings "$work/user/main.cpp" $flags -o "$work/by_pkg_config"
        LD_LIBRARY_PATH=$(dirname "$pc_dir") "$work/by_pkg_config"
    fi
}

by_cmake() { # PREFIX
    rm -rf "$work/user/build"
    quietly "$cmake" -G Ninja -S "$work/user" -B "$work/user/build" -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_PREFIX_PATH="$1"
    quietly "$cmake" --build "$work/user/build"
    "$work/user/build/user"
}

check_tree() { # BUILD_FOLDER NAME, and with_cuda or without_cuda
    quietly "$cmake" --install "$1" --prefix "$work/$2-first"
    mv "$work/$2-first" "$work/$2"
    [ "$("$work/$2/bin/flashcomm" --version)" = "flashcomm $version" ] || fail "the command"
    for page in man1/flashcomm.1 man3/flashcomm.3; do
        [ -f "$work/$2/share/man/$page" ] || fail "no $page"
    done
    for header in "$root"/include/flashcomm/*.h; do
        if [ "$(basename "$header")" = with_cuda.h ] && [ "$3" != with_cuda ]; then
            [ ! -e "$work/$2/include/flashcomm/with_cuda.h" ] || fail "with_cuda.h without CUDA"
            continue
        fi
        [ -f "$work/$2/include/flashcomm/$(basename "$header")" ] || fail "no $header"
    done
    by_pkg_config "$work/$2"
    by_cmake "$work/$2"
    echo "$2: the command runs, programs were built by pkg-config and by the CMake package"
}

cuda=without_cuda
if grep -q '^FLC_CUDA:BOOL=ON' "$build/CMakeCache.txt"; then
    cuda=with_cuda
fi
check_tree "$build" static $cuda
[ -n "$(find "$work/static" -name libflashcomm.a)" ] || fail "$build is no static build"

quietly "$cmake" -G Ninja -S "$root" -B "$work/build" -DCMAKE_C_COMPILER="$cc" \
    -DBUILD_SHARED_LIBS=ON -DFLC_WERROR=ON
quietly "$cmake" --build "$work/build"
check_tree "$work/build" shared without_cuda
library=$(find "$work/shared" -name libflashcomm.so)
[ -n "$library" ] || fail "no shared library was installed"
[ "$(readlink "$library")" = "libflashcomm.so.${version%.*}" ] || fail "$library: another soname"
if [ -z "$python" ]; then
    echo "no python3: the exported symbols were not looked at"
    exit 77
fi
"$python" "$here/symbols_test.py" "$library"
if [ -z "$cxx" ]; then
    echo "no C++ compiler found: built programs in C only"
    exit 77
fi
