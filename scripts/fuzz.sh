#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# Run every fuzzer for a while: scripts/fuzz.sh SECONDS [NAME...], NAME being that of a source
# tests/fuzz/fuzz_NAME.c.
#
# Fuzzers run side by side, one a core. Each starts from its committed corpus; new inputs and
# crashes go to build/fuzz/found/NAME. To keep one as a test, copy it to tests/fuzz/corpus/NAME.
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-}
case $seconds in
'' | *[!0-9]*)
    echo "usage: scripts/fuzz.sh SECONDS [NAME...]" >&2
    exit 2
    ;;
esac
shift
if [ $# = 0 ]; then
    # shellcheck disable=SC2046,SC2012 # names without blanks
    set -- $(cd tests/fuzz && ls fuzz_*.c | sed 's/^fuzz_\(.*\)\.c$/\1/')
fi

cmake --preset fuzz
cmake --build --preset fuzz

run_one() {
    found=build/fuzz/found/$1
    mkdir -p "$found"
    if build/fuzz/fuzz_"$1" -max_total_time="$2" -rss_limit_mb=2048 -timeout=10 -max_len=8192 \
        -artifact_prefix="$found/" -print_final_stats=1 "$found" "tests/fuzz/corpus/$1" \
        >"build/fuzz/$1.log" 2>&1; then
        echo "fuzz $1: $2 s, $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$1.log") inputs, no error"
    else
        tail -n 60 "build/fuzz/$1.log"
        echo "fuzz $1: FAILED, inputs in $found"
        return 1
    fi
}

# Waits for one fuzzer of each round before the next starts: rounds of as many as there are cores.
lanes=$(nproc)
status=0
while [ $# -gt 0 ]; do
    pids=
    for _ in $(seq "$lanes"); do
        [ $# -gt 0 ] || break
        run_one "$1" "$seconds" &
        pids="$pids $!"
        shift
    done
    for pid in $pids; do
        wait "$pid" || status=1
    done
done
exit $status
