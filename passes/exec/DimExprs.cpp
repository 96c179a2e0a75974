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

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/TypeSwitch.h"

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
  takeFacts();
  mergeEqual();
}

/// Operands come before their users: found in this order, no expression is more
/// than one step away from those that it is made of.
void DimExprs::findAll() {
  known.clear();
  function.walk([&](Operation *op) {
    for (Value result : op->getResults()) {
      if (result.getType().isIntOrIndex())
        find(result, 0);
      else if (auto type = dyn_cast<RankedTensorType>(result.getType()))
        for (int64_t d = 0; d < type.getRank(); ++d)
          find(result, d);
    }
  });
}

/// What a cf.assert says of a size that is data holds for what follows: the
/// assertion itself ends the run where it does not.
void DimExprs::takeFacts() {
  bool found = false;
  function.walk([&](cf::AssertOp op) {
    auto compare = op.getArg().getDefiningOp<arith::CmpIOp>();
    if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq)
      return;
    Found a = find(compare.getLhs(), 0), b = find(compare.getRhs(), 0);
    if (a.expr && !b.expr && b.unknown.getType().isIntOrIndex())
      found |= facts.try_emplace(b.unknown, a.expr).second;
    if (b.expr && !a.expr && a.unknown.getType().isIntOrIndex())
      found |= facts.try_emplace(a.unknown, b.expr).second;
  });
  if (found)
    findAll();
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
  function.walk([&](cf::AssertOp op) {
    auto compare = op.getArg().getDefiningOp<arith::CmpIOp>();
    if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq)
      return;
    auto left =
        dyn_cast_if_present<AffineDimExpr>(find(compare.getLhs(), 0).expr);
    auto right =
        dyn_cast_if_present<AffineDimExpr>(find(compare.getRhs(), 0).expr);
    if (left && right)
      classes.join(left.getPosition(), right.getPosition());
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
  if (AffineExpr fact = facts.lookup(value))
    return known[{value, position}] = {fact, Value()};
  Found found = value.getType().isIntOrIndex()     ? findIndex(value)
                : isa<GroupsType>(value.getType()) ? findRows(value)
                                                   : findSize(value, position);
  return known[{value, position}] = found;
}

/// Dimensions are not negative, so sums of multiples of them are not.
bool DimExprs::isNotNegative(AffineExpr expr) const {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue() >= 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return true; // a dimension
  return binary.getKind() == AffineExprKind::Mod ||
         (isNotNegative(binary.getLHS()) && isNotNegative(binary.getRHS()));
}

/// A comparison of expressions, where every value of the dimensions gives the
/// same answer.
std::optional<bool> DimExprs::compare(Value condition) {
  if (IntegerAttr number; matchPattern(condition, m_Constant(&number)))
    return !number.getValue().isZero();
  auto op = condition.getDefiningOp<arith::CmpIOp>();
  if (!op)
    return std::nullopt;
  AffineExpr a = find(op.getLhs(), 0).expr, b = find(op.getRhs(), 0).expr;
  if (!a || !b)
    return std::nullopt;
  auto minus = [&](AffineExpr x, AffineExpr y, int64_t less) {
    return simplifyAffineExpr(x - y - less, list.size(), 0);
  };
  const bool equal = minus(a, b, 0) == getAffineConstantExpr(0, context);
  const bool atLeast = isNotNegative(minus(a, b, 0)),
             more = isNotNegative(minus(a, b, 1)),
             atMost = isNotNegative(minus(b, a, 0)),
             less = isNotNegative(minus(b, a, 1));
  auto known = [](bool yes, bool no) -> std::optional<bool> {
    if (yes || no)
      return yes;
    return std::nullopt;
  };
  switch (op.getPredicate()) {
  case arith::CmpIPredicate::eq:
    return known(equal, more || less);
  case arith::CmpIPredicate::ne:
    return known(more || less, equal);
  case arith::CmpIPredicate::sge:
    return known(atLeast, less);
  case arith::CmpIPredicate::sgt:
    return known(more, atMost);
  case arith::CmpIPredicate::sle:
    return known(atMost, more);
  case arith::CmpIPredicate::slt:
    return known(less, atLeast);
  default:
    return std::nullopt;
  }
}

bool DimExprs::alwaysHolds(Value condition) {
  return compare(condition).value_or(false);
}

AffineExpr DimExprs::tryExprOf(Value value) {
  Found found = find(value, 0);
  return found.isExact ? found.expr : AffineExpr();
}

