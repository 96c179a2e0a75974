#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# isa.sh [--other] LEVEL COMMAND...: under MOE_ISA=LEVEL where this processor has
# the level, else under its emulation. With --other, exits 77 where that is what
# a run without MOE_ISA does.
set -euo pipefail
other=no
[ "$1" != --other ] || { other=yes; shift; }
level=$1; shift
has() { # has LEVEL: whether this processor has it
  local flag flags=""
  case $1 in
    avx2) flags="avx2 fma f16c bmi2" ;;
    avx512) flags="avx512f avx512cd avx512bw avx512dq avx512vl" ;;
    amx) flags="avx512_fp16 amx_tile amx_int8 amx_bf16" ;;
  esac
  for flag in $flags; do grep -qw "$flag" /proc/cpuinfo || return 1; done
}
if [ $other = yes ]; then
  for highest in amx avx512 avx2 scalar; do has $highest && break; done
  [ $highest != "$level" ] || { echo "this machine's own level"; exit 77; }
fi
isa=$level
has "$level" || isa=emulate:$level
MOE_ISA=$isa exec "$@"
