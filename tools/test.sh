#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Builds and runs every test through ctest. --quick runs those of single parts
# only; --all adds the slow ones: the thread sanitizer, the fuzzers, the mutants.
. "$(dirname "$0")/setup.sh"
all=no quick=no
for argument; do
  case "$argument" in
    --all) all=yes ;;
    --quick) quick=yes ;;
    -h|--help) sed -n '4,6p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown argument '$argument' (--quick, --all)" >&2; exit 2 ;;
  esac
done
start=$SECONDS
configure build
build build
nvrtc build
if [ $quick = yes ]; then
  ctest --test-dir build --output-on-failure -j "$jobs" -L 'quick|unit'
  exit
fi
ctest --test-dir build --output-on-failure -j "$jobs" -LE slow
tools/isa-check.sh

# Readers, core and reference again under the address and undefined-behaviour
# sanitizers: they take whatever a user hands over.
configure build/asan -DMOEC_RUNTIME_ONLY=ON -DMOEC_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=RelWithDebInfo
build build/asan
if [ -d build/lib/nvidia ]; then ln -sfn ../../lib/nvidia build/asan/lib/nvidia; fi
ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
  ctest --test-dir build/asan --output-on-failure -j "$jobs" -L unit

if [ $all = yes ]; then
  ctest --test-dir build --output-on-failure -L slow
  configure build/tsan -DMOEC_RUNTIME_ONLY=ON -DMOEC_SANITIZE=thread -DCMAKE_BUILD_TYPE=RelWithDebInfo
  build build/tsan
  ctest --test-dir build/tsan --output-on-failure -L unit
  tools/mutate.sh
fi
count() { ctest --test-dir "$1" -N "${@:2}" | sed -n 's/^Total Tests: //p'; }
echo "tests: $(count build -LE slow) in build, $(count build/asan -L unit) under sanitizers; $((SECONDS - start)) s in all"
