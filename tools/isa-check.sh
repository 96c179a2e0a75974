#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# isa-check.sh [BUILD]: every instruction set on this machine. Each is compiled
# for, and its code run against what the original implementations gave: by the
# processor where it has the instructions, else emulated. What was only
# emulated is pending: run this where the hardware is. Exits 1 if a level fails.
. "$(dirname "$0")/setup.sh"
bin="${1:-build}/bin"
install qemu-user g++-aarch64-linux-gnu
configure build/aarch64 -DCMAKE_TOOLCHAIN_FILE=tools/cmake/aarch64.cmake -DMOEC_RUNTIME_ONLY=ON \
  -DMOEC_BUILD_TESTS=OFF -DCMAKE_EXE_LINKER_FLAGS= -DCMAKE_SHARED_LINKER_FLAGS=
build build/aarch64 moe-run
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
pending=()

# In the functions over tiles: multiply-adds, vectors kept on the stack and calls
# in loops. What stands before the first loop is set up once: the shapes of AMX
# tiles. (Inner loops have no access to the stack at all: AssemblyTest.)
count() {
  awk '/^tile_[a-z0-9_]*:/ { inside = 1; loop = 0 } /^\.Lfunc_end/ { inside = 0 }
       inside && /^\.LBB/ { loop = 1 }
       inside && /vfn?madd[0-9]*ps|vdpbf16ps|tdpbf16ps|fmla|mulps/ { fma++ }
       inside && loop && /[xyzt]mm.*\(%rsp|\(%rsp.*[xyzt]mm|(ldr|str|ldp|stp)[ \t]+q.*\[sp/ { stack++ }
       inside && loop && /^[ \t]+(callq?|bl)[ \t]/ { calls++ }
       END { printf "%5d fma %3d spills %3d calls", fma, stack, calls }' "$1"
}

# level NAME TARGET DTYPE HOW COMMAND...: compiles, and runs a package by COMMAND
# (HOW: native or emulated); "PACKAGE" in it is the package, "DIR" the weights.
level() {
  local name=$1 target=$2 dtype=$3 how=$4 dir rtol=1e-5 state=ok; shift 4
  dir=test/data/fixtures/qwen3-moe
  [ "$dtype" = f32 ] || { dir+="-$dtype"; rtol=5e-3; }
  "$bin/moe-compile" "$dir" --dtype="$dtype" --target="$target" --emit=asm -o "$work/code.s" &&
    "$bin/moe-compile" "$dir" --dtype="$dtype" --target="$target" -o "$work/layer.moe" || state=FAILED
  local command=("${@/PACKAGE/$work/layer.moe}")
  "${command[@]/DIR/$dir}" --expect="$dir" --rtol=$rtol >"$work/log" 2>&1 || { state=FAILED; cat "$work/log"; }
  local counted; counted=$(count "$work/code.s")
  # SSE has two operands and half the registers: a sum may wait on the stack.
  [ "$target" = x86-64-v2 ] || [[ $counted == *" 0 spills   0 calls" ]] || state=FAILED
  [ $state = ok ] || failed=1
  [ "$how" = native ] || pending+=("$name")
  printf '%-12s %-5s %s  %-8s  %s\n' "$name" "$dtype" "$counted" "$how" "$state"
}

has() { local flag; for flag; do grep -qw "$flag" /proc/cpuinfo || return 1; done; }
x86() { # x86 NAME TARGET FLAG...: by the processor, or emulated
  local name=$1 target=$2 isa=$1 how=native; shift 2
  has "$@" || { isa="emulate:$name"; how=emulated; }
  for dtype in f32 bf16; do
    level "$name" "$target" $dtype $how env MOE_ISA=$isa "$bin/moe-run" DIR
  done
}
if [ "$(uname -m)" = x86_64 ]; then
  x86 scalar x86-64-v2 sse4_2
  x86 avx2 x86-64-v3 avx2 fma
  x86 avx512 x86-64-v4 avx512f avx512bw
  x86 amx sapphirerapids amx_tile amx_bf16
  # The oldest processor that is promised: nothing of libmoe may need a newer one.
  level baseline x86-64-v2 f32 native qemu-x86_64 -cpu Nehalem "$bin/moe-run" PACKAGE --weights=DIR
fi
for dtype in f32 bf16; do
  level neon aarch64 $dtype emulated qemu-aarch64 -L /usr/aarch64-linux-gnu build/aarch64/bin/moe-run PACKAGE --weights=DIR
done
if [ ${#pending[@]} -gt 0 ]; then
  echo "pending on hardware: $(printf '%s\n' "${pending[@]}" | sort -u | paste -sd' ')"
fi
exit $failed
