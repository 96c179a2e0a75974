//===- MatmulCase.h - A matmul as text and as numbers -----------*- C++ -*-===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tests of levels and of reductions check the same thing: that a matmul
// kernel computes what plain loops in double do.
//
//===----------------------------------------------------------------------===//

#ifndef MOE_TEST_UNIT_CODEGEN_CPU_MATMULCASE_H
#define MOE_TEST_UNIT_CODEGEN_CPU_MATMULCASE_H

#include "LoweredKernels.h"

namespace moe::test {

/// A matmul over experts, or dense with none, as text and as numbers.
struct MatmulCase {
  int64_t experts = 0; ///< 0: dense
  int64_t topK = 1;
  bool gather = false;
  int64_t columns = 40, depth = 33;
  int sides = 1;
  core::DType lhs = core::DType::F32, weight = core::DType::F32,
              result = core::DType::F32;
  std::string plan = "rows = 6, columns = 16, tile_rows = 18, "
                     "panels_per_task = 3, streams = 4, prefetch = 1024";
  int64_t panelColumns = 16, tileRows = 18;
  int64_t interleave = 1, depthMultiple = 1; ///< what the reduction wants
  /// Not 0: weights come as [E, N, K], or transposed, or as f32 that the kernel
  /// rounds, and the kernel packs.
  int64_t packDepth = 0;
  bool transposed = false, rounds = false;

  int64_t paddedDepth() const {
    return (depth + depthMultiple - 1) / depthMultiple * depthMultiple;
  }
  int64_t groups() const { return std::max<int64_t>(experts, 1); }
  std::string dense(int64_t rows) const {
    return std::to_string(rows) + "x" + std::to_string(columns) + "x" +
           std::to_string(depth);
  }
  std::string weightShape() const {
    std::string nk = std::to_string(columns) + "x" + std::to_string(depth) +
                     "x" + std::string(core::name(weight));
    return experts ? std::to_string(experts) + "x" + nk : nk;
  }
  std::string packed() const {
    std::string type =
        "!moe.packed<#moe_cpu.panels<columns = " + std::to_string(panelColumns);
    if (interleave != 1)
      type += ", interleave = " + std::to_string(interleave) +
              ", depth_multiple = " + std::to_string(depthMultiple);
    type += ">";
    for (int i = 0; i < sides; ++i)
      type += ", " + weightShape();
    return type + ">";
  }
  /// Weights as they are stored where the kernel packs them.
  core::DType storedType() const { return rounds ? core::DType::F32 : weight; }
  std::string stored() const {
    std::string type = experts ? std::to_string(experts) + "x" : "";
    type += std::to_string(transposed ? depth : columns) + "x" +
            std::to_string(transposed ? columns : depth) + "x";
    return "tensor<" + type + std::string(core::name(storedType())) + ">";
  }
  std::string text() const;
};

/// A plan with blocks that fit the level's registers.
void planFor(MatmulCase &c, const std::string &target);

/// Weights [E, N, K] of each side as the kernel takes them: in panels, or as
/// they are stored.
std::vector<Buffer>
weightBuffers(const MatmulCase &c,
              const std::vector<std::vector<double>> &sides);

/// Weights [E, N, K] of each side in panels.
Buffer pack(const MatmulCase &c, const std::vector<std::vector<double>> &sides);

/// What a case computes for `tokens` tokens; checks it, and returns its bytes.
std::vector<uint8_t> check(const MatmulCase &c, const LoweredKernels &kernels,
                           int64_t tokens, unsigned seed);

} // namespace moe::test

#endif // MOE_TEST_UNIT_CODEGEN_CPU_MATMULCASE_H
