#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# What only a machine with GPUs can check, with gcc, nvcc and CMake (and ninja, if it is there) alone:
#
#   scripts/gpu_check.sh [--quick] [build] [codec] [test] [sanitize] [stress] [time]
#
# Without parts: all of them, in a few minutes. One line a step, one table at the end; what a step
# printed is in a log of the build tree, whose end is shown where the step failed. Exit status 1
# where one failed; 77, with a line, where nvcc or a GPU is missing (`build` alone needs no GPU).
#
#   FLC_GPU_BUILD  the build tree (build/gpu)
#   FLC_GPU_ARCH   the architecture to build for (that of the first GPU, 90 without one)
#   FLC_GPU_CMAKE  more arguments for CMake, separated by spaces
set -u
cd "$(dirname "$0")/.." || exit 1

quick=
parts=
for argument in "$@"; do
    case $argument in
    --quick) quick=1 ;;
    build | codec | test | sanitize | stress | time) parts="$parts $argument" ;;
    *)
        echo "gpu_check: '$argument' is not --quick, build, codec, test, sanitize, stress or time" >&2
        exit 2
        ;;
    esac
done
parts=${parts:- build codec test sanitize stress time}
tree=${FLC_GPU_BUILD:-build/gpu}
jobs=$(nproc)

# ---- What there is ----

nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null)
gpus=$(nvidia-smi -L 2>/dev/null | grep -c '^GPU ')
if [ -z "$nvcc" ]; then
    echo "SKIPPED: nvcc not found, nothing was built"
    exit 77
fi
if [ "$gpus" -eq 0 ] && [ "$parts" != " build" ]; then
    echo "SKIPPED: no GPU (nvidia-smi lists none), nothing was run"
    exit 77
fi
arch=${FLC_GPU_ARCH:-$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null |
    head -n 1 | tr -d '. ')}
arch=${arch:-90}
sanitizer=$(command -v compute-sanitizer || ls "$(dirname "$nvcc")/compute-sanitizer" 2>/dev/null)
mkdir -p "$tree/logs" || exit 1

# ---- Steps ----

table=()
failed=0

wants() { case "$parts " in *" $1 "*) return 0 ;; esac; return 1; }

note() { # note RESULT SECONDS NAME [REMARK]
    local line
    line=$(printf '%-8s %5s s  %-34s %s' "$1" "$2" "$3" "${4:-}")
    table+=("$line")
    echo "$line"
}

# step NAME SECONDS COMMAND...: run within the time limit, into logs/NAME.log.
step() {
    local name=$1 limit=$2 start=$SECONDS status log
    log="$tree/logs/${name// /_}.log"
    shift 2
    timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null
    status=$?
    case $status in
    0) note ok $((SECONDS - start)) "$name" "$(grep -E '^[a-z_]+(_test|_cuda|_codec): ' "$log" | tail -n 1)" ;;
    77) note skipped $((SECONDS - start)) "$name" "$(grep -v '^$' "$log" | tail -n 1)" ;;
    *)
        failed=1
        if [ $status -eq 124 ] || [ $status -eq 137 ]; then
            note FAILED $((SECONDS - start)) "$name" "over the limit of $limit s; $log"
        else
            note FAILED $((SECONDS - start)) "$name" "exit status $status; $log"
        fi
        grep -v '^$' "$log" | tail -n 25 | cut -c1-300 | sed 's/^/    /'
        ;;
    esac
    return $status
}

build() {
    local generator=()
    if command -v ninja >/dev/null; then
        generator=(-G Ninja)
    fi
    # shellcheck disable=SC2086 # FLC_GPU_CMAKE is several words
    step configure 120 cmake -S . -B "$tree" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release \
        -DFLC_CUDA=ON -DFLC_TESTS=ON -DCMAKE_CUDA_COMPILER="$nvcc" \
        -DCMAKE_CUDA_ARCHITECTURES="$arch" ${FLC_GPU_CMAKE:-} || return 1
    step build 1800 cmake --build "$tree" -j "$jobs"
}

tests="$tree/tests"
sample() { if [ -n "$quick" ]; then echo --sample 23; fi; }

codec() {
    # shellcheck disable=SC2046
    step "codec, all formats" 300 "$tests/check_codec" --row cuda $(sample)
}

test_() {
    local few=()
    if [ -n "$quick" ]; then
        few=(--quick)
    fi
    step "all-reduce" 900 "$tests/all_reduce_cuda_test" --seconds 880 "${few[@]}"
    step "all-reduce, 1 MiB of staging" 300 "$tests/all_reduce_cuda_test" --quick --seed 2 \
        --staging 1048576
    step "all-reduce, 3 blocks" 300 "$tests/all_reduce_cuda_test" --quick --seed 3 --max-blocks 3 \
        --ranks 2-3
    step "attaching GPUs" 300 "$tests/attach_test"
    step "errors" 300 "$tests/errors_cuda_test"
    step "the command" 300 ctest --test-dir "$tree" -R '^cli_gpu_test$' --no-tests=ignore \
        --output-on-failure
}

