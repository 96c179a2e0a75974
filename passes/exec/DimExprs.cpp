//===- DimExprs.cpp - Sizes as expressions of named dimensions ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/exec/DimExprs.h"

#include "moe/dialect/MoeOps.h"
#include "moe/passes/exec/SizeRules.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/IntEqClasses.h"

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
      list.push_back({name, bound ? bound.getInt() : MoeDialect::kDefaultBound,
                      static_cast<bool>(names)});
    }
  }
  findAll();
  mergeEqual();
}

/// Operands come before their users: found in this order, no expression is more
/// than one step away from those that it is made of.
void DimExprs::findAll() {
  known.clear();
  function.walk([&](Operation *op) {
    for (Value result : op->getResults()) {
      if (result.getType().isIndex())
        find(result, 0);
      else if (auto type = dyn_cast<RankedTensorType>(result.getType()))
        for (int64_t d = 0; d < type.getRank(); ++d)
          find(result, d);
    }
  });
}

/// Dimensions that have to be equal become one, so that the runtime, which
/// checks arguments against dimensions, checks that they are.
void DimExprs::mergeEqual() {
  llvm::IntEqClasses classes(list.size());
  unsigned before = list.size();
  function.walk([&](Operation *op) {
    forEachEqualSize(op, [&](SizeRef a, SizeRef b) {
      auto left =
          dyn_cast_if_present<AffineDimExpr>(find(a.value, a.position).expr);
      auto right =
          dyn_cast_if_present<AffineDimExpr>(find(b.value, b.position).expr);
      if (left && right)
        classes.join(left.getPosition(), right.getPosition());
    });
  });
  classes.compress();
  if (classes.getNumClasses() == before)
    return;
  llvm::SmallVector<Dim> merged(classes.getNumClasses());
  for (auto [index, dim] : llvm::enumerate(list)) {
    Dim &into = merged[classes[index]];
    int64_t bound =
        into.name.empty() ? dim.bound : std::min(into.bound, dim.bound);
    if (into.name.empty() || (dim.named && !into.named))
      into = dim;
    into.bound = bound;
  }
  list = merged;
  for (auto &positions : argDims)
    for (unsigned &dim : positions)
      dim = classes[dim];
  findAll();
}

/// An expression with the names of the dimensions.
std::string DimExprs::text(AffineExpr expr) const {
  std::string plain, named;
  llvm::raw_string_ostream(plain) << expr;
  for (size_t i = 0; i < plain.size();) {
    size_t end = plain.find_first_not_of("0123456789", i + 1);
    unsigned dim;
    if (plain[i] == 'd' &&
        !StringRef(plain).slice(i + 1, end).getAsInteger(10, dim)) {
      named += list[dim].name;
      i = std::min(end, plain.size());
    } else {
      named += plain[i++];
    }
  }
  return named;
}

