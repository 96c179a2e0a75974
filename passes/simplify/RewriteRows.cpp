//===- RewriteRows.cpp - Rewrites of dispatch, experts and combine --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows that belong to no slot are unspecified and reach no result, so that a
// tensor of rows may be replaced by one that differs there.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/simplify/Rewrites.h"

#include "moe/dialect/ShapeRules.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe;

static LogicalResult dropIdentityExperts(ExpertOp op,
                                         PatternRewriter &rewriter) {
  Block &body = op.getBody().front();
  auto yield = cast<YieldOp>(body.getTerminator());
  if (yield.getValues()[0] != body.getArgument(0) ||
      op.getResult().getType() != op.getRows().getType())
    return failure();
  if (auto ranges = op.getVirtualExpertsAttr())
    for (auto range : ranges.getAsRange<VirtualAttr>())
      if (range.getKind() != VirtualKind::Identity)
        return failure();
  rewriter.replaceOp(op, op.getRows());
  return success();
}

/// Every value of `narrow` is one of `wide`.
static bool isWithin(Type narrow, Type wide) {
  if (narrow == wide)
    return true;
  return wide.isF64() ? narrow.isF32() || narrow.isF16() || narrow.isBF16()
                      : wide.isF32() && (narrow.isF16() || narrow.isBF16());
}

/// dispatch(combine(rows by g, reduce none) by g) = rows
static LogicalResult takeRowsBack(DispatchOp op, PatternRewriter &rewriter) {
  auto combine = op.getInput().getDefiningOp<CombineOp>();
  if (!combine || !combine.getKeepSlots() ||
      combine.getGroups() != op.getGroups() || combine.getWeights())
    return failure();
  RankedTensorType rows = tensorOf(combine.getRows());
  if (!isWithin(rows.getElementType(), combine.getAcc()) ||
      rows.getElementType() != tensorOf(op.getRows()).getElementType() ||
      rows.getElementType() != tensorOf(combine.getResult()).getElementType())
    return failure();
  // What remains is the scale of rows, which has no op of its own.
  if (op.getScale() || rows != op.getRows().getType())
    return failure();
  rewriter.replaceOp(op, combine.getRows());
  return success();
}

