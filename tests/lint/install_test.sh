#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# A program can be built against the installed library, by pkg-config and by the CMake package, also
# after the installed tree was moved: install_test.sh BUILD_FOLDER CMAKE.
set -eu

build=$1
cmake=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"

"$work/moved/bin/flashcomm" --help >/dev/null
echo "the command runs"

mkdir "$work/user"
cat >"$work/user/main.c" <<'END'
#include <flashcomm/flashcomm.h>
#include <string.h>

int main(void)
{
    flc_comm *comm = NULL;
    if (strcmp(flc_version(), FLC_VERSION_STRING) != 0)
        return 1;
    if (flc_comm_create_local(1, NULL, &comm) != FLC_OK)
        return 2;
    flc_comm_destroy(comm);
    if (!(flc_format_spike_bound(FLC_FLOAT16, 1.0) > 0.0))
        return 3;
    return 0;
}
END
cat >"$work/user/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(flashcomm 0.1 REQUIRED)
add_executable(user main.c)
target_link_libraries(user PRIVATE flashcomm::flashcomm)
END

pc_dir=$(dirname "$(find "$work/moved" -name flashcomm.pc)")
flags=$(PKG_CONFIG_PATH=$pc_dir pkg-config --cflags --libs flashcomm)
# shellcheck disable=SC2086 # flags
"${CC:-cc}" -std=c17 "$work/user/main.c" $flags -o "$work/by_pkg_config"
LD_LIBRARY_PATH=$(dirname "$pc_dir") "$work/by_pkg_config"
echo "built by pkg-config"

"$cmake" -G Ninja -S "$work/user" -B "$work/user/build" -DCMAKE_C_COMPILER="${CC:-cc}" \
    -DCMAKE_PREFIX_PATH="$work/moved" >"$work/log" || { cat "$work/log"; exit 1; }
"$cmake" --build "$work/user/build" >"$work/log" || { cat "$work/log"; exit 1; }
"$work/user/build/user"
echo "built by the CMake package"
