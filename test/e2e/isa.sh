#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# isa.sh LEVEL COMMAND...: under MOE_ISA=LEVEL where this processor has it, else
# under its emulation.
set -euo pipefail
level=$1; shift
case $level in
  avx512) flags="avx512f avx512cd avx512bw avx512dq avx512vl" ;;
  amx) flags="amx_tile amx_int8 amx_bf16 avx512_fp16" ;;
  *) flags="" ;;
esac
for flag in $flags; do
  grep -qw "$flag" /proc/cpuinfo || { level=emulate:$level; break; }
done
MOE_ISA=$level exec "$@"
