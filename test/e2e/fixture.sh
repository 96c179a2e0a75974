#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# fixture.sh DIR RTOL: the same checkpoint on every executor and, of the CPU, on
# every instruction set: natively where the host has it, else emulated.
set -euo pipefail
dir=$1 rtol=$2
run() { # run LABEL KERNEL ARGUMENT...: all token counts agree, by these kernels
  local label=$1 kernel=$2 out; shift 2
  out=$("${at[@]}" moe-run "$dir" --expect="$dir" --rtol="$rtol" "$@" 2>&1) || { echo "$label: $out"; exit 1; }
  grep -q "^kernels: .*$kernel" <<<"$out" || { echo "$label: expected kernels of $kernel: $out"; exit 1; }
  [ "$(grep -c '  ok (tolerance' <<<"$out")" = "$(ls "$dir"/input-T*.safetensors | wc -l)" ] || { echo "$label: $out"; exit 1; }
  echo "$label: ok"
}
at=()
run reference reference --executor=reference
run cpu _ --executor=cpu
run "cpu, 1 thread" _ --executor=cpu --threads=1
for level in scalar avx2 avx512 amx; do
  at=("$(dirname "$0")/isa.sh" $level)
  run "cpu $level" ${level/scalar/sse4} --executor=cpu
done
