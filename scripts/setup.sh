#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# Make sure the tools of a make target are there: scripts/setup.sh [demo|check|ci].
#
# demo needs a C compiler and the build tools, check adds the test tools, ci adds clang, Open MPI and the
# emulators. What is missing is looked for by its use, not by its package, so that tools from elsewhere count. As root
# the missing Debian or Ubuntu packages are installed; otherwise the line to run is printed and the
# exit status is 1. Takes a few milliseconds when nothing is missing.
set -eu

purpose=${1:-check}
case $purpose in
demo | check | ci) ;;
*)
    echo "setup: '$purpose' is not demo, check or ci" >&2
    exit 2
    ;;
esac

missing=
optional=

have() { command -v "$1" >/dev/null 2>&1; }

need() { # need PACKAGE COMMAND...: the package is missing unless the command succeeds
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

want() { # want PACKAGE COMMAND...: as need, but the tests that use it are skipped without it
    package=$1
    shift
    "$@" >/dev/null 2>&1 || optional="$optional $package"
}

has_c_headers() { echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1; }

has_arm_headers() { echo '#include <stdio.h>' | aarch64-linux-gnu-gcc -E - >/dev/null 2>&1; }

has_fuzzer_library() { # part of the sanitizers' package, which clang only recommends
    find "$(clang -print-resource-dir)/lib" -name 'libclang_rt.fuzzer*' | grep -q .
}

list_missing() {
    missing=
    optional=
    need cmake have cmake
    need ninja-build have ninja
    need gcc have cc
    need libc6-dev has_c_headers
    need pkg-config have pkg-config
    need libjansson-dev pkg-config --exists jansson
    [ "$purpose" != demo ] || return 0
    need g++ have c++
    need libcmocka-dev pkg-config --exists cmocka
    need python3 have python3
    want clang-format-14 have clang-format-14
    [ "$purpose" = ci ] || return 0
    need gcc have gcc
    need clang have clang
    need libclang-rt-dev has_fuzzer_library
    need libopenmpi-dev have mpicc
    need openmpi-bin have mpirun
    want gcc-aarch64-linux-gnu have aarch64-linux-gnu-gcc
    want libc6-dev-arm64-cross has_arm_headers
    want qemu-user have qemu-aarch64
}

# Not every release has what is only wanted: clang-format 14, cross-compilers.
wanted_in_release() {
    for package in $optional; do
        if apt-cache show "$package" 2>/dev/null | grep -q .; then
            printf ' %s' "$package"
        fi
    done
}

install_as_root() {
    export DEBIAN_FRONTEND=noninteractive
    echo "setup: missing:$missing$optional"
    echo "setup: apt-get update"
    apt-get update -q
    missing="$missing$(wanted_in_release)"
    echo "setup: $install$missing"
    # shellcheck disable=SC2086 # lists of words
    $install $missing
    list_missing
}

print_line_to_run() {
    missing="$missing$(wanted_in_release)"
    echo "setup: missing:$missing; run this line, then make again:" >&2
    echo "    sudo apt-get update && sudo $install$missing" >&2
}

install="apt-get install -y --no-install-recommends"
list_missing
if have apt-get; then
    if [ "$(id -u)" = 0 ]; then
        if [ -n "$missing$(wanted_in_release)" ]; then
            install_as_root
        fi
    elif [ -n "$missing" ]; then
        print_line_to_run
        exit 1
    fi
fi
if [ -n "$missing" ]; then
    echo "setup: missing, and not installed by this script here:$missing (Debian's names)" >&2
    exit 1
fi

version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
# shellcheck disable=SC2086 # two numbers
set -- $version
if [ "$1" -lt 3 ] || { [ "$1" -eq 3 ] && [ "$2" -lt 25 ]; }; then
    echo "setup: cmake is $1.$2; 3.25 or newer is needed (Debian 12, Ubuntu 24.04)" >&2
    exit 1
fi
