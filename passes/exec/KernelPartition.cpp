//===- KernelPartition.cpp - Which ops make a kernel ----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/exec/KernelPartition.h"

#include "moe/dialect/MoeInterfaces.h"
#include "moe/dialect/MoeOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace moe;

using Kind = KernelGroup::Kind;

bool moe::isRepeatable(Operation *op) {
  if (op->hasTrait<OpTrait::ConstantLike>() || isa<tensor::EmptyOp>(op))
    return true;
  if (auto fill = dyn_cast<linalg::FillOp>(op))
    return matchPattern(fill.getInputs()[0], m_Constant()) &&
           fill.getOutputs()[0].getDefiningOp<tensor::EmptyOp>();
  return false;
}

static Kind kindOf(Operation *op) {
  if (isa<ScoreOp, SelectOp, WeighOp>(op))
    return isBatchDependent(op) ? Kind::RouteExperts : Kind::Route;
  if (isa<CapacityOp, CheckIdsOp, GroupOp, TilesOp, OffsetsOp,
          GroupsFromOffsetsOp, PlacesOp, RowExpertsOp>(op))
    return Kind::Index;
  if (isa<GroupedMatmulOp>(op))
    return Kind::Matmul;
  if (isa<CombineOp>(op))
    return Kind::Combine;
  if (isa<ByTokensOp>(op))
    return Kind::ByTokens;
  if (isa<RequireOp>(op))
    return Kind::Require;
  return Kind::Ordinary;
}

/// Sizes and everything that is prepared at bind time run in no kernel.
static bool runsNowhere(Operation *op, const WeightOnly &weights) {
  if (op->hasTrait<OpTrait::IsTerminator>() || isRepeatable(op))
    return true;
  if (op->getNumResults() > 0 &&
      llvm::all_of(op->getResultTypes(),
                   [](Type type) { return type.isIndex(); }))
    return true;
  return op->getNumResults() > 0 && weights.contains(op->getResult(0));
}

SmallVector<KernelGroup> moe::partition(Block &block,
                                        const WeightOnly &weights) {
  SmallVector<KernelGroup> groups;
  llvm::DenseMap<Operation *, unsigned> groupOf;
  // The last group that an operand comes from: where the op can run earliest.
  auto earliest = [&](Operation *op) {
    int last = -1;
    for (Value operand : op->getOperands())
      if (auto it = groupOf.find(operand.getDefiningOp()); it != groupOf.end())
        last = std::max<int>(last, it->second);
    return last;
  };
  // What follows a check may rely on it, so it joins no kernel before it.
  int lastCheck = -1;
  for (Operation &op : block) {
    if (runsNowhere(&op, weights))
      continue;
    Kind kind = kindOf(&op);
    int at = earliest(&op);
    bool joins = (kind == Kind::Route || kind == Kind::Index) &&
                 at > lastCheck && groups[at].kind == kind;
    // weigh reads scores and ids; score may be absent, then they are siblings.
    if (!joins && kind == Kind::Route && isa<WeighOp>(op))
      if (auto it = groupOf.find(op.getOperand(1).getDefiningOp());
          it != groupOf.end() && groups[it->second].kind == kind &&
          static_cast<int>(it->second) >= std::max(at, lastCheck))
        joins = true, at = it->second;
    if (!joins) {
      at = groups.size();
      groups.push_back({kind, {}});
    }
    groups[at].ops.push_back(&op);
    groupOf[&op] = at;
    if (kind == Kind::Require)
      lastCheck = at;
  }
  return groups;
}