/// Rows and slots are counted in i32: their most must be one. What is indexed
/// by more, the elements of rows, is indexed in 64 bits.
LogicalResult DimExprs::verifyRowIndices() {
  SmallVector<AffineExpr> most;
  for (const Dim &dim : list)
    most.push_back(getAffineConstantExpr(dim.bound, context));
  WalkResult result = function.walk([&](GroupOp op) {
    Found rows = find(op.getGroups(), 0);
    if (!rows.expr)
      return WalkResult::advance(); // reported where it is needed
    auto count = dyn_cast<AffineConstantExpr>(
        simplifyAffineExpr(rows.expr.replaceDims(most), 0, 0));
    if (!count || (count.getValue() >= 0 &&
                   count.getValue() <= std::numeric_limits<int32_t>::max()))
      return WalkResult::advance();
    op.emitOpError() << "expects fewer than 2^31 rows, as indices of rows are "
                        "i32, got "
                     << text(rows.expr) << " of up to " << count.getValue()
                     << "; lower the bound of its tokens (moe.bounds)";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult DimExprs::verify() {
  if (failed(verifyRowIndices()))
    return failure();
  WalkResult result = function.walk([&](Operation *op) {
    bool equal = true;
    forEachEqualSize(op, [&](SizeRef a, SizeRef b) {
      AffineExpr left = find(a.value, a.position).expr;
      AffineExpr right = find(b.value, b.position).expr;
      // An unknown size is reported where it is needed.
      if (!equal || !left || !right ||
          simplifyAffineExpr(left - right, list.size(), 0) ==
              getAffineConstantExpr(0, context))
        return;
      equal = false;
      op->emitOpError() << "expects two of its sizes to be equal for every "
                           "size of the arguments, got "
                        << text(left) << " and " << text(right);
    });
    return equal ? WalkResult::advance() : WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

unsigned DimExprs::argDim(unsigned argument, unsigned position) const {
  return argDims[argument][position];
}

AffineMap DimExprs::map(AffineExpr expr) const {
  return AffineMap::get(list.size(), 0, expr, context);
}

DimExprs::Found DimExprs::constant(int64_t value) const {
  return {getAffineConstantExpr(value, context), Value()};
}

FailureOr<AffineExpr> DimExprs::report(Found found) const {
  if (found.expr)
    return found.expr;
  return emitError(found.unknown.getLoc())
         << "a size of " << found.unknown.getType()
         << " is not an affine expression of the function's named dimensions "
            "(moe.dims); expects sizes that follow from the arguments' sizes";
}

DimExprs::Found DimExprs::find(Value value, unsigned position) {
  auto it = known.find({value, position});
  if (it != known.end())
    return it->second;
  Found found = value.getType().isIndex()          ? findIndex(value)
                : isa<GroupsType>(value.getType()) ? findRows(value)
                                                   : findSize(value, position);
  return known[{value, position}] = found;
}

DimExprs::Found DimExprs::findIndex(Value index) {
  if (IntegerAttr number; matchPattern(index, m_Constant(&number)))
    return constant(number.getInt());
  Operation *op = index.getDefiningOp();
  if (auto dim = dyn_cast_if_present<tensor::DimOp>(op))
    if (std::optional<int64_t> position = dim.getConstantIndex())
      return find(dim.getSource(), *position);
  if (auto assume = dyn_cast_if_present<AssumeOp>(op))
    return find(assume.getValue(), 0);
  if (isa_and_present<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op)) {
    Found a = find(op->getOperand(0), 0), b = find(op->getOperand(1), 0);
    if (!a.expr || !b.expr)
      return a.expr ? b : a;
    AffineExpr expr;
    if (isa<arith::AddIOp>(op))
      expr = a.expr + b.expr;
    else if (isa<arith::SubIOp>(op))
      expr = a.expr - b.expr;
    else if (a.expr.isSymbolicOrConstant() || b.expr.isSymbolicOrConstant())
      expr = a.expr * b.expr;
    // One term a dimension, however often a sum repeats it.
    if (expr)
      return {simplifyAffineExpr(expr, list.size(), 0), Value()};
  }
  return {{}, index};
}

DimExprs::Found DimExprs::findRows(Value groups) {
  // The bound of ragged rows: one a slot.
  if (auto group = groups.getDefiningOp<GroupOp>()) {
    auto ids = cast<RankedTensorType>(group.getIds().getType());
    Found tokens = find(group.getIds(), 0);
    if (!tokens.expr)
      return tokens;
    return {tokens.expr * ids.getDimSize(1), Value()};
  }
  // Groups from offsets say nothing about rows; whoever uses them does.
  if (groups.getDefiningOp<GroupsFromOffsetsOp>())
    for (Operation *user : groups.getUsers()) {
      if (auto experts = dyn_cast<RowExpertsOp>(user))
        return find(experts.getRows(), 0);
      if (auto matmul = dyn_cast<GroupedMatmulOp>(user))
        return find(matmul.getLhs(), 0);
      if (auto expert = dyn_cast<ExpertOp>(user))
        return find(expert.getRows(), 0);
    }
  return {{}, groups};
}

DimExprs::Found DimExprs::findSize(Value tensor, unsigned position) {
  Found none{{}, tensor};
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || position >= type.getRank())
    return none;
  if (!type.isDynamicDim(position))
    return constant(type.getDimSize(position));
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    if (argument.getOwner() != &function.getBody().front())
      return none;
    return {
        getAffineDimExpr(argDim(argument.getArgNumber(), position), context),
        Value()};
  }
  Operation *op = tensor.getDefiningOp();
  unsigned result = cast<OpResult>(tensor).getResultNumber();
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return find(empty.getDynamicSize(position), 0);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return find(cast.getSource(), position);
  if (auto byTokens = dyn_cast<ByTokensOp>(op)) {
    Operation *yield = byTokens.getForms().front().front().getTerminator();
    return find(yield->getOperand(result), position);
  }
  if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
    return find(destination.getDpsInitOperand(result)->get(), position);
  if (auto dispatch = dyn_cast<DispatchOp>(op))
    return position == 0
               ? find(dispatch.getGroups(), 0)
               : find(dispatch.getInput(),
                      cast<RankedTensorType>(dispatch.getInput().getType())
                              .getRank() -
                          1);
  if (auto places = dyn_cast<PlacesOp>(op))
    return find(places.getTokens(), 0);
  if (auto experts = dyn_cast<RowExpertsOp>(op))
    return find(experts.getRows(), 0);
  if (auto matmul = dyn_cast<GroupedMatmulOp>(op)) {
    if (position == 1)
      return constant(matmul.getNumColumns());
    return matmul.getGather() ? find(matmul.getGroups(), 0)
                              : find(matmul.getLhs(), 0);
  }
  if (auto combine = dyn_cast<CombineOp>(op)) {
    if (position == type.getRank() - 1)
      return find(combine.getRows(), 1);
    auto group = combine.getGroups().getDefiningOp<GroupOp>();
    return group ? find(group.getIds(), 0) : none;
  }
  if (auto select = dyn_cast<SelectOp>(op)) {
    Found size = find(select.getScores(), 0);
    // Only the tokens of an expert are more than they seem.
    if (size.expr && position == 1)
      size.expr = select.getSelect().getLimit().getPlaces(size.expr);
    return size;
  }
  if (auto weigh = dyn_cast<WeighOp>(op))
    return find(weigh.getIds(), position);
  if (isa<CapacityOp>(op))
    return find(op->getOperand(result), position);
  // Elementwise ops have the sizes of any tensor that they read.
  Found size = none;
  if (isa<ScoreOp, ActivateOp>(op) || OpTrait::hasElementwiseMappableTraits(op))
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        if (size = find(operand, position); size.expr)
          break;
  return size;
}

FailureOr<AffineExpr> DimExprs::sizeOf(Value tensor, unsigned position) {
  return report(find(tensor, position));
}

FailureOr<AffineExpr> DimExprs::exprOf(Value index) {
  return report(find(index, 0));
}

FailureOr<AffineMap> DimExprs::sizesOf(Value value) {
  SmallVector<AffineExpr> exprs;
  auto add = [&](FailureOr<AffineExpr> expr) {
    if (succeeded(expr))
      exprs.push_back(*expr);
    return LogicalResult(expr);
  };
  if (auto type = dyn_cast<RankedTensorType>(value.getType())) {
    for (int64_t d = 0; d < type.getRank(); ++d)
      if (type.isDynamicDim(d) && failed(add(sizeOf(value, d))))
        return failure();
  } else if (isa<GroupsType>(value.getType())) {
    if (failed(add(report(find(value, 0)))))
      return failure();
  } else if (auto tiles = dyn_cast<TilesType>(value.getType())) {
    auto op = value.getDefiningOp<TilesOp>();
    Found rows = op ? find(op.getGroups(), 0) : Found{{}, value};
    if (failed(report(rows)))
      return failure();
    // Full tiles, and one cut tile an expert (TileWalk::maxRowTiles).
    auto groups = cast<GroupsType>(op.getGroups().getType());
    exprs.push_back(rows.expr.floorDiv(tiles.getRows()) +
                    groups.getNumExperts());
  }
  return AffineMap::get(list.size(), 0, exprs, context);
}
