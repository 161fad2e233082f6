#!/bin/bash
# throw-away: dev_build DIR BITS FLAGS
dev_build() {
  cmake -S . -B $1 -G Ninja -DCMAKE_BUILD_TYPE=Release -DFLC_CUDA=ON -DFLC_TESTS=ON -DFLC_ONLY_BITS="$2" -DCMAKE_CUDA_FLAGS="$3" -DCMAKE_C_FLAGS="$3" > $1.conf.log 2>&1 || { tail -20 $1.conf.log; return 1; }
  ninja -C $1 ${TARGETS:-flashcomm_tool} > $1.log 2>&1 || { grep -E "error|FAILED" $1.log | head -20; return 1; }
}
export FLC_NCCL_LIB=$(python3 -c "import nvidia.nccl,glob,os;print(glob.glob(list(nvidia.nccl.__path__)[0]+'/lib/libnccl.so*')[0])")
# perf DIR ARGS
perf() { d=$1; shift; timeout 100 $d/flashcomm perf all_reduce --device cuda -t 2 -G 5 -d bf16 "$@" 2>&1 | grep bfloat16 | awk '{printf "%dK %s %s; ", $1/1024,$6,$9} END {print ""}'; }
