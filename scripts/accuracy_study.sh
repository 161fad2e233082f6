#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# Measure everything that docs/accuracy.md shows, and write its tables and plots anew. About an hour
# on two cores; FLC_DATA_DIR says where the small model and the texts are.
#
#   scripts/accuracy_study.sh BUILD_DIR MODEL.gguf
#
# `tp_llama --help` says where the model comes from. Of the large model, what is measured lies in
# BUILD_DIR/accuracy.jsonl, and an interrupted run takes it from there.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: $0 BUILD_DIR MODEL.gguf" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
build=$1
model=$2

plain=raw,int8,int7,int6,int5,int4,int3,int2,int8:g32,int6:g32,int5:g32,int4:g64,int4:g32,int3:g32,int2:g32
spikes=int5:spike,int4:spike,int3:spike,int4:g32:spike,int3:g64:spike,int3:g32:spike,int2:g32:spike,int2:g32:spike:compact
rotated=int8:g64:rot,int7:g64:rot,int6:g64:rot,int5:rot,int5:g64:rot,int5:g32:rot,int4:rot,int4:g64:rot,int4:g32:rot,int3:g64:rot,int3:g32:rot,int2:g32:rot
searched=int4:g64:rot:search,int4:g32:rot:search,int3:g64:rot:search,int3:g32:rot:search,int3:g16:rot:search,int2:g64:rot:search,int2:g32:rot:search,int2:g16:rot:search
pairs=int3:g32:rot:search/int5:g64:rot,int5:g64:rot/int3:g32:rot:search,int4:g32:rot/int8:g64:rot,int8:g64:rot/int4:g32:rot
formats=$plain,$spikes,$rotated,$searched,$pairs

record() {
    name=$1
    shift
    echo "$name" >&2
    "$root/scripts/accuracy_report.py" --record "$name" -- "$@"
}

large() {
    name=$1
    shift
    record "$name" "$build/tp_llama" --model "$model" --ranks 3 --progress --json \
        --resume "$build/accuracy.jsonl" "$@"
}

for ranks in 2 4 8; do
    record "stories260k_$ranks" "$build/tp_llama" --ranks $ranks --stories 100 --progress --json \
        --format "$formats"
done
record stories260k_generate "$build/tp_llama" --ranks 4 --stories 20 --generate 200 --json \
    --format raw,int8:g32,int6:g32,safe,balanced,fast,low,lowest

large smollm2 --format "$formats"
for site in attention ffn; do
    groups=
    for group in 16 32 64 128 256; do
        groups=$groups,int4:g$group,int4:g$group:rot
    done
    large "smollm2_$site" --site $site --format "raw$groups"
done
large smollm2_position --context 2048 --by-position 256 --format raw,safe,balanced,fast,low

# Every format on partial sums: 8 widths, 5 groups, schemes, spikes and metadata.
every=raw
for bits in 1 2 3 4 5 6 7 8; do
    for group in 16 32 64 128 256; do
        for options in "" :compact :spike :spike:compact :sym :sym:compact :sym:spike \
            :sym:spike:compact :rot :rot:search; do
            case $bits$options in
            [5678]:rot:search) ;;
            *) every=$every,int$bits:g$group$options ;;
            esac
        done
    done
done
"$build/tp_llama" --ranks 4 --dump "$build/stories260k.npy" --dump-tokens 200
record stories260k_sqnr "$build/flashcomm" error --json --format "$every" "$build/stories260k.npy"
"$build/tp_llama" --model "$model" --ranks 3 --dump "$build/smollm2.npy" --dump-tokens 32
record smollm2_sqnr "$build/flashcomm" error --json --format "$every" "$build/smollm2.npy"

"$root/scripts/accuracy_report.py" --write
