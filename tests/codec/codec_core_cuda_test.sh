#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# codec_core_cuda_test.sh ROOT NVCC: does nvcc compile codec_core.h? Needs no GPU.
#
# With the flags that kernels will have: no contraction, and warnings as errors.
set -eu

root=$1
nvcc=$2
if [ ! -x "$nvcc" ]; then
    echo "nvcc not found: codec_core.h was not compiled as CUDA"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$nvcc" -x cu -std=c++17 --fmad=false -Werror all-warnings -I "$root/include" -I "$root/src" \
    -c "$root/tests/codec/codec_core_cuda.cu" -o "$scratch/codec_core_cuda.o"
echo "compiled by $("$nvcc" --version | tail -n 1)"
