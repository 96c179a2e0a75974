//===- MatmulBench.cpp - How fast is the matmul kernel? -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One core, one expert after another of a layer that no cache holds, as a
// fraction of the multiply-adds that this core does out of registers in the
// same second. Prints a table; --min=PERCENT makes the rows of at least 48 a
// test.
//
//===----------------------------------------------------------------------===//

#include "../unit/codegen/cpu/CompiledKernel.h"
#include "../unit/codegen/cpu/LoweredKernels.h"

#include "moe/codegen/cpu/MoeCpuDialect.h"
#include "moe/codegen/cpu/Passes.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <sys/mman.h>

using namespace moe;
using namespace moe::test;

/// Seconds of this thread on a core: others use the machine too.
static double seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * now.tv_nsec;
}

/// GFLOP/s of multiply-adds on registers.
static double measurePeak(const std::string &target, int64_t lanes,
                          int64_t chains) {
  const std::string type = "vector<" + std::to_string(lanes) + "xf32>";
  std::string body =
      "  %x = llvm.load %b0 {alignment = 4 : i64} : !llvm.ptr -> " + type +
      "\n";
  std::string init, types, yields;
  body += "  %one = arith.constant 1 : i64\n";
  std::string inner;
  for (int64_t i = 0; i < chains; ++i) {
    const std::string n = std::to_string(i), comma = i ? ", " : "";
    // Chains that started alike would be one.
    body += "  %p" + n + " = llvm.getelementptr %b1[" + std::to_string(64 * i) +
            "] : (!llvm.ptr) -> !llvm.ptr, i8\n  %z" + n + " = llvm.load %p" +
            n + " {alignment = 4 : i64} : !llvm.ptr -> " + type + "\n";
    init += comma + "%a" + n + " = %z" + n;
    types += comma + type;
    yields += comma + "%f" + n;
    inner +=
        "    %f" + n + " = vector.fma %x, %x, %a" + n + " : " + type + "\n";
  }
  body += "  %r:" + std::to_string(chains) +
          " = scf.for %i = %begin to %end step %one iter_args(" + init +
          ") -> (" + types + ") : i64 {\n" + inner + "    scf.yield " + yields +
          " : " + types + "\n  }\n";
  for (int64_t i = 0; i < chains; ++i)
    body += "  llvm.store %r#" + std::to_string(i) + ", %p" +
            std::to_string(i) + " {alignment = 4 : i64} : " + type +
            ", !llvm.ptr\n";
  CompiledKernel kernel = compileKernels(kernelText("peak", 2, body), target);
  if (!kernel.errors.empty()) {
    std::fprintf(stderr, "%s\n", kernel.errors.front().c_str());
    return 0;
  }
  std::vector<float> x(64, 0.5f), y(64 * 64);
  double best = 1e9;
  const uint64_t steps = 2000000;
  for (int i = 0; i < 5; ++i) {
    double start = seconds();
    kernel.run({x.data(), y.data()}, {}, steps);
    best = std::min(best, seconds() - start);
  }
  return 2e-9 * steps * chains * lanes / best;
}

namespace {
struct Setup {
  std::string target = "x86-64-v3";
  int64_t rows = 6, lanes = 8, vectors = 2, tileRows = 48, panels = 8,
          streams = 4, prefetch = 8192, runDepth = 0;
  int64_t pack = 0;       ///< k that the kernel packs at a time
  int64_t transposed = 0; ///< whether it packs them from [K, N]
  int64_t columns = 1536, depth = 2048;
  std::string weight = "f32", lhs = "f32";
};
} // namespace

static std::string kernelOf(const Setup &s) {
  const std::string n = std::to_string(s.columns), k = std::to_string(s.depth);
  const std::string tensor = "tensor<" + n + "x" + k + "x" + s.weight + ">";
  const std::string given = "tensor<" + k + "x" + n + "x" + s.weight + ">";
  const std::string packed = s.pack ? tensor
                                    : "!moe.packed<#moe_cpu.panels<columns = " +
                                          std::to_string(s.vectors * s.lanes) +
                                          ">, " + n + "x" + k + "x" + s.weight +
                                          ">";
  const bool transposes = s.pack && s.transposed;
  const std::string x = "tensor<?x" + k + "x" + s.lhs + ">";
  const std::string y = "tensor<?x" + n + "xf32>";
  return "moe_exec.kernel @matmul(%x: " + x +
         ", %w: " + (transposes ? given : packed) + ") -> " + y +
         " attributes {num_dims = 1 : i64, sizes = [affine_map<(d0) -> (d0)>, "
         "affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>]} {\n" +
         (transposes ? "  %e = tensor.empty() : " + tensor +
                           "\n  %t = linalg.transpose ins(%w : " + given +
                           ") outs(%e : " + tensor + ") permutation = [1, 0]\n"
                     : "") +
         "  %y = moe.grouped_matmul lhs(%x) rhs(" + (transposes ? "%t" : "%w") +
         ") acc f32 {\n  ^bb0(%a: f32):\n    "
         "moe.yield %a : f32\n  } {moe.plan = #moe_cpu.matmul<rows = " +
         std::to_string(s.rows) +
         ", columns = " + std::to_string(s.vectors * s.lanes) +
         ", tile_rows = " + std::to_string(s.tileRows) +
         ", panels_per_task = " + std::to_string(s.panels) +
         ", streams = " + std::to_string(s.streams) +
         ", depth = " + std::to_string(s.runDepth) +
         ", pack_depth = " + std::to_string(s.pack) +
         ", prefetch = " + std::to_string(s.prefetch) + ">} : (" + x + ", " +
         packed + ") -> " + y + "\n  moe_exec.return %y : " + y + "\n}\n";
}

