#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# The main job, end to end: all-reduce a real model's partial sums over 4 processes, at several
# formats. `make demo` builds the command and runs this; tests/data/README.md says where the partial
# sums come from.
set -eu
cd "$(dirname "$0")/.."

formats=raw,int8,int6,int4,int4:spike,int2:g32:spike:compact,int4/int8,safe,balanced,fast,low,lowest
sums=tests/data/partial_sums.npy

echo "AllReduce of the partial sums of a llama-shaped model's layers, 4 processes, bf16:"
echo "\$ build/release/flashcomm run all_reduce --ranks 4 --format $formats --dtype bf16 $sums"
exec build/release/flashcomm run all_reduce --ranks 4 --format "$formats" --dtype bf16 "$sums"