# A sanitizer on one program; a tool that lets kernels run one after another cannot judge kernels
# that wait for each other.
sanitized() { # sanitized NAME TOOL WAITS COMMAND...
    local name=$1 tool=$2 waits=$3
    shift 3
    # shellcheck disable=SC2016
    step "$name" 400 sh -c '
        waits=$1; shift
        out=$("$@" 2>&1); status=$?
        echo "$out"
        case "$out" in *"did not answer in time"*)
            if [ "$waits" = 1 ] && ! echo "$out" | grep -q "Invalid\|Uninitialized\|hazard"; then
                echo "the sanitizer runs kernels that wait for each other one by one"; exit 77
            fi ;;
        esac
        exit $status' sh "$waits" "$sanitizer" --tool "$tool" --error-exitcode 9 "$@"
}

sanitize() {
    local ranks=$((gpus < 4 ? gpus : 4)) tool
    if [ -z "$sanitizer" ]; then
        note skipped 0 "compute-sanitizer" "not found"
        return
    fi
    for tool in memcheck initcheck racecheck; do
        sanitized "$tool, codec" $tool 0 "$tests/check_codec" --row cuda --sample 401
    done
    # One GPU for each rank where there are several.
    ranks=$((ranks < 2 ? 2 : ranks))
    sanitized "memcheck, all-reduce" memcheck 1 "$tests/all_reduce_cuda_test" --quick \
        --ranks "$ranks-$ranks" --formats int4,int5:g64:spike,int4/int8,raw --seconds 380
    if [ -z "$quick" ]; then
        sanitized "racecheck, all-reduce" racecheck 1 "$tests/all_reduce_cuda_test" --quick \
            --ranks 2-2 --formats int4,int4/int8 --seconds 380
    fi
}

stress() {
    local cases=20000 fewer=2000 seconds=240
    if [ -n "$quick" ]; then
        cases=2000 fewer=500 seconds=30
    fi
    step "stress, 2 ranks" $((seconds + 150)) "$tests/stress_cuda" --cases $cases \
        --seconds $seconds
    step "stress, 3 ranks, 1 MiB of staging" $((seconds + 150)) "$tests/stress_cuda" --ranks 3 \
        --cases $fewer --seconds $((seconds / 4)) --staging 1048576 --large 16777216
    step "stress, 8 ranks" $((seconds + 150)) "$tests/stress_cuda" --ranks 8 --cases $fewer \
        --seconds $((seconds / 4)) --large 16777216
}

# NCCL as Python's packages bring it, where the loader does not know one.
find_nccl() {
    if [ -n "${FLC_NCCL_LIB:-}" ] || ldconfig -p 2>/dev/null | grep -q 'libnccl\.so\.2'; then
        return
    fi
    FLC_NCCL_LIB=$(python3 -c '
import glob, site, sys
folders = site.getsitepackages() + [site.getusersitepackages()] + sys.path
found = [f for d in folders for f in glob.glob(d + "/nvidia/nccl/lib/libnccl.so.2")]
print(found[0] if found else "")' 2>/dev/null)
    if [ -n "$FLC_NCCL_LIB" ]; then
        export FLC_NCCL_LIB
    else
        unset FLC_NCCL_LIB
    fi
}

time_() {
    local sizes=(-b 1K -e 256M -f 4) formats=raw,int8,int6,int5,int4,int3,int2 kind=() baseline=raw
    if [ -n "$quick" ]; then
        sizes=(-b 1M -e 256M -f 16) formats=raw,int8,int4
    fi
    if [ "$gpus" -lt 2 ]; then
        kind=(--threads)
    else
        find_nccl
        if python3 -c 'import ctypes, os; ctypes.CDLL(os.environ.get("FLC_NCCL_LIB", "libnccl.so.2"))' \
            2>/dev/null; then
            baseline=nccl,raw
        else
            note skipped 0 "times of NCCL" "libnccl.so.2 not found; FLC_NCCL_LIB may name it"
        fi
    fi
    step times 600 "$tree/flashcomm" perf all_reduce --device cuda -t 2 --graph -d bfloat16 \
        "${sizes[@]}" "${kind[@]}" --format "$formats" --baseline "$baseline"
}

nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | sort | uniq -c
"$nvcc" --version | tail -n 2 | head -n 1
if wants build; then
    build || exit 1
fi
if [ ! -x "$tests/all_reduce_cuda_test" ]; then
    echo "nothing is built in $tree: scripts/gpu_check.sh build" >&2
    exit 1
fi
if wants codec; then codec; fi
if wants test; then test_; fi
if wants sanitize; then sanitize; fi
if wants stress; then stress; fi
if wants time; then time_; fi

echo
echo "---- $tree, architecture $arch, $gpus GPU(s)"
printf '%s\n' "${table[@]}"
if wants time && [ -s "$tree/logs/times.log" ]; then
    echo
    cat "$tree/logs/times.log"
fi
exit $failed
