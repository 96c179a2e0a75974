//===- DimExprs.cpp - Sizes as expressions of named dimensions ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/exec/DimExprs.h"

#include "moe/dialect/MoeOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;
using namespace moe;

DimExprs::DimExprs(func::FuncOp function)
    : function(function), context(function.getContext()) {
  auto bounds =
      function->getAttrOfType<DictionaryAttr>(MoeDialect::kBoundsAttr);
  llvm::StringMap<unsigned> byName;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto &positions = argDims.emplace_back();
    auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[i]);
    if (!type)
      continue;
    auto names = function.getArgAttrOfType<ArrayAttr>(i, MoeDialect::kDimsAttr);
    for (int64_t d = 0; d < type.getRank(); ++d) {
      positions.push_back(0);
      if (!type.isDynamicDim(d))
        continue;
      std::string name =
          names ? cast<StringAttr>(names[d]).str()
                : "arg" + std::to_string(i) + "_" + std::to_string(d);
      auto [entry, isNew] = byName.try_emplace(name, list.size());
      positions.back() = entry->second;
      if (!isNew)
        continue;
      auto bound = bounds ? bounds.getAs<IntegerAttr>(name) : IntegerAttr();
      list.push_back(
          {name, bound ? bound.getInt() : MoeDialect::kDefaultBound});
    }
  }
}

unsigned DimExprs::argDim(unsigned argument, unsigned position) const {
  return argDims[argument][position];
}

AffineMap DimExprs::map(AffineExpr expr) const {
  return AffineMap::get(list.size(), 0, expr, context);
}

FailureOr<AffineExpr> DimExprs::fail(Value value) {
  return emitError(value.getLoc())
         << "a size of " << value.getType()
         << " is not an affine expression of the function's named dimensions "
            "(moe.dims); expects sizes that follow from the arguments' sizes";
}

FailureOr<AffineExpr> DimExprs::exprOf(Value index) {
  if (IntegerAttr constant; matchPattern(index, m_Constant(&constant)))
    return getAffineConstantExpr(constant.getInt(), context);
  Operation *op = index.getDefiningOp();
  if (auto dim = dyn_cast_if_present<tensor::DimOp>(op))
    if (std::optional<int64_t> position = dim.getConstantIndex())
      return sizeOf(dim.getSource(), *position);
  if (auto assume = dyn_cast_if_present<AssumeOp>(op))
    return exprOf(assume.getValue());
  if (isa_and_present<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op)) {
    FailureOr<AffineExpr> a = exprOf(op->getOperand(0));
    FailureOr<AffineExpr> b = exprOf(op->getOperand(1));
    if (failed(a) || failed(b))
      return failure();
    if (isa<arith::AddIOp>(op))
      return *a + *b;
    if (isa<arith::SubIOp>(op))
      return *a - *b;
    if (a->isSymbolicOrConstant() || b->isSymbolicOrConstant())
      return *a * *b;
  }
  return fail(index);
}

FailureOr<AffineExpr> DimExprs::rowsOf(Value groups) {
  // The bound of ragged rows: one a slot.
  if (auto group = groups.getDefiningOp<GroupOp>()) {
    auto ids = cast<RankedTensorType>(group.getIds().getType());
    FailureOr<AffineExpr> tokens = sizeOf(group.getIds(), 0);
    if (failed(tokens))
      return failure();
    return *tokens * ids.getDimSize(1);
  }
  // Groups from offsets say nothing about rows; whoever uses them does.
  if (groups.getDefiningOp<GroupsFromOffsetsOp>())
    for (Operation *user : groups.getUsers()) {
      if (auto matmul = dyn_cast<GroupedMatmulOp>(user))
        return sizeOf(matmul.getLhs(), 0);
      if (auto expert = dyn_cast<ExpertOp>(user))
        return sizeOf(expert.getRows(), 0);
    }
  return fail(groups);
}

FailureOr<AffineExpr> DimExprs::sizeOf(Value tensor, unsigned position) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(position))
    return getAffineConstantExpr(type.getDimSize(position), context);
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    if (argument.getOwner() == &function.getBody().front())
      return getAffineDimExpr(argDim(argument.getArgNumber(), position),
                              context);
    return fail(tensor);
  }
  Operation *op = tensor.getDefiningOp();
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return exprOf(empty.getDynamicSize(position));
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return sizeOf(cast.getSource(), position);
  if (auto byTokens = dyn_cast<ByTokensOp>(op)) {
    Operation *yield = byTokens.getForms().front().front().getTerminator();
    return sizeOf(yield->getOperand(cast<OpResult>(tensor).getResultNumber()),
                  position);
  }
  if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
    return sizeOf(destination.getTiedOpOperand(cast<OpResult>(tensor))->get(),
                  position);
  if (isa<DispatchOp>(op) && position == 0)
    return rowsOf(cast<DispatchOp>(op).getGroups());
  if (auto matmul = dyn_cast<GroupedMatmulOp>(op); matmul && position == 0)
    return matmul.getGather() ? rowsOf(matmul.getGroups())
                              : sizeOf(matmul.getLhs(), 0);
  if (auto combine = dyn_cast<CombineOp>(op); combine && position == 0)
    if (auto group = combine.getGroups().getDefiningOp<GroupOp>())
      return sizeOf(group.getIds(), 0);
  // Row-wise ops and elementwise ones have the sizes of their first operand.
  bool alike = isa<ScoreOp, SelectOp, WeighOp, ActivateOp, LinearOp>(op) ||
               OpTrait::hasElementwiseMappableTraits(op);
  if (auto capacity = dyn_cast<CapacityOp>(op))
    return sizeOf(capacity.getIds(), position);
  if (alike && op->getNumOperands() > 0)
    for (Value operand : op->getOperands())
      if (auto shaped = dyn_cast<RankedTensorType>(operand.getType());
          shaped && shaped.getRank() == type.getRank())
        return sizeOf(operand, position);
  return fail(tensor);
}

FailureOr<AffineMap> DimExprs::sizesOf(Value value) {
  SmallVector<AffineExpr> exprs;
  if (auto type = dyn_cast<RankedTensorType>(value.getType())) {
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (!type.isDynamicDim(d))
        continue;
      FailureOr<AffineExpr> size = sizeOf(value, d);
      if (failed(size))
        return failure();
      exprs.push_back(*size);
    }
  } else if (isa<GroupsType>(value.getType())) {
    FailureOr<AffineExpr> rows = rowsOf(value);
    if (failed(rows))
      return failure();
    exprs.push_back(*rows);
  } else if (auto tiles = dyn_cast<TilesType>(value.getType())) {
    auto op = value.getDefiningOp<TilesOp>();
    FailureOr<AffineExpr> rows = op ? rowsOf(op.getGroups()) : fail(value);
    if (failed(rows))
      return failure();
    // Full tiles, and one cut tile an expert (TileWalk::maxRowTiles).
    auto groups = cast<GroupsType>(op.getGroups().getType());
    exprs.push_back(rows->floorDiv(tiles.getRows()) + groups.getNumExperts());
  }
  return AffineMap::get(list.size(), 0, exprs, context);
}
