//===- RewriteWeights.cpp - Rewrites of mixing weights --------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights that are 1, and factors that a norm cancels. A slot without a row
// adds nothing whatever its weight, so that a weight may change where its id is
// -1, but only if ids and weights are of one router.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/simplify/Rewrites.h"

#include "moe/dialect/ShapeRules.h"

#include <cmath>

using namespace mlir;
using namespace moe;
using semantics::EpsMode;
using semantics::NoiseKind;
using semantics::NormKind;
using semantics::ScoreFn;

//===----------------------------------------------------------------------===//
// Weights that are 1
//===----------------------------------------------------------------------===//

RouteOp moe::routeOfSlots(Value groups, Value weights) {
  auto group = groups.getDefiningOp<GroupOp>();
  if (!group || group.isByExpert())
    return {};
  Value ids = group.getIds();
  while (auto capacity = ids.getDefiningOp<CapacityOp>()) {
    if (weights != capacity.getKeptWeights() || ids != capacity.getKeptIds() ||
        capacity.getRenormAttr() || capacity.getOverflow() != Overflow::Drop)
      return {};
    ids = capacity.getIds();
    weights = capacity.getWeights();
  }
  auto route = ids.getDefiningOp<RouteOp>();
  return route && route.getIds() == ids && route.getWeights() == weights
             ? route
             : RouteOp();
}

/// What is known of the value that a single pick has before it is divided by
/// itself.
enum class Sign { Unknown, Positive, PositiveInF32 };

static Sign signOfScore(RouteOp op) {
  if (!op.getScoreAttr())
    return Sign::Unknown;
  // The most likely of E experts is so by 1/E.
  const bool mostLikely = !op.getSelect().isGiven() && !op.getBias() &&
                          !op.getGroups() &&
                          op.getSelect().getNoise() == NoiseKind::None;
  switch (op.getScoreAttr().getValue()) {
  case ScoreFn::Softmax:
    return mostLikely ? Sign::PositiveInF32 : Sign::Positive;
  case ScoreFn::Sigmoid:
  case ScoreFn::SqrtSoftplus:
    return Sign::Positive; // 0 in f32 where the logit is below -103
  default:                 // a score that is not known to be positive
    return Sign::Unknown;
  }
}

/// Whether a token has one slot whose weight is 1, and how surely.
static Sign isSingleWeightOne(RouteOp op) {
  const semantics::RouterSpec spec = op.getSpec();
  if (spec.slots() != 1 || spec.scale != 1 || op.getExpertScale() ||
      op.getSelect().isPerExpert() || spec.normalize.empty())
    return Sign::Unknown;
  const semantics::NormStep &last = spec.normalize.back();
  if (last.kind == NormKind::Softmax)
    return Sign::PositiveInF32;
  if (last.kind != NormKind::L1 || last.epsMode != EpsMode::None)
    return Sign::Unknown;
  if (spec.normalize.size() == 1)
    return signOfScore(op);
  switch (spec.normalize[spec.normalize.size() - 2].kind) {
  case NormKind::Softmax:
  case NormKind::MaskedSoftmax: // 1 over a sum of at most E ones
    return Sign::PositiveInF32;
  case NormKind::Sigmoid:
    return Sign::Positive;
  case NormKind::L1:
  case NormKind::Lp:
    return Sign::Unknown;
  }
  llvm_unreachable("every norm is handled");
}

/// The operand of weights of a combine or dispatch.
static MutableOperandRange weightsOf(CombineOp op) {
  return op.getWeightsMutable();
}
static MutableOperandRange weightsOf(DispatchOp op) {
  return op.getScaleMutable();
}

template <typename OpT, Sign sign>
static LogicalResult dropSinglePick(OpT op, PatternRewriter &rewriter) {
  MutableOperandRange weights = weightsOf(op);
  if (weights.empty())
    return failure();
  RouteOp route = routeOfSlots(op.getGroups(), weights[0].get());
  if (!route || isSingleWeightOne(route) != sign)
    return failure();
  rewriter.modifyOpInPlace(op, [&] { weightsOf(op).clear(); });
  return success();
}

template <typename OpT>
static LogicalResult dropUnitWeights(OpT op, PatternRewriter &rewriter) {
  MutableOperandRange weights = weightsOf(op);
  if (weights.empty() || !isSplatOf(weights[0].get(), 1))
    return failure();
  rewriter.modifyOpInPlace(op, [&] { weightsOf(op).clear(); });
  return success();
}

//===----------------------------------------------------------------------===//
// Factors and norms
//===----------------------------------------------------------------------===//

static LogicalResult dropUnitExpertScale(RouteOp op,
                                         PatternRewriter &rewriter) {
  if (!op.getExpertScale() || !isSplatOf(op.getExpertScale(), 1))
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.getExpertScaleMutable().clear(); });
  return success();
}