int main(int argc, char **argv) {
  Setup s;
  double least = 0;
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    auto value = [&](const char *name) -> const char * {
      std::string prefix = std::string("--") + name + "=";
      return arg.rfind(prefix, 0) == 0 ? argv[i] + prefix.size() : nullptr;
    };
    if (auto *v = value("target")) {
      s.target = v;
      s.lanes = s.target == "x86-64-v4" ? 16 : s.target == "x86-64-v3" ? 8 : 4;
      s.rows = s.target == "x86-64-v4" ? 12 : 6;
    }
    if (auto *v = value("weight"))
      s.weight = v;
    if (auto *v = value("lhs"))
      s.lhs = v;
    if (auto *v = value("min"))
      least = std::atof(v);
    for (auto [name, field] :
         {std::pair("rows", &s.rows), std::pair("vectors", &s.vectors),
          std::pair("tile", &s.tileRows), std::pair("panels", &s.panels),
          std::pair("streams", &s.streams), std::pair("prefetch", &s.prefetch),
          std::pair("run", &s.runDepth), std::pair("columns", &s.columns),
          std::pair("depth", &s.depth), std::pair("pack", &s.pack),
          std::pair("transposed", &s.transposed)})
      if (auto *v = value(name))
        *field = std::atol(v);
  }
  double start = seconds();
  LoweredKernels kernels(kernelOf(s), s.target);
  if (!kernels.errors.empty()) {
    std::fprintf(stderr, "%s\n", kernels.errors.front().c_str());
    return 1;
  }
  std::printf("compiled in %.0f ms (lower %.1f, translate %.1f, optimize %.1f, "
              "generate %.1f), %zu bytes\n",
              1e3 * (seconds() - start), kernels.compiled.lowerMs,
              kernels.compiled.translateMs, kernels.compiled.optimizeMs,
              kernels.compiled.generateMs, kernels.compiled.image.bytes.size());
  const size_t size = s.weight == "f32" ? 4 : 2;
  const int64_t width = s.vectors * s.lanes;
  const int64_t panels = (s.columns + width - 1) / width;
  const size_t bytes = (panels * s.depth * width * size + 63) / 64 * 64;
  const size_t copies = std::max<size_t>((size_t(512) << 20) / bytes, 1);
  auto *weights = static_cast<uint8_t *>(
      mmap(nullptr, bytes * copies + (2 << 20), PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  weights = reinterpret_cast<uint8_t *>(
      (reinterpret_cast<uintptr_t>(weights) + (2 << 20) - 1) &
      ~((uintptr_t(2) << 20) - 1));
  madvise(weights, bytes * copies, MADV_HUGEPAGE);
  uint32_t state = 1;
  for (size_t i = 0; i < bytes * copies / 4; ++i) {
    state = state * 1664525 + 1013904223;
    uint32_t word = (state & 0x807f807f) | 0x3c003c00; // sane in every type
    std::memcpy(weights + 4 * i, &word, 4);
  }
  const double peak =
      measurePeak(s.target, s.lanes, s.target == "x86-64-v4" ? 24 : 12);
  std::printf("peak %.1f GFLOP/s\n", peak);
  std::vector<uint8_t> scratch(kernels.shapes[0].scratch + 64);
  auto *aligned = scratch.data() +
                  (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64;
  bool ok = true;
  for (bool cold : {true, false})
    for (int64_t m : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256}) {
      std::vector<float> x(m * s.depth, 0.25f), y(m * s.columns);
      for (auto &v : x) {
        state = state * 1664525 + 1013904223;
        v = 1e-9f * static_cast<int32_t>(state);
      }
      double best = 1e9;
      const int64_t tasks =
          (m + s.tileRows - 1) / s.tileRows * kernels.shapes[0].times;
      (void)tasks;
      int64_t columnTasks = (panels + s.panels - 1) / s.panels;
      int calls = std::max(1, int(2e8 / (2.0 * m * s.columns * s.depth)));
      calls = std::min<int>(calls, copies);
      size_t next = 0;
      for (int round = 0; round < 7; ++round) {
        double start = seconds();
        for (int c = 0; c < calls; ++c) {
          void *pointers[] = {x.data(),
                              weights + (cold ? (next++ % copies) * bytes : 0),
                              y.data()};
          moe_kernel_args args{pointers, &m};
          kernels.compiled.code->function(0)(
              &args, 0, (m + s.tileRows - 1) / s.tileRows * columnTasks, 0,
              aligned);
        }
        best = std::min(best, (seconds() - start) / calls);
      }
      double gflops = 2e-9 * m * s.columns * s.depth / best;
      std::printf("%s M=%-4ld %7.1f GFLOP/s %5.1f%%  %6.1f GB/s\n",
                  cold ? "cold" : "hot ", long(m), gflops, 100 * gflops / peak,
                  1e-9 * bytes / best);
      if (m >= 48 && 100 * gflops / peak < least)
        ok = false;
    }
  return ok ? 0 : 1;
}
