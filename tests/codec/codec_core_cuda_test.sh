#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# codec_core_cuda_test.sh build|run ROOT NVCC: does nvcc compile the scalar rules, and do they give
# the same bits on a GPU? Needs gcc and nvcc alone; 77 where nvcc or, to run, a GPU is missing.
#
# With the flags that kernels will have: no contraction, and warnings as errors.
set -eu

mode=$1
root=$2
nvcc=$3
if [ ! -x "$nvcc" ]; then
    echo "nvcc not found: codec_core.h was not compiled as CUDA"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$scratch" && gcc -std=c17 -O2 -ffp-contract=off -I "$root/include" -I "$root/src" -c \
    "$root"/src/base/*.c "$root"/src/codec/*.c $(ls "$root"/src/codec/*/*.c 2>/dev/null))
"$nvcc" -std=c++17 -O2 --fmad=false -Xcompiler -ffp-contract=off -Werror all-warnings \
    -gencode arch=compute_80,code=compute_80 -gencode arch=compute_90,code=sm_90 \
    -I "$root/include" -I "$root/src" -I "$root/tests/codec" "$root/tests/codec/codec_core_cuda.cu" "$scratch"/*.o \
    -o "$scratch/codec_core_cuda"
echo "compiled by $("$nvcc" --version | tail -n 1)"
if [ "$mode" = run ]; then
    status=0
    "$scratch/codec_core_cuda" || status=$?
    exit "$status"
fi