Value DimExprs::unprovenValue(Value index) {
  if (facts.contains(index))
    return index;
  Operation *op = index.getDefiningOp();
  auto dim = dyn_cast_if_present<tensor::DimOp>(op);
  if (!dim || facts.empty() || !dim.getConstantIndex())
    return {};
  // The size without what assertions say of it.
  llvm::DenseMap<Value, AffineExpr> set;
  llvm::DenseMap<std::pair<Value, unsigned>, Found> before;
  std::swap(set, facts);
  std::swap(before, known);
  Found found = find(dim.getSource(), *dim.getConstantIndex());
  std::swap(set, facts);
  std::swap(before, known);
  return !found.expr && found.unknown.getType().isIntOrIndex() ? found.unknown
                                                               : Value();
}

DimExprs::Found DimExprs::findIndex(Value index) {
  if (IntegerAttr number; matchPattern(index, m_Constant(&number)))
    return constant(number.getInt());
  Operation *op = index.getDefiningOp();
  const Found none{{}, index};
  if (auto dim = dyn_cast_if_present<tensor::DimOp>(op))
    if (std::optional<int64_t> position = dim.getConstantIndex())
      return find(dim.getSource(), *position);
  if (auto assume = dyn_cast_if_present<AssumeOp>(op))
    return find(assume.getValue(), 0);
  // Sizes fit in any integer that counts them.
  if (isa_and_present<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp,
                      arith::ExtUIOp, arith::TruncIOp>(op) &&
      !op->getOperand(0).getType().isInteger(1) &&
      !index.getType().isInteger(1))
    return find(op->getOperand(0), 0);
  if (auto select = dyn_cast_if_present<arith::SelectOp>(op)) {
    std::optional<bool> condition = compare(select.getCondition());
    return condition ? find(*condition ? select.getTrueValue()
                                       : select.getFalseValue(),
                            0)
                     : none;
  }
  if (auto apply = dyn_cast_if_present<affine::AffineApplyOp>(op)) {
    SmallVector<AffineExpr> dims, symbols;
    bool isExact = true;
    for (auto [number, operand] : llvm::enumerate(apply.getMapOperands())) {
      Found found = find(operand, 0);
      if (!found.expr)
        return none;
      isExact &= found.isExact;
      (number < apply.getAffineMap().getNumDims() ? dims : symbols)
          .push_back(found.expr);
    }
    AffineExpr expr =
        apply.getAffineMap().getResult(0).replaceDimsAndSymbols(dims, symbols);
    return {simplifyAffineExpr(expr, list.size(), 0), Value(), isExact};
  }
  if (!isa_and_present<arith::AddIOp, arith::SubIOp, arith::MulIOp,
                       arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp,
                       arith::CeilDivSIOp, arith::CeilDivUIOp, arith::RemSIOp,
                       arith::RemUIOp, arith::MaxSIOp, arith::MinSIOp>(op))
    return none;
  // The value that is unknown is this one: what it is made of may be anything.
  Found a = find(op->getOperand(0), 0), b = find(op->getOperand(1), 0);
  if (!a.expr || !b.expr)
    return none;
  auto divisor = dyn_cast<AffineConstantExpr>(b.expr);
  const bool divides =
      divisor && divisor.getValue() > 0 && isNotNegative(a.expr);
  auto atLeast = [&](AffineExpr x, AffineExpr y) {
    return isNotNegative(simplifyAffineExpr(x - y, list.size(), 0));
  };
  AffineExpr expr;
  bool isExact = a.isExact && b.isExact;
  if (isa<arith::AddIOp>(op))
    expr = a.expr + b.expr;
  else if (isa<arith::SubIOp>(op))
    expr = a.expr - b.expr;
  else if (isa<arith::MulIOp>(op)) {
    if (a.expr.isSymbolicOrConstant() || b.expr.isSymbolicOrConstant())
      expr = a.expr * b.expr;
  } else if (isa<arith::MaxSIOp, arith::MinSIOp>(op)) {
    const bool isMax = isa<arith::MaxSIOp>(op);
    if (atLeast(a.expr, b.expr))
      expr = isMax ? a.expr : b.expr;
    else if (atLeast(b.expr, a.expr))
      expr = isMax ? b.expr : a.expr;
    // Front ends write max(n, 1) for a broadcast of n rows. Where n is 0, the
    // row that it adds is one of nothing.
    else if (isMax && divisor && divisor.getValue() == 1 &&
             isNotNegative(a.expr)) {
      expr = a.expr;
      isExact = false;
    }
  } else if (isa<arith::RemSIOp, arith::RemUIOp>(op)) {
    if (divides)
      expr = a.expr % b.expr;
  } else if (divides) {
    expr = isa<arith::CeilDivSIOp, arith::CeilDivUIOp>(op)
               ? a.expr.ceilDiv(b.expr)
               : a.expr.floorDiv(b.expr);
  }
  // One term a dimension, however often a sum repeats it.
  if (expr)
    return {simplifyAffineExpr(expr, list.size(), 0), Value(), isExact};
  return none;
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

/// Sizes of ops that rearrange tensors, and of loops; neither an expression nor
/// an unknown value for any other op.
DimExprs::Found DimExprs::findMoved(Operation *op, unsigned result,
                                    unsigned position) {
  auto mixed = [&](OpFoldResult size) {
    if (std::optional<int64_t> number = getConstantIntValue(size))
      return constant(*number);
    return find(cast<Value>(size), 0);
  };
  auto dynamic = [&](ValueRange sizes) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    return find(sizes[type.getDynamicDimIndex(position)], 0);
  };
  auto combine = [&](ArrayRef<Found> parts, bool product) {
    AffineExpr expr = getAffineConstantExpr(product ? 1 : 0, context);
    bool isExact = true;
    for (const Found &part : parts) {
      if (!part.expr)
        return parts.size() == 1 ? part : Found{{}, op->getResult(result)};
      if (product && !expr.isSymbolicOrConstant() &&
          !part.expr.isSymbolicOrConstant())
        return Found{{}, op->getResult(result)};
      expr = product ? expr * part.expr : expr + part.expr;
      isExact &= part.isExact;
    }
    return Found{simplifyAffineExpr(expr, list.size(), 0), Value(), isExact};
  };
  return llvm::TypeSwitch<Operation *, Found>(op)
      .Case([&](tensor::ExtractSliceOp slice) {
        llvm::SmallBitVector dropped = slice.getDroppedDims();
        int64_t at = -1;
        for (int64_t kept = -1; kept < static_cast<int64_t>(position);)
          if (!dropped.test(++at))
            ++kept;
        return mixed(slice.getMixedSizes()[at]);
      })
      .Case([&](tensor::ExpandShapeOp expand) {
        return mixed(expand.getMixedOutputShape()[position]);
      })
      .Case([&](tensor::CollapseShapeOp collapse) {
        SmallVector<Found> parts;
        for (int64_t inner : collapse.getReassociationIndices()[position])
          parts.push_back(find(collapse.getSrc(), inner));
        return combine(parts, /*product=*/true);
      })
      .Case([&](tensor::ConcatOp concat) {
        if (position != concat.getDim())
          return find(concat.getInputs()[0], position);
        SmallVector<Found> parts;
        for (Value input : concat.getInputs())
          parts.push_back(find(input, position));
        return combine(parts, /*product=*/false);
      })
      .Case([&](tensor::PadOp pad) {
        return combine({find(pad.getSource(), position),
                        mixed(pad.getMixedLowPad()[position]),
                        mixed(pad.getMixedHighPad()[position])},
                       /*product=*/false);
      })
      .Case([&](tensor::GenerateOp generate) {
        return dynamic(generate.getDynamicExtents());
      })
      .Case([&](tensor::SplatOp splat) {
        return dynamic(splat.getDynamicSizes());
      })
      .Case([&](LoopLikeOpInterface loop) {
        OpOperand *init = loop.getTiedLoopInit(op->getResult(result));
        return init ? find(init->get(), position)
                    : Found{{}, op->getResult(result)};
      })
      .Case([&](scf::IfOp branch) {
        return find(branch.thenYield().getOperand(result), position);
      })
      .Default([](Operation *) { return Found(); });
}

DimExprs::Found DimExprs::findSize(Value tensor, unsigned position) {
  Found none{{}, tensor};
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || position >= type.getRank())
    return none;
  if (!type.isDynamicDim(position))
    return constant(type.getDimSize(position));
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (auto loop = dyn_cast<LoopLikeOpInterface>(parent))
      if (OpOperand *init = loop.getTiedLoopInit(argument))
        return find(init->get(), position);
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
  // Ops of the input phase, of which none is left in a program.
  if (auto route = dyn_cast<RouteOp>(op))
    return position == 0 && !route.getSelect().isPerExpert()
               ? find(route.getLogits(), 0)
               : none;
  if (auto linear = dyn_cast<LinearOp>(op))
    return find(linear.getRows(), 0);
  if (auto expert = dyn_cast<ExpertOp>(op))
    return find(expert.getRows(), 0);
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
  if (Found found = findMoved(op, result, position);
      found.expr || found.unknown)
    return found;
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
