#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# gpu-check.sh pack [FOLDER]   on a machine with a build: gathers what a GPU is to be checked with, under 60 MiB
# gpu-check.sh run [RESULTS]   in that folder, on a machine with a GPU: checks it, and writes figures and the GPU's answers to intrinsics
#
# What is packed needs a driver of CUDA 12.0 or later and nothing else: no toolkit, no compiler, no Python.
# `run` takes MOE_CUDA_DRIVER (for example the simulator's path), GPU_CHECK_TARGET (a variant) and GPU_CHECK_BENCH=no.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
usage() { sed -n '4,8p' "$0"; exit "$1"; }

targets=sm_80,sm_90a
layers="switch mixtral qwen3-moe deepseek-v3 gpt-oss"

# A fixture's config at a size where every main loop has whole and broken tiles.
larger_config() {
  python3 - "$1" "$2" <<'PY'
import json, sys
config = json.load(open(sys.argv[1]))
sizes = {"hidden_size": 520, "d_model": 520, "intermediate_size": 200, "moe_intermediate_size": 200, "d_ff": 200,
         "num_local_experts": 32, "num_experts": 32, "n_routed_experts": 32}
config.update({key: value for key, value in sizes.items() if key in config})
if config["model_type"] == "deepseek_v3":
    config.update(n_group=8, topk_group=4, num_experts_per_tok=8)
json.dump(config, open(sys.argv[2], "w"))
PY
}

pack() {
  local root folder bin fixture name dtype layer tokens
  root="$(cd "$here/.." && pwd)"
  folder="${1:-$root/build/gpu-check}"
  bin="$root/build/bin"
  rm -rf "$folder"
  mkdir -p "$folder"/{bin,lib,packages,fixtures,layers,bench}
  cp "$bin/moe-run" "$bin/moe-bench" "$root/build/test/moe-gpu-test" "$folder/bin"
  cp -P "$root"/build/lib/libmoe.so* "$folder/lib"
  strip "$folder"/bin/* "$(readlink -f "$folder/lib/libmoe.so")"
  cp "$here/gpu-check.sh" "$folder"
  "$folder/bin/moe-gpu-test" --write-intrinsics="$folder/intrinsics.moe"
  for fixture in "$root"/test/data/fixtures/*/; do
    name="$(basename "$fixture")"
    cp -r "$fixture" "$folder/fixtures"
    dtype=f32
    case "$name" in *bf16*) dtype=bf16 ;; esac
    "$bin/moe-compile" "$fixture" --dtype=$dtype --target=$targets -o "$folder/packages/$name.moe"
  done
  for name in $layers; do
    for dtype in f32 bf16; do
      mkdir -p "$folder/layers/$name"
      larger_config "$root/test/data/fixtures/$name/config.json" "$folder/layers/$name/config.json"
      layer="$("$bin/moe-import" "$folder/layers/$name" --list | grep -oE '[0-9]+' | head -1)"
      "$bin/moe-compile" "$folder/layers/$name" --layer="$layer" --dtype=$dtype --target=$targets -o "$folder/layers/$name-$dtype.moe"
      for tokens in 1 129; do
        "$bin/moe-run" "$folder/layers/$name-$dtype.moe" --random-weights=1 --tokens=$tokens --seed=1 --executor=reference \
          --output="$folder/layers/$name-$dtype-T$tokens.safetensors" >/dev/null
      done
    done
  done
  # A GPU's machine has no compiler: the layers to time are packages too.
  for name in qwen3-30b-a3b mixtral-8x7b; do
    "$bin/moe-bench" --model=$name --dtype=bf16 --executor=cuda-sim --target=$targets --write-package="$folder/bench/$name.moe"
  done
  local size
  size=$(du -sm "$folder" | cut -f1)
  echo "$folder: $size MiB"
  [ "$size" -lt 60 ] || { echo "gpu-check.sh: more than 60 MiB" >&2; exit 1; }
}

held=0 short=0
# check NAME COMMAND...: the command must end 0; its last line is shown.
check() {
  local name="$1" log="$results/log.txt" said status=0
  shift
  said="$("$@" 2>&1)" || status=$?
  printf '== %s\n%s\n' "$name" "$said" >>"$log"
  said="$(tail -1 <<<"$said" | cut -c1-150)"
  if [ $status -eq 0 ]; then held=$((held + 1)); echo "ok   $name: $said"; else short=$((short + 1)); echo "FAIL $name: $said"; fi
}

run() {
  local fixture name dtype tokens rtol target=()
  results="${1:-$here/results}"
  mkdir -p "$results"
  : >"$results/log.txt"
  export PATH="$here/bin:$PATH"
  if [ -n "${GPU_CHECK_TARGET:-}" ]; then target=(--target="$GPU_CHECK_TARGET"); fi
  { nvidia-smi 2>/dev/null || echo "no nvidia-smi"; } >"$results/host.txt"

  for fixture in "$here"/fixtures/*/; do
    name="$(basename "$fixture")"
    rtol=1e-5
    case "$name" in *bf16*) rtol=5e-3 ;; esac
    check "$name" moe-run "$here/packages/$name.moe" --weights="$fixture" --expect="$fixture" --rtol=$rtol --executor=cuda "${target[@]}"
  done
  for name in $layers; do
    for dtype in f32 bf16; do
      rtol=1e-5
      [ $dtype = f32 ] || rtol=5e-3
      for tokens in 1 129; do
        check "larger $name $dtype T=$tokens" moe-run "$here/layers/$name-$dtype.moe" --random-weights=1 --tokens=$tokens --seed=1 \
          --expect="$here/layers/$name-$dtype-T$tokens.safetensors" --rtol=$rtol --executor=cuda "${target[@]}"
      done
    done
  done
  fixture="$here/fixtures/qwen3-moe-bf16"
  local tests=(moe-gpu-test --intrinsics="$here/intrinsics.moe" --layer="$here/packages/qwen3-moe-bf16.moe"
    --weights="$fixture" --input="$fixture/input-T7.safetensors" "${target[@]}")
  # Named, so that a GPU which is not there fails the tests and does not skip them.
  tests+=(--driver="${MOE_CUDA_DRIVER:-libcuda.so.1}")
  check "GPU tests" "${tests[@]}" --write-goldens="$results/intrinsics.safetensors"
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck initcheck synccheck; do
      check "compute-sanitizer $tool" compute-sanitizer --tool=$tool --error-exitcode=1 "${tests[@]}"
      check "compute-sanitizer $tool, a layer" compute-sanitizer --tool=$tool --error-exitcode=1 \
        moe-run "$here/packages/deepseek-v3-bf16.moe" --weights="$here/fixtures/deepseek-v3-bf16" --tokens=67 --executor=cuda
    done
  else
    echo "no compute-sanitizer: memory and races are not checked"
  fi
  if [ "${GPU_CHECK_BENCH:-yes}" = yes ]; then
    for name in "$here"/bench/*.moe; do
      name="$(basename "$name" .moe)"
      check "bench $name" moe-bench --model="$name" --dtype=bf16 --package="$here/bench/$name.moe" --tokens=1,8,32,128,1024,8192 \
        --executor=cuda --json="$results/bench-$name.json"
    done
  fi
  echo "$held held, $short fell short; figures and answers are in $results"
  [ $short -eq 0 ]
}

case "${1:-}" in
pack) shift; pack "$@" ;;
run) shift; run "$@" ;;
-h | --help) usage 0 ;;
*) usage 2 >&2 ;;
esac
