#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Plants bugs in kernels and demands that the simulator reports each.

  planted_bugs.py LIBRARY SOURCE-ROOT

The kernels are the product's main loops and small ones for what those do not
use. Each is first run as it is, in ten orders, and gives the right result
without a report. Then a bug is an edit of the text: the report must name the
mistake. What only changes a result is found by comparing it.
"""
import re
import struct
import sys

from simulator import Failed, Simulator, device_text

GROUPS, ROWS, COLUMNS, DEPTH = 3, [100, 0, 165], 64, 200
SLOTS = sum(ROWS)

MATMUL = """
namespace moe {
struct Config {
  using Lhs = bf16;
  using Rhs = bf16;
  using Out = f32;
  static constexpr int columns = %(columns)d;
  static constexpr int depth = %(depth)d;
  static constexpr int tensors = 1;
  static constexpr int groups = %(groups)d;
  static constexpr bool grouped = true;
  static constexpr bool gather = %(gather)s;
  static constexpr int tileM = %(tileM)d, tileN = 64, tileK = 64;
  static constexpr int stages = 3, threads = %(threads)d;
  static constexpr int warpsM = 2, warpsN = 2;
};
struct Epilogue {
  MOE_DEVICE f32 operator()(i32, i32, i32, f32 sum) const { return sum; }
};
extern "C" __global__ void __launch_bounds__(%(threads)d, 1)
matmul(const bf16 *x, const bf16 *w, const i32 *offsets, const i32 *slots,
       f32 *y, const __grid_constant__ TensorMap rhsMap,
       const __grid_constant__ TensorMap lhsMap) {
  MatmulArgs<Config> args;
  args.lhs = x;
  args.rhs = w;
  args.out = y;
  args.offsets = offsets;
  args.slots = slots;
  args.slotsPerToken = 1;
  args.rhsMap = &rhsMap;
  args.lhsMap = &lhsMap;
  %(loop)s<Config>(args, Epilogue{});
}
} // namespace moe
"""

# A histogram by two halves of a block, joined by named barriers; a maximum of
# rows through a shuffle and shared memory.
SMALL = """
namespace moe {
extern "C" __global__ void __launch_bounds__(256)
route(const i32 *ids, i32 *counts, i32 *ranks) {
  const u32 base = sharedBase(), thread = threadIdx.x, half = thread / 128;
  const u32 counter = base + half * 32, total = base + 64;
  if (thread % 128 < 8)
    sts<u32>(counter + thread % 128 * 4, 0);
  if (thread < 8)
    sts<u32>(total + thread * 4, 0);
  if (half == 0)
    barSync<1>(128);
  else
    barSync<2>(128);
  const u32 id = load(ids + thread);
  u32 rank = addAtomicShared(counter + id * 4, 1);
  if (half == 0) {
    barSync<1>(128);
    if (thread < 8)
      sts<u32>(total + thread * 4, lds<u32>(counter + thread * 4));
    barArrive<3>(256);
  } else {
    barSync<3>(256);
    rank += lds<u32>(total + id * 4);
  }
  store(ranks + thread, i32(rank));
  syncBlock();
  if (thread < 8)
    store(counts + thread, i32(lds<u32>(base + thread * 4) +
                               lds<u32>(base + 32 + thread * 4)));
}
extern "C" __global__ void __launch_bounds__(64)
maximum(const f32 *x, f32 *y) {
  const u32 thread = threadIdx.x, base = sharedBase();
  f32 most = load(x + thread);
  most = maxNum(most, shflXor(most, 1));
  most = maxNum(most, shflXor(most, 2));
  if (thread % 4 == 0)
    sts(base + thread, most);
  syncBlock();
  if (thread < 16)
    store(y + thread, lds<f32>(base + thread * 4));
}
extern "C" __global__ void __launch_bounds__(64)
offsets(const i32 *given, i32 *made, i32 *slotOfRow) {
  groupOffsets<40, 2>(50, [&](i32 e) { return load(given + e); }, made,
                      slotOfRow);
}
extern "C" __global__ void __launch_bounds__(128, 1)
touched(f32 *y) {
  const u32 base = (sharedBase() + 1023) / 1024 * 1024;
  for (u32 i = threadIdx.x; i < 4096; i += 128)
    sts<u32>(base + 4 * i, 0x3f803f80);
  fenceProxyAsync();
  syncBlock();
  f32 sums[32];
  wgmmaFence();
  wgmmaBf16<64>(sums, wgmmaRows128(base), wgmmaRows128(base + 8192), false);
  wgmmaCommit();
  wgmmaWait<0>();
  for (int i = 0; i < 32; ++i)
    store(y + threadIdx.x * 32 + i, sums[i]);
}
} // namespace moe
"""


def bf16(value):
    """Small integers are exact."""
    return struct.unpack("<I", struct.pack("<f", value))[0] >> 16


class Matmul:
    """y = the rows of x of each group times its weights."""

    def __init__(self, sim, loop, gather, arch):
        self.sim, self.loop, self.arch, self.gather = sim, loop, arch, gather
        self.hopper = loop == "matmulSm90"
        self.tile_m = 128 if self.hopper else 64
        self.threads = 384 if self.hopper else 128
        tile_bytes = 3 * (self.tile_m + 64) * 128
        self.shared = (1024 + tile_bytes + 48 if self.hopper
                       else 128 + tile_bytes + 4 * self.tile_m)
        self.order = [(7 * r + 3) % SLOTS for r in range(SLOTS)]
        x = [[(3 * r + k) % 5 - 2 for k in range(DEPTH)] for r in range(SLOTS)]
        w = [[[(g + 2 * n + k * k) % 5 - 2 for k in range(DEPTH)]
              for n in range(COLUMNS)] for g in range(GROUPS)]
        self.x = [bf16(v) for row in x for v in row]
        self.w = [bf16(v) for group in w for row in group for v in row]
        self.offsets = [0]
        for rows in ROWS:
            self.offsets.append(self.offsets[-1] + rows)
        self.expected = []
        for g in range(GROUPS):
            columns = [w[g][n] for n in range(COLUMNS)]
            for r in range(self.offsets[g], self.offsets[g + 1]):
                row = x[self.order[r] if gather else r]
                self.expected += [float(sum(map(lambda a, b: a * b, row, c)))
                                  for c in columns]

    def text(self, device):
        return device + MATMUL % {
            "columns": COLUMNS, "depth": DEPTH, "groups": GROUPS,
            "gather": "true" if self.gather else "false", "loop": self.loop,
            "tileM": self.tile_m, "threads": self.threads}

    def run(self, text, shared=None):
        """Whether the result is right; Failed where there is a report."""
        sim = self.sim
        module = sim.load(text, self.arch)
        x, w = sim.memory(self.x, "H"), sim.memory(self.w, "H")
        offsets = sim.memory(self.offsets, "i")
        slots = sim.memory(self.order, "i")
        y = sim.memory([-7.0] * len(self.expected), "f")
        buffers = [x, w, offsets, slots, y]
        maps = [sim.tensor_map(w, DEPTH, GROUPS * COLUMNS, 64),
                sim.tensor_map(x, DEPTH, SLOTS, self.tile_m)]
        try:
            sim.launch(module, "matmul", 2, self.threads,
                       shared or self.shared, buffers + maps)
            return sim.read(y, "f", len(self.expected)) == self.expected
        finally:
            for buffer in buffers:
                sim.free(buffer)
            sim.unload(module)


class Small:
    """One of the kernels of SMALL: inputs, then outputs with what they hold."""

    def __init__(self, sim, name, arch, threads, shared, inputs, outputs):
        self.sim, self.name, self.arch = sim, name, arch
        self.threads, self.shared = threads, shared
        self.inputs, self.outputs = inputs, outputs

    def text(self, device):
        return device + SMALL

    def run(self, text, shared=None, blocks=1):
        sim = self.sim
        module = sim.load(text, self.arch)
        buffers = [sim.memory(values, code) for code, values in self.inputs]
        results = [sim.memory([0] * len(values), code)
                   for code, values in self.outputs]
        try:
            sim.launch(module, self.name, blocks, self.threads,
                       shared or self.shared, buffers + results)
            return all(
                expected == [None] * len(expected) or
                sim.read(result, code, len(expected)) == expected
                for result, (code, expected) in zip(results, self.outputs))
        finally:
            for buffer in buffers + results:
                sim.free(buffer)
            sim.unload(module)


def cases(sim):
    ids = [(5 * i + i // 7) % 8 for i in range(256)]
    seen = [0] * 8
    for i in ids:
        seen[i] += 1
    # Offsets from outside are made to ascend and to stay within 50 rows.
    given = [(13 * e) % 9 + e - 3 if e != 33 else 99 for e in range(41)]
    made = [min(max([0] + given[:e + 1]), 50) for e in range(41)]
    values = [float((11 * i) % 17) for i in range(64)]
    return {
        "sm90": Matmul(sim, "matmulSm90", False, "sm_90a"),
        "sm90 gather": Matmul(sim, "matmulSm90", True, "sm_90a"),
        "sm80": Matmul(sim, "matmulSm80", True, "sm_80"),
        "route": Small(sim, "route", "sm_80", 256, 128, [("i", ids)],
                       [("i", seen), ("i", [None] * 256)]),
        "maximum": Small(sim, "maximum", "sm_80", 64, 64, [("f", values)],
                         [("f", [max(values[4 * i:4 * i + 4]) for i in range(16)])]),
        "offsets": Small(sim, "offsets", "sm_80", 64, 64, [("i", given)],
                         [("i", made), ("i", [-1] * 50)]),
        "touched": Small(sim, "touched", "sm_90a", 128, 18432, [],
                         [("f", [16.0] * 4096)]),
    }


WRONG = None  # nothing to report: the result is compared

# kernel, what is done to it, the edit, and what the report says.
BUGS = [
    ("sm90", "a stage is released before its wgmma is waited for",
     ("      wgmmaCommit();\n", "      wgmmaCommit();\n      if (lane == 0) mbarArrive(ring.empty(stage));\n"),
     "write after read, not ordered"),
    ("sm90", "no block barrier after mbarrier.init",
     ("    mbarFenceInit();\n  }\n  syncBlock();", "    mbarFenceInit();\n  }"),
     "read after write, not ordered"),
    ("sm90", "the producer does not wait for an empty stage",
     ("        mbarWait(ring.empty(stage), (i / S::stages + 1) % 2);\n", "        ;\n"),
     "more arrivals than the barrier expects"),
    ("sm90", "a consumer does not wait for a full stage",
     ("      mbarWait(ring.full(stage), i / S::stages % 2);\n", ""),
     "read after write, not ordered"),
    ("sm90", "fewer bytes are expected than come",
     ("Config::gather ? S::rhsBytes : S::stageBytes", "S::rhsBytes"),
     "read after write, not ordered"),
    ("sm90", "the last wgmma is not waited for",
     ("    wgmmaWait<0>();\n    wgmmaResults(sums);\n", ""), "write after read, not ordered"),
    ("sm90", "a store past the rows of a group",
     ("if (row >= tile.rowEnd || column >= Config::columns)", "if (column >= Config::columns)"),
     "outside of any allocation"),
    ("sm90", "the descriptor's stride between eight rows is wrong",
     ("wgmmaRows128(lhs + k)", "(wgmmaRows128(lhs + k) ^ u64(96) << 32)"), WRONG),
    ("sm90", "an accumulator's row is taken for another",
     ("tile.row + i32(warpgroup * 64 + warp * 16 + lane / 4)",
      "tile.row + i32(warpgroup * 64 + warp * 16 + lane % 8)"),
     "global write after write, not ordered"),
    ("sm90", "a k step is too short",
     ("wgmmaRows128(lhs + k)", "wgmmaRows128(lhs + k / 2)"), WRONG),
    ("sm90", "a consumer waits for the wrong phase",
     ("mbarWait(ring.full(stage), i / S::stages % 2)",
      "mbarWait(ring.full(stage), (i / S::stages + 1) % 2)"),
     "read after write, not ordered"),
    ("sm90", "half of the warps that release a stage are counted",
     ("mbarInit(ring.empty(stage), 4 * S::consumers)", "mbarInit(ring.empty(stage), 4)"),
     "write after read, not ordered"),
    ("sm90", "one warp of four releases a stage",
     ("lane == 0)", "threadIdx.x % 128 == 0)"),
     "deadlock: .* wait at .* for ever"),
    ("sm90", "a kilobyte of shared memory is missing", "shared",
     "outside of shared memory"),
    ("sm90 gather", "rows are not waited for before they are said to be there",
     ("          cpAsyncWait<behind>();\n", ""), "read after write, not ordered"),
    ("sm90 gather", "rows are not made visible to wgmma",
     ("          fenceProxyAsync();\n", ""), "without a proxy fence"),
    ("touched", "an accumulator is modified under way",
     ("  wgmmaCommit();\n  wgmmaWait<0>();", "  wgmmaCommit();\n  sums[5] += 1;\n  wgmmaWait<0>();"),
     "accumulator 5 of thread .* was written while wgmma had it"),
    ("sm80", "one group of copies too few is waited for",
     ("      cpAsyncWait<stages - 2>();\n", "      cpAsyncWait<stages - 1>();\n"),
     "read after write, not ordered"),
    ("sm80", "no block barrier before ldmatrix",
     ("      syncBlock(); // this step's copies", "      // this step's copies"),
     "reads what nobody wrote"),
    ("sm80", "no block barrier before a stage is filled again",
     ("      cpAsyncWait<stages - 2>();\n"
      "      syncBlock(); // this step's copies are there, the last step's reads done\n"
      "      copyStage(step + stages - 1);\n",
      "      copyStage(step + stages - 1);\n"
      "      cpAsyncWait<stages - 1>();\n"
      "      syncBlock();\n"), "write after read, not ordered"),
    ("maximum", "no block barrier before shared memory is read",
     ("    sts(base + thread, most);\n  syncBlock();", "    sts(base + thread, most);"),
     "reads what nobody wrote"),
    ("maximum", "a shuffle in a branch that not all lanes take",
     ("  most = maxNum(most, shflXor(most, 1));", "  if (thread % 32 < 16)\n    most = maxNum(most, shflXor(most, 1));"),
     "shflXor, while lanes of the same warp are at shflXor"),
    ("route", "no named barrier before counters are used",
     ("  if (half == 0)\n    barSync<1>(128);\n  else\n    barSync<2>(128);\n", ""),
     "reads what nobody wrote"),
    ("route", "no named barrier between the atomics and who reads them",
     ("  if (half == 0) {\n    barSync<1>(128);", "  if (half == 0) {"),
     "atomic after read, not ordered"),
    ("route", "a named barrier of too few threads",
     ("    barSync<3>(256);", "    barSync<3>(192);"), "barrier 3 of 256 threads, line .* has it of 192"),
    ("route", "nobody arrives at a named barrier",
     ("    barArrive<3>(256);\n", ""), "deadlock: 128 of 256 threads wait at a barrier"),
    ("route", "no block barrier between the atomics and the sums",
     ("  syncBlock();\n  if (thread < 8)\n    store(counts", "  if (thread < 8)\n    store(counts"),
     "read after write, not ordered"),
    ("route", "two threads store to one place",
     ("store(ranks + thread, i32(rank))", "store(ranks + thread / 2, i32(rank))"),
     "global write after write, not ordered"),
    ("route", "what another thread stored is read without a barrier",
     ("i32(rank));\n  syncBlock();", "i32(rank));\n  load(ranks + (thread ^ 1));\n  syncBlock();"),
     "global read after write, not ordered"),
    ("maximum", "blocks store to one place", "blocks",
     "global write after write, not ordered .block 0"),
]


def edited(text, edit):
    old, new = edit
    if old not in text:
        raise SystemExit(f"the text has no {old!r}")
    return text.replace(old, new)


def main(library, source):
    sim = Simulator(library)
    device = device_text(source)
    kernels = cases(sim)
    for name, kernel in kernels.items():
        for seed in range(10):
            sim.configure(seed=seed, shared_base=0x400 + 16 * seed)
            if not kernel.run(kernel.text(device)):
                raise SystemExit(f"{name}: wrong result, seed {seed}")
        print(f"right: {name}")
    missed = 0
    for name, what, edit, expected in BUGS:
        kernel = kernels[name]
        text, changed = kernel.text(device), {}
        if edit == "shared":
            changed["shared"] = kernel.shared - 1024
        elif edit == "blocks":
            changed["blocks"] = 2
        else:
            text = edited(text, edit)
        sim.configure()
        try:
            said = "no report" if kernel.run(text, **changed) else "WRONG result"
        except Failed as report:
            said = str(report).split("\n")[0]
        caught = ("WRONG" in said if expected is WRONG
                  else bool(re.search(expected, said)))
        missed += not caught
        print(f"{'caught' if caught else 'MISSED'}: {name}: {what}: {said}")
    # Hopper's instructions are for Hopper.
    hopper = kernels["sm90"]
    hopper.arch = "sm_80"
    try:
        hopper.run(hopper.text(device))
        raise SystemExit("sm_80 runs wgmma")
    except Failed as report:
        print(f"refused: {str(report).splitlines()[0]}")
    print(f"{len(BUGS)} bugs, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
