#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# From nothing to a compiled, checked, timed layer: installs what is missing on
# Debian 12, builds into build/, then takes one MoE layer of a small checkpoint
# through every step.
. "$(dirname "$0")/setup.sh"
start=$SECONDS
configure build
build build
echo "built in $((SECONDS - start)) s"

checkpoint=test/data/fixtures/qwen3-moe
out=build/quickstart
bin=build/bin
mkdir -p "$out"
export MOE_CACHE_DIR="${MOE_CACHE_DIR:-$root/$out/cache}"

step() { echo; echo "== $*"; }
step "the MoE layers of $checkpoint (number, what it is)"
$bin/moe-import $checkpoint --list
step "imported as IR: $out/layer.mlir"
$bin/moe-import $checkpoint -o $out/layer.mlir
grep -E 'moe\.(route|group|dispatch|expert|combine) ' $out/layer.mlir | sed 's/^ */  /' | cut -c1-110
step "compiled into a package: $out/layer.moe"
$bin/moe-compile $out/layer.mlir --timing -o $out/layer.moe
ls -l $out/layer.moe | awk '{ print "  " $5 " bytes" }'
step "run without a compiler, against what the original implementation gave"
MOE_COMPILER=none $bin/moe-run $out/layer.moe --weights=$checkpoint --expect=$checkpoint --rtol=1e-5 --timing
step "against the float64 interpreter, on random tokens"
$bin/moe-run $out/layer.moe --weights=$checkpoint --tokens=100 --seed=1 --check --rtol=1e-5
step "how fast, and how far from this machine's limits (a layer of Qwen3-30B-A3B with 16 of its experts)"
$bin/moe-bench --model=qwen3-30b-a3b --experts=16 --tokens=1,64 --dtype=f32
echo
echo "quickstart: all steps held, $((SECONDS - start)) s in all"
