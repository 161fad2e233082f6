#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# The codec and the collectives on processors this machine does not have, under qemu:
# scripts/emulated_check.sh. About 2 minutes on two cores.
#
# 64-bit Arm: the whole tree, cross-built with warnings as errors, then its unit, codec and
# collective tests. x86-64: the rows on older processors and on ones that lack a single feature; an
# instruction the processor does not have ends the test, so a row that the library picks wrongly is
# found. The emulator knows nothing of AVX-512: that row is only tested on a processor that has it.
#
# Exit status 77: no emulator.
set -eu
cd "$(dirname "$0")/.."
# shellcheck disable=SC3045 # dash and bash have it
ulimit -c 0

for tool in aarch64-linux-gnu-gcc qemu-aarch64 qemu-x86_64; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "emulated_check: $tool not found, NOTHING TESTED (scripts/setup.sh ci)"
        exit 77
    fi
done

jobs=$(nproc)
failed=0

fail() {
    echo "emulated_check: FAILED: $*" >&2
    failed=1
}

# list_is FOLDER FILE ROW...: the list has every row of src/codec/FOLDER as built, and of those that
# are built it has these as running here and no others.
list_is() {
    folder=src/codec/$1
    list=$2
    shift 2
    while read -r _ name state; do
        name=${name%:}
        case " $* " in *" $name "*) wanted=1 ;; *) wanted=0 ;; esac
        case $state in
        "not built") [ ! -e "$folder/codec_$name.c" ] || fail "row $name is not in the library" ;;
        "not supported"*) [ $wanted = 0 ] || fail "row $name should run" ;;
        *) [ $wanted = 1 ] || fail "row $name should not run" ;;
        esac
    done <"$list"
}

# on_x86 CPU SAMPLE: the rows that this processor runs, and the one the library picks for it.
on_x86() {
    echo "== x86-64, $1"
    qemu-x86_64 -cpu "$1$unknown" "$x86/tests/check_codec" --sample "$2" ||
        fail "$1: check_codec"
    qemu-x86_64 -cpu "$1$unknown" "$x86/tests/golden_test" tests/golden/vectors/*.gold ||
        fail "$1: golden_test"
}

# rows_on_x86 CPU ROW...: it runs these rows, as far as they are built.
rows_on_x86() {
    cpu=$1
    shift
    qemu-x86_64 -cpu "$cpu$unknown" "$x86/tests/check_codec" --list >"$x86/rows.txt" ||
        fail "$cpu: check_codec --list"
    list_is x86 "$x86/rows.txt" "$@"
}

echo "== 64-bit Arm"
cmake --preset aarch64
cmake --build --preset aarch64 -j "$jobs"
qemu-aarch64 build/aarch64/tests/check_codec --list >build/aarch64/rows.txt
list_is arm build/aarch64/rows.txt ref neon
ctest --preset aarch64 -j "$jobs" || fail "64-bit Arm: ctest"

if [ "$(uname -m)" = x86_64 ]; then
    x86=build/release
    cmake --preset release
    cmake --build --preset release -j "$jobs" --target check_codec golden_test
    # What the emulator would complain about: nothing here uses it.
    unknown=,-pcid,-x2apic,-tsc-deadline,-hle,-invpcid,-rtm
    rows_on_x86 Haswell ref avx2
    on_x86 Haswell 31
    rows_on_x86 Nehalem ref
    on_x86 Nehalem 31
    for feature in avx2 fma f16c bmi2; do # without bmi1, glibc 2.36 itself fails
        on_x86 "Haswell,-$feature" 97
    done
else
    echo "emulated_check: not an x86-64 machine: x86-64 NOT TESTED"
fi

[ $failed = 0 ] && echo "emulated_check: all passed"
exit $failed
