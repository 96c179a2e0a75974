#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Sourced by quickstart.sh and test.sh: installs what is missing on Debian 12,
# configures and builds into build/. Does nothing that is already done.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
jobs="${MOEC_JOBS:-$(nproc)}"

# install PACKAGE...: those that are not installed, in one call of apt.
install() {
  local missing=() package
  for package; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  echo "installing: ${missing[*]}"
  local sudo=""
  [ "$(id -u)" = 0 ] || sudo="sudo"
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

install cmake ninja-build pkg-config python3 clang-22 lld-22 libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools \
  nlohmann-json3-dev libflatbuffers-dev flatbuffers-compiler libxxhash-dev libgtest-dev libgmock-dev

# configure FOLDER [CMAKE_FLAG...]
configure() {
  local folder="$1"; shift
  CC="${CC:-clang-22}" CXX="${CXX:-clang++-22}" cmake -G Ninja -S . -B "$folder" \
    -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld -DCMAKE_SHARED_LINKER_FLAGS=-fuse-ld=lld \
    "$@" >"$folder.configure.log" 2>&1 || { cat "$folder.configure.log"; exit 1; }
  mv "$folder.configure.log" "$folder/configure.log"
}

# build FOLDER [TARGET...]: and, after a build that took long, the ten slowest files.
build() {
  local folder="$1"; shift
  local start=$SECONDS
  ninja -C "$folder" -j "$jobs" "$@" >"$folder/build.log" 2>&1 || { tail -40 "$folder/build.log"; exit 1; }
  local took=$((SECONDS - start))
  if [ $took -gt 30 ]; then
    echo "built $folder in $took s; the ten slowest files (s):"
    awk 'NR > 1 { printf "%6.1f %s\n", ($2 - $1) / 1000, $4 }' "$folder/.ninja_log" | sort -rn | sed -n 1,10p # not head: sort would die of a closed pipe
  fi
}

# nvrtc FOLDER: installs NVIDIA's compiler library into FOLDER/lib, where moec finds it, unless there is one in the system.
nvrtc() {
  local folder="$1" said
  said="$("$folder/test/RuntimeCudaTests" --gtest_filter=NvrtcTest.Compiles 2>&1)" || true
  [[ $said == *SKIPPED* ]] || return 0
  install python3-pip
  python3 -m pip install --quiet --no-deps --target "$folder/lib" nvidia-cuda-nvrtc ||
    echo "no NVRTC: what compiles CUDA text is skipped" >&2
}
