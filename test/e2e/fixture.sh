#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# fixture.sh DIR RTOL: the same checkpoint on every executor and, of the CPU, on
# every instruction set: natively where the host has it, else emulated.
set -euo pipefail
dir=$1 rtol=$2
has() { grep -qw "$1" /proc/cpuinfo; }
level() { # level NAME FLAG...: the level's name, or its emulation
  local name=$1 flag; shift
  for flag; do has "$flag" || { echo "emulate:$name"; return; }; done
  echo "$name"
}
run() { # run LABEL KERNEL ARGUMENT...: all token counts agree, by these kernels
  local label=$1 kernel=$2 out; shift 2
  out=$(moe-run "$dir" --expect="$dir" --rtol="$rtol" "$@" 2>&1) || { echo "$label: $out"; exit 1; }
  grep -q "^kernels: .*$kernel" <<<"$out" || { echo "$label: expected kernels of $kernel: $out"; exit 1; }
  [ "$(grep -c '  ok (tolerance' <<<"$out")" = "$(ls "$dir"/input-T*.safetensors | wc -l)" ] || { echo "$label: $out"; exit 1; }
  echo "$label: ok"
}
run reference reference --executor=reference
run cpu _ --executor=cpu
run "cpu, 1 thread" _ --executor=cpu --threads=1
MOE_ISA=scalar run "cpu scalar" sse4 --executor=cpu
MOE_ISA=avx2 run "cpu avx2" avx2 --executor=cpu
MOE_ISA=$(level avx512 avx512f) run "cpu avx512" avx512 --executor=cpu
