//===- MatmulShape.cpp - The numbers of a planned matmul ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/MatmulShape.h"

#include "moe/codegen/cuda/device/sizes.cuh"

#include "mlir/IR/TypeUtilities.h"

#include "llvm/Support/MathExtras.h"

#include <tuple>

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

static Type elementOf(Value tensor) {
  return getElementTypeOrSelf(tensor.getType());
}

bool moe::cuda::bothBf16(GroupedMatmulOp op) {
  return elementOf(op.getLhs()).isBF16() &&
         op.getRhsType(0).getElementType().isBF16();
}

bool moe::cuda::isAligned(GroupedMatmulOp op) {
  const int64_t bytes = elementOf(op.getLhs()).getIntOrFloatBitWidth() / 8;
  return op.getDepth() > 0 && op.getDepth() * bytes % 16 == 0;
}

/// Warps over a tile: four, and more where a part would exceed 64 x 64; parts
/// are whole 16 x 16 and as square as can be.
static std::pair<int64_t, int64_t> cutByWarps(int64_t rows, int64_t columns) {
  const int64_t wanted =
      rows * columns <= 64 * 128
          ? 4
          : std::min<int64_t>(llvm::PowerOf2Ceil(rows * columns / (64 * 32)),
                              32);
  std::pair<int64_t, int64_t> best(1, 1);
  auto better = [&](int64_t m, int64_t n) {
    const int64_t warps = m * n, before = best.first * best.second;
    if (warps != before)
      return warps > before;
    return rows / m + columns / n < rows / best.first + columns / best.second;
  };
  for (int64_t m = 1; m <= wanted; m *= 2)
    for (int64_t n = 1; m * n <= wanted; n *= 2)
      if (rows % (16 * m) == 0 && columns % (16 * n) == 0 && better(m, n))
        best = {m, n};
  return best;
}

MatmulShape::MatmulShape(GroupedMatmulOp op, MatmulAttr plan)
    : columns(op.getNumColumns()), depth(op.getDepth()), sides(op.getNumRhs()),
      groups(op.getNumGroups()), plan(plan) {
  const int tileM = plan.getTileM(), tileN = plan.getTileN(),
            stages = plan.getStages();
  const int tensors = sides;
  persistent = false;
  switch (plan.getMainloop()) {
  case MainLoop::Fma: {
    threadM = 4;
    threadN = 4;
    threads = tileM * tileN / (threadM * threadN);
    auto bytes = [](Type type) {
      return static_cast<int>(type.getIntOrFloatBitWidth() / 8);
    };
    smem = sizes::fmaSharedBytes(tileM, tileN, plan.getTileK(), stages, tensors,
                                 bytes(elementOf(op.getLhs())),
                                 bytes(op.getRhsType(0).getElementType()));
    break;
  }
  case MainLoop::Sm80Mma:
    std::tie(warpsM, warpsN) = cutByWarps(tileM, tileN * tensors);
    threads = 32 * warpsM * warpsN;
    smem = sizes::sm80SharedBytes(tileM, tileN, stages, tensors);
    break;
  case MainLoop::Sm90Wgmma:
    // One warpgroup that copies, and one that multiplies for every 64 rows.
    threads = 128 * (1 + tileM / 64);
    smem = sizes::sm90SharedBytes(tileM, tileN, stages, tensors);
    persistent = true;
    break;
  }
}

MatmulShape::MatmulShape(GroupedMatmulOp op)
    : MatmulShape(op, cast<MatmulAttr>(op->getAttr(MoeDialect::kPlanAttr))) {}
