//===- SizeRules.cpp - Sizes that an op demands to be equal ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/exec/SizeRules.h"

#include "moe/dialect/MoeOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe;

namespace {

using Visit = llvm::function_ref<void(SizeRef, SizeRef)>;

/// All sizes of two tensors of one shape.
void alike(Value a, Value b, Visit visit) {
  auto left = dyn_cast<RankedTensorType>(a.getType());
  auto right = dyn_cast<RankedTensorType>(b.getType());
  if (!left || !right || left.getRank() != right.getRank())
    return;
  for (int64_t d = 0; d < left.getRank(); ++d)
    visit({a, static_cast<unsigned>(d)}, {b, static_cast<unsigned>(d)});
}

void visitMatmul(GroupedMatmulOp op, Visit visit) {
  Value groups = op.getGroups();
  auto group = groups ? groups.getDefiningOp<GroupOp>() : GroupOp();
  SizeRef rows = groups ? SizeRef{groups, 0} : SizeRef{op.getLhs(), 0};
  visit({op.getResult(), 0}, rows);
  if (!op.getGather())
    visit({op.getLhs(), 0}, rows);
  else if (group)
    visit({op.getLhs(), 0}, {group.getIds(), 0});
  for (auto [index, operand] : llvm::enumerate(op.getEpilogueOperands())) {
    if (op.getIndexOf(index) == EpilogueIndex::Elements)
      visit({operand, 0}, rows);
    else if (op.getIndexOf(index) == EpilogueIndex::Slots && group)
      alike(operand, group.getIds(), visit);
  }
}

void visitDispatch(DispatchOp op, Visit visit) {
  visit({op.getRows(), 0}, {op.getGroups(), 0});
  if (auto group = op.getGroups().getDefiningOp<GroupOp>()) {
    visit({op.getInput(), 0}, {group.getIds(), 0});
    if (op.getScale())
      alike(op.getScale(), group.getIds(), visit);
  }
}

void visitCombine(CombineOp op, Visit visit) {
  visit({op.getRows(), 0}, {op.getGroups(), 0});
  if (op.getInit())
    alike(op.getInit(), op.getResult(), visit);
  if (auto group = op.getGroups().getDefiningOp<GroupOp>()) {
    visit({op.getResult(), 0}, {group.getIds(), 0});
    if (op.getWeights())
      alike(op.getWeights(), group.getIds(), visit);
  }
}

void visitLinalg(linalg::LinalgOp op, Visit visit) {
  SmallVector<std::optional<SizeRef>> loops(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [position, expr] : llvm::enumerate(map.getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim)
        continue;
      SizeRef size{operand.get(), static_cast<unsigned>(position)};
      std::optional<SizeRef> &loop = loops[dim.getPosition()];
      if (loop)
        visit(*loop, size);
      else
        loop = size;
    }
  }
}

} // namespace

void moe::forEachEqualSize(Operation *op, Visit visit) {
  if (auto matmul = dyn_cast<GroupedMatmulOp>(op))
    return visitMatmul(matmul, visit);
  if (auto dispatch = dyn_cast<DispatchOp>(op))
    return visitDispatch(dispatch, visit);
  if (auto combine = dyn_cast<CombineOp>(op))
    return visitCombine(combine, visit);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return visitLinalg(linalgOp, visit);
  if (auto select = dyn_cast<SelectOp>(op)) {
    for (Value perToken :
         {select.getGiven(), select.getNoise(), select.getValid()})
      if (perToken)
        visit({perToken, 0}, {select.getScores(), 0});
    if (!select.getSelect().isPerExpert())
      visit({select.getIds(), 0}, {select.getScores(), 0});
    return;
  }
  if (auto weigh = dyn_cast<WeighOp>(op)) {
    if (!weigh.getByExpert())
      visit({weigh.getIds(), 0}, {weigh.getScores(), 0});
    return alike(weigh.getWeights(), weigh.getIds(), visit);
  }
  if (auto capacity = dyn_cast<CapacityOp>(op)) {
    for (Value perToken : {capacity.getPriority(), capacity.getScores()})
      if (perToken)
        visit({perToken, 0}, {capacity.getIds(), 0});
    return alike(capacity.getWeights(), capacity.getIds(), visit);
  }
  if (auto byTokens = dyn_cast<ByTokensOp>(op)) {
    for (Region &form : byTokens.getForms())
      for (auto [result, yielded] :
           llvm::zip(byTokens.getResults(),
                     form.front().getTerminator()->getOperands()))
        alike(result, yielded, visit);
    return;
  }
  if (isa<ScoreOp, ActivateOp, tensor::CastOp>(op) ||
      OpTrait::hasElementwiseMappableTraits(op))
    for (Value operand : op->getOperands())
      for (Value result : op->getResults())
        alike(operand, result, visit);
}
