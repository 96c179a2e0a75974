#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# cuda-sim.sh RTOL DIR...: each checkpoint on CUDA kernels of both kinds of
# main loops, run by the simulator, which checks every access.
set -euo pipefail
rtol=$1; shift
for dir; do
  for sm in sm_80 sm_90a; do
    out=$(moe-run "$dir" --expect="$dir" --rtol="$rtol" --executor=cuda-sim --target=$sm 2>&1) || { echo "$sm $(basename "$dir"): $out"; exit 1; }
    [ "$(grep -c '  ok (tolerance' <<<"$out")" = "$(ls "$dir"/input-T*.safetensors | wc -l)" ] || { echo "$out"; exit 1; }
    [ "$(grep "^kernels: " <<<"$out" | tr ',' '\n' | grep -vc "_$sm")" = 0 ] || { echo "$out"; exit 1; }
    echo "$sm $(basename "$dir"): ok"
  done
done
