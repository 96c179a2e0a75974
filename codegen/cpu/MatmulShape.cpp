//===- MatmulShape.cpp - The numbers of a planned matmul ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/MatmulShape.h"

#include "moe/codegen/cpu/TileFunction.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

MatmulShape::MatmulShape(GroupedMatmulOp op, MatmulAttr plan,
                         cpu::TargetAttr target) {
  columnsTotal = op.getNumColumns();
  depth = op.getDepth();
  sides = op.getNumRhs();
  experts = op.getNumGroups();
  firstExpert = op.getGroups()
                    ? cast<GroupsType>(op.getGroups().getType()).getLocalFirst()
                    : 0;
  RankedTensorType rhs = op.getRhsType(0);
  weight = rhs.getElementType();
  lanes = target.getLanes();
  registers = target.getRegisters();
  l1 = target.getL1();
  rows = plan.getRows();
  columns = plan.getColumns();
  tileRows = plan.getTileRows();
  panelsPerTask =
      std::min(plan.getPanelsPerTask(), std::max<int64_t>(panels(), 1));
  streams = plan.getStreams();
  prefetch = plan.getPrefetch();
  const ReductionRow &row = *reductionFromName(plan.getReduction());
  reduction = row.id;
  interleave = row.interleave;
  words = llvm::alignTo(depth, row.depthMultiple) / interleave;
  runWords =
      plan.getDepth() ? std::min(plan.getDepth() / interleave, words) : words;
  runWords = std::max<int64_t>(runWords, 1);
  packWords = std::min(plan.getPackDepth() / interleave,
                       static_cast<int64_t>(llvm::alignTo(words, rowRun)));
  SmallVector<RankedTensorType> tensors(sides, rhs);
  packedType =
      PackedType::get(op.getContext(), plan.getWeightLayout(), tensors);
  expertBytes = plan.getWeightLayout().getBytesPerExpert(tensors);
}

MatmulShape::MatmulShape(GroupedMatmulOp op, cpu::TargetAttr target)
    : MatmulShape(op, cast<MatmulAttr>(op->getAttr(MoeDialect::kPlanAttr)),
                  target) {}

int64_t MatmulShape::packedWords() const {
  return llvm::alignTo(runWords, rowRun);
}

int64_t MatmulShape::cachedWords() const {
  if (packs())
    return packWords;
  if (inTiles())
    return 256;
  if (!sharesFetches(stepBytes()))
    return runWords;
  // These, those that are fetched meanwhile, and a third for the rows.
  const int64_t cached = l1 / 3 / stepBytes() / rowRun * rowRun;
  return std::min(runWords, std::max(cached, rowRun));
}

int64_t MatmulShape::streamsFor(int64_t blockRows) const {
  // The sums of a second panel fit where the block has one tile of rows.
  if (inTiles())
    return blockRows <= amxRows / 2 ? std::min<int64_t>(streams, 2) : 1;
  // Eight sums keep two pipes of four cycles busy; what they wait for is
  // fetched ahead.
  if (blockRows * vectors() >= 8)
    return 1;
  // The sums of all panels, an element of every row, and three registers to
  // bring a vector of weights in and multiply it.
  auto fits = [&](int64_t count) {
    return count * blockRows * vectors() + blockRows + 3 <= registers;
  };
  int64_t count = 1;
  while (2 * count <= streams && 2 * count * blockRows <= rows &&
         fits(2 * count))
    count *= 2;
  return count;
}
