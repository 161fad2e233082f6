#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# What only a machine with a GPU can check, in a few minutes, with gcc and nvcc alone. There are no
# kernels yet: it runs the codec's scalar rules on the GPU against the library.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader
sh "$root/tests/codec/codec_core_cuda_test.sh" run "$root" "$nvcc"
