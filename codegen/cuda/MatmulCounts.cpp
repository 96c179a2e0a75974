//===- MatmulCounts.cpp - Tiles, waves and waste of a matmul --------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With uniform routing an expert's rows are a binomial variable: the expected
// number of its tiles is summed over the values that have any weight.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cuda/MatmulCounts.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace moe;
using namespace moe::cuda;

std::optional<MatmulRouting> moe::cuda::routingOf(GroupedMatmulOp op) {
  if (!op.getGroups()) {
    auto lhs = cast<RankedTensorType>(op.getLhs().getType());
    if (op.getNumGroups() != 1 || !lhs.isDynamicDim(0))
      return std::nullopt;
    return MatmulRouting{1, 1};
  }
  auto group = op.getGroups().getDefiningOp<GroupOp>();
  if (!group || op.getNumGroups() < 1)
    return std::nullopt;
  auto ids = cast<RankedTensorType>(group.getIds().getType());
  if (ids.isDynamicDim(1) || ids.getDimSize(1) < 1)
    return std::nullopt;
  return MatmulRouting{op.getNumGroups(),
                       std::min(ids.getDimSize(1), op.getNumGroups())};
}

int64_t moe::cuda::residentBlocks(const MatmulShape &shape,
                                  cuda::TargetAttr target) {
  // A multiprocessor has 1 KiB more than a block may take, and keeps 1 KiB of
  // every block for itself.
  constexpr int64_t kept = 1 << 10;
  return std::max<int64_t>(
      (target.getSharedBytes() + kept) / (shape.smem + kept), 1);
}

/// The expected number of tiles of `tileRows` for the successes of `trials`
/// trials that succeed by `chance`.
static double expectedTiles(int64_t trials, double chance, int64_t tileRows) {
  if (chance >= 1)
    return static_cast<double>(llvm::divideCeil(trials, tileRows));
  const double n = static_cast<double>(trials), mean = n * chance;
  // Past twelve standard deviations nothing is left that a double would hold.
  const double reach = 12 * std::sqrt(mean * (1 - chance)) + 12;
  const int64_t first = static_cast<int64_t>(std::max(mean - reach, 0.0));
  const int64_t last = static_cast<int64_t>(std::min(mean + reach, n));
  const double odds = chance / (1 - chance), m = static_cast<double>(first);
  double weight = std::exp(std::lgamma(n + 1) - std::lgamma(m + 1) -
                           std::lgamma(n - m + 1) + m * std::log(chance) +
                           (n - m) * std::log1p(-chance));
  double sum = 0;
  for (int64_t rows = first; rows <= last; ++rows) {
    sum += weight * static_cast<double>(llvm::divideCeil(rows, tileRows));
    weight *= odds * static_cast<double>(trials - rows) /
              static_cast<double>(rows + 1);
  }
  return sum;
}

MatmulCounts moe::cuda::countMatmul(const MatmulShape &shape,
                                    MatmulRouting routing,
                                    cuda::TargetAttr target, int64_t tokens) {
  const double experts = static_cast<double>(routing.experts);
  const double chance = static_cast<double>(routing.slots) / experts;
  const double rowTiles =
      experts * expectedTiles(tokens, chance, shape.plan.getTileM());
  MatmulCounts counts;
  counts.experts =
      experts * (1 - std::pow(1 - chance, static_cast<double>(tokens)));
  counts.tiles = rowTiles * static_cast<double>(shape.columnTiles());
  counts.waves =
      counts.tiles /
      static_cast<double>(target.getNumSms() * residentBlocks(shape, target));
  counts.waste =
      counts.tiles *
      static_cast<double>(shape.plan.getTileM() * shape.plan.getTileN()) /
      static_cast<double>(tokens * routing.slots *
                          std::max<int64_t>(shape.columns, 1));
  return counts;
}