static LogicalResult foldExpertScale(RouteOp op, PatternRewriter &rewriter) {
  if (!op.getExpertScale())
    return failure();
  auto value = dyn_cast_or_null<FloatAttr>(splatOf(op.getExpertScale()));
  if (!value || value.getValueAsDouble() == 1)
    return failure();
  const double before =
      op.getScaleAttr() ? op.getScaleAttr().getValueAsDouble() : 1;
  const double scale = before * value.getValueAsDouble();
  if (!std::isfinite(scale))
    return failure();
  rewriter.modifyOpInPlace(op, [&] {
    op.getExpertScaleMutable().clear();
    op.setScaleAttr(rewriter.getF64FloatAttr(scale));
  });
  return success();
}

/// A division by a sum without an epsilon, which cancels common factors.
static bool cancelsFactors(const semantics::NormStep &step) {
  return step.kind == NormKind::L1 && step.epsMode == EpsMode::None;
}

/// A division by a sum makes one before it common to all; after a softmax over
/// the same values the sum is 1.
static LogicalResult dropNormOfNorm(RouteOp op, PatternRewriter &rewriter) {
  if (!op.getNormalizeAttr())
    return failure();
  SmallVector<Attribute> steps(op.getNormalizeAttr().getValue());
  auto specOf = [&](size_t i) { return cast<NormAttr>(steps[i]).getSpec(); };
  auto set = [&] {
    rewriter.modifyOpInPlace(op, [&] {
      if (steps.empty())
        op.removeNormalizeAttr();
      else
        op.setNormalizeAttr(rewriter.getArrayAttr(steps));
    });
    return success();
  };
  // A softmax over all experts, who are all picked.
  if (op.getSelect().getKind() == semantics::SelectKind::All &&
      op.getScoreAttr() && op.getScoreAttr().getValue() == ScoreFn::Softmax &&
      cancelsFactors(specOf(0))) {
    steps.erase(steps.begin());
    return set();
  }
  for (size_t i = 1; i < steps.size(); ++i) {
    const semantics::NormStep before = specOf(i - 1);
    if (!cancelsFactors(specOf(i)))
      continue;
    if (before.kind == NormKind::Softmax) {
      steps.erase(steps.begin() + i);
      return set();
    }
    if (semantics::lookup(before.kind).divides) {
      steps.erase(steps.begin() + (i - 1));
      return set();
    }
  }
  return failure();
}

/// The router whose weights a capacity alone reads, all slots alike.
static RouteOp onlyRouteOf(CapacityOp op) {
  auto route = op.getWeights().getDefiningOp<RouteOp>();
  return route && op.getWeights() == route.getWeights() &&
                 op.getIds() == route.getIds() &&
                 route.getWeights().hasOneUse() && !route.getApart() &&
                 op.getOverflow() == Overflow::Drop
             ? route
             : RouteOp();
}

static LogicalResult dropCancelledScale(CapacityOp op,
                                        PatternRewriter &rewriter) {
  RouteOp route = onlyRouteOf(op);
  // A negative scale would turn the order of weights around.
  if (!route || !op.getRenormAttr() ||
      op.getRenormAttr().getSpec().epsMode != EpsMode::None ||
      !route.getScaleAttr() || route.getScaleAttr().getValueAsDouble() <= 0)
    return failure();
  rewriter.modifyOpInPlace(route, [&] { route.removeScaleAttr(); });
  return success();
}

static LogicalResult renormBefore(CapacityOp op, PatternRewriter &rewriter) {
  RouteOp route = onlyRouteOf(op);
  if (!route || !op.getRenormAttr() || !op.limitsNothing() ||
      route.getScaleAttr() || route.getExpertScale())
    return failure();
  SmallVector<Attribute> steps;
  if (auto given = route.getNormalizeAttr())
    llvm::append_range(steps, given);
  steps.push_back(op.getRenormAttr());
  rewriter.modifyOpInPlace(
      route, [&] { route.setNormalizeAttr(rewriter.getArrayAttr(steps)); });
  rewriter.replaceOp(op, {route.getIds(), route.getWeights()});
  return success();
}

void moe::addWeightRewrites(RewriteSet &set) {
  set.add<CombineOp>(RewriteId::SinglePick,
                     dropSinglePick<CombineOp, Sign::PositiveInF32>);
  set.add<DispatchOp>(RewriteId::SinglePick,
                      dropSinglePick<DispatchOp, Sign::PositiveInF32>);
  set.add<CombineOp>(RewriteId::SinglePositivePick,
                     dropSinglePick<CombineOp, Sign::Positive>);
  set.add<DispatchOp>(RewriteId::SinglePositivePick,
                      dropSinglePick<DispatchOp, Sign::Positive>);
  set.add<CombineOp>(RewriteId::UnitWeights, dropUnitWeights<CombineOp>);
  set.add<DispatchOp>(RewriteId::UnitWeights, dropUnitWeights<DispatchOp>);
  set.add<RouteOp>(RewriteId::UnitExpertScale, dropUnitExpertScale);
  set.add<RouteOp>(RewriteId::EqualExpertScale, foldExpertScale);
  set.add<RouteOp>(RewriteId::NormOfNorm, dropNormOfNorm);
  set.add<CapacityOp>(RewriteId::ScaleBeforeRenorm, dropCancelledScale);
  set.add<CapacityOp>(RewriteId::RenormBefore, renormBefore);
}