static LogicalResult dropZeroInit(CombineOp op, PatternRewriter &rewriter) {
  if (!op.getInit() || !isSplatOf(op.getInit(), 0))
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.getInitMutable().clear(); });
  return success();
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// The two tensors that an op adds element by element; none if it does anything
/// else.
static SmallVector<Value, 2> addends(Operation *op) {
  if (auto add = dyn_cast<arith::AddFOp>(op))
    return {add.getLhs(), add.getRhs()};
  if (auto add = dyn_cast<linalg::AddOp>(op))
    return {add.getInputs()[0], add.getInputs()[1]};
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumDpsInits() != 1 ||
      generic.getNumParallelLoops() != generic.getNumLoops() ||
      !llvm::all_of(generic.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return {};
  Block *body = generic.getBody();
  auto add = dyn_cast<arith::AddFOp>(body->front());
  if (!add || add->getNextNode() != body->getTerminator() ||
      body->getTerminator()->getOperand(0) != add.getResult())
    return {};
  SmallVector<Value, 2> found;
  for (Value term : add->getOperands()) {
    auto argument = dyn_cast<BlockArgument>(term);
    if (!argument || argument.getOwner() != body)
      return {};
    found.push_back(generic->getOperand(argument.getArgNumber()));
  }
  return found;
}

/// A tensor in the shape that `expanded` expands from; as it is if that is
/// null.
static Value collapsed(Value tensor, tensor::ExpandShapeOp expanded,
                       PatternRewriter &rewriter) {
  if (!expanded)
    return tensor;
  return tensor::CollapseShapeOp::create(rewriter, tensor.getLoc(),
                                         expanded.getSrcType(), tensor,
                                         expanded.getReassociationIndices());
}

/// A residual or shared expert that is added to a layer's result, there or, as
/// front ends have it, after dimensions of size one were put before it. The sum
/// of rows in a narrow type is asked for by that type, and stays as it is.
template <typename OpT>
static LogicalResult addIntoInit(OpT op, PatternRewriter &rewriter) {
  SmallVector<Value, 2> terms = addends(op);
  if (terms.size() != 2 || op->getNumResults() != 1)
    return failure();
  Type type = op->getResult(0).getType();
  for (auto [own, other] :
       {std::pair(terms[0], terms[1]), std::pair(terms[1], terms[0])}) {
    if (own == other || !own.hasOneUse() || own.getType() != type ||
        other.getType() != type)
      continue;
    auto expanded = own.template getDefiningOp<tensor::ExpandShapeOp>();
    if (expanded &&
        (!expanded.getSrc().hasOneUse() ||
         tensor::CollapseShapeOp::inferCollapsedType(
             expanded.getResultType(), expanded.getReassociationMaps()) !=
             expanded.getSrcType()))
      continue;
    Value summed = expanded ? expanded.getSrc() : own;
    auto combine = summed.getDefiningOp<CombineOp>();
    // Not into a loop.
    if (!combine || combine->getBlock() != op->getBlock() ||
        combine.getInit() || combine.getKeepSlots() ||
        !(combine.getAcc().isF32() || combine.getAcc().isF64()))
      continue;
    // Where the add stands everything that it sums is there.
    Value init = collapsed(other, expanded, rewriter);
    auto sum = CombineOp::create(
        rewriter, combine.getLoc(), combine.getResult().getType(),
        combine.getRows(), combine.getGroups(), combine.getWeights(), init,
        UnitAttr(), combine.getAccAttr(), combine.getOrderAttr());
    sum->setDiscardableAttrs(combine->getDiscardableAttrDictionary());
    if (expanded) {
      rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(
          op, expanded.getResultType(), sum.getResult(),
          expanded.getReassociationIndices(), expanded.getMixedOutputShape());
      rewriter.eraseOp(expanded);
    } else {
      rewriter.replaceOp(op, sum.getResult());
    }
    rewriter.eraseOp(combine);
    return success();
  }
  return failure();
}

//===----------------------------------------------------------------------===//
// Weights of what enters an expert, and of what it gives
//===----------------------------------------------------------------------===//

/// Whether no weight of a route is negative.
static bool areNotNegative(RouteOp op) {
  const semantics::RouterSpec spec = op.getSpec();
  if (spec.scale < 0 || op.getExpertScale())
    return false;
  // Steps that divide by a sum keep the sign of what they divide.
  if (!spec.normalize.empty() && spec.apart == 0)
    switch (spec.normalize.front().kind) {
    case semantics::NormKind::Softmax:
    case semantics::NormKind::MaskedSoftmax:
    case semantics::NormKind::Sigmoid:
      return true;
    case semantics::NormKind::L1:
    case semantics::NormKind::Lp:
      break;
    }
  return spec.score != semantics::ScoreFn::Identity;
}

/// Whether body(w * r) = w * body(r): sums of products with weights alone; for
/// every w that is not negative also relu of them.
static bool isHomogeneous(ExpertOp op, bool takesRelu) {
  if (auto ranges = op.getVirtualExpertsAttr())
    for (auto range : ranges.getAsRange<VirtualAttr>())
      if (range.getKind() == VirtualKind::Constant)
        return false;
  Block &body = op.getBody().front();
  llvm::DenseSet<Value> linear = {body.getArgument(0)};
  for (Operation &inner : body.without_terminator()) {
    if (llvm::none_of(inner.getOperands(),
                      [&](Value value) { return linear.contains(value); }))
      continue;
    bool keeps = isa<arith::AddFOp, arith::SubFOp, arith::NegFOp>(inner) &&
                 llvm::all_of(inner.getOperands(), [&](Value value) {
                   return linear.contains(value);
                 });
    if (auto activate = dyn_cast<ActivateOp>(inner))
      keeps = takesRelu &&
              activate.getKind().getValue() == semantics::Activation::Relu;
    if (auto product = dyn_cast<LinearOp>(inner))
      keeps = !product.getBias() && !linear.contains(product.getWeight());
    if (!keeps)
      return false;
    linear.insert(inner.getResult(0));
  }
  return linear.contains(body.getTerminator()->getOperand(0));
}

/// A dispatch without a scale is no copy: its rows are read in place.
static LogicalResult weighAfter(DispatchOp op, PatternRewriter &rewriter) {
  if (!op.getScale() || !op.getRows().hasOneUse())
    return failure();
  auto expert = dyn_cast<ExpertOp>(*op.getRows().user_begin());
  if (!expert || expert.getRows() != op.getRows() ||
      expert.getGroups() != op.getGroups())
    return failure();
  RouteOp route = routeOfSlots(op.getGroups(), op.getScale());
  if (!isHomogeneous(expert, route && areNotNegative(route)))
    return failure();
  SmallVector<CombineOp> combines;
  for (OpOperand &use : expert.getResult().getUses()) {
    auto combine = dyn_cast<CombineOp>(use.getOwner());
    if (!combine || use.getOperandNumber() != 0 || combine.getWeights() ||
        combine.getGroups() != op.getGroups())
      return failure();
    combines.push_back(combine);
  }
  Value weights = op.getScale();
  rewriter.modifyOpInPlace(op, [&] { op.getScaleMutable().clear(); });
  for (CombineOp combine : combines)
    rewriter.modifyOpInPlace(
        combine, [&] { combine.getWeightsMutable().assign(weights); });
  return success();
}

void moe::addRowRewrites(RewriteSet &set) {
  set.add<ExpertOp>(RewriteId::IdentityExperts, dropIdentityExperts);
  set.add<DispatchOp>(RewriteId::RowsBack, takeRowsBack);
  set.add<CombineOp>(RewriteId::ZeroInit, dropZeroInit);
  set.add<arith::AddFOp>(RewriteId::AddIntoInit, addIntoInit<arith::AddFOp>);
  set.add<linalg::AddOp>(RewriteId::AddIntoInit, addIntoInit<linalg::AddOp>);
  set.add<linalg::GenericOp>(RewriteId::AddIntoInit,
                             addIntoInit<linalg::GenericOp>);
  set.add<DispatchOp>(RewriteId::ScaleAfterExperts, weighAfter);
}
