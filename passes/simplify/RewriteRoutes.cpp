//===- RewriteRoutes.cpp - Rewrites of what a router picks ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Clauses that change nothing leave the router. Scores are rounded to f32
// before they are compared, so a score that is monotone in the logit may still
// tie where logits do not: what picks by another score keeps ids of distinct
// scores only, and is marked so.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/simplify/Rewrites.h"

#include "moe/dialect/ShapeRules.h"

using namespace mlir;
using namespace moe;
using semantics::EpsMode;
using semantics::NoiseKind;
using semantics::NormKind;
using semantics::ScoreFn;
using semantics::SelectKind;

static int64_t numExperts(RouteOp op) {
  return tensorOf(op.getLogits()).getDimSize(1);
}

static bool picksHighest(RouteOp op) {
  return op.getSelect().getKind() == SelectKind::TopK;
}

static bool hasNoise(RouteOp op) {
  return op.getSelect().getNoise() != NoiseKind::None;
}

/// The selection with another kind and without noise.
static SelectAttr withoutNoise(SelectAttr select) {
  return SelectAttr::get(select.getContext(), select.getKind(),
                         select.getPicks(), select.getBound(),
                         select.getLimit(), select.getAlways(),
                         NoiseKind::None);
}

static LogicalResult dropZeroBias(RouteOp op, PatternRewriter &rewriter) {
  if (!op.getBias() || !isSplatOf(op.getBias(), 0))
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.getBiasMutable().clear(); });
  return success();
}

/// Inference: what a front end left of the noise of training.
static LogicalResult dropZeroNoise(RouteOp op, PatternRewriter &rewriter) {
  const NoiseKind noise = op.getSelect().getNoise();
  if ((noise != NoiseKind::Gumbel && noise != NoiseKind::SecondGumbel) ||
      !isSplatOf(op.getNoise(), 0))
    return failure();
  rewriter.modifyOpInPlace(op, [&] {
    op.getNoiseMutable().clear();
    op.setSelectAttr(withoutNoise(op.getSelect()));
  });
  return success();
}

static LogicalResult dropAllValid(RouteOp op, PatternRewriter &rewriter) {
  if (!op.getValid())
    return failure();
  auto value = dyn_cast_or_null<IntegerAttr>(splatOf(op.getValid()));
  if (!value || value.getValue().isZero())
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.getValidMutable().clear(); });
  return success();
}

/// Whether nobody sees in which slot a token's expert is.
static bool areSlotsUnseen(RouteOp op) {
  return llvm::all_of(op.getIds().getUsers(), llvm::IsaPred<GroupOp>) &&
         llvm::all_of(op.getWeights().getUsers(),
                      llvm::IsaPred<CombineOp, DispatchOp>);
}

static LogicalResult pickAll(RouteOp op, PatternRewriter &rewriter) {
  SelectAttr select = op.getSelect();
  const bool bernoulli = select.getNoise() == NoiseKind::SecondBernoulli;
  const bool fewGroups =
      op.getGroups() &&
      op.getGroups()->getFill() == semantics::GroupFill::NegInf &&
      op.getGroups()->getKeep() < op.getGroups()->getNumGroups();
  if (!picksHighest(op) || select.getPicks() != numExperts(op) || bernoulli ||
      fewGroups || !areSlotsUnseen(op))
    return failure();
  // Each pick of a sparse mixer is weighed over those that no slot before has.
  if (auto steps = op.getNormalizeAttr())
    for (auto step : steps.getAsRange<NormAttr>())
      if (step.getKind() == NormKind::MaskedSoftmax)
        return failure();
  rewriter.modifyOpInPlace(op, [&] {
    op.setSelectAttr(SelectAttr::get(op.getContext(), SelectKind::All, 0));
    op.getBiasMutable().clear();
    op.getNoiseMutable().clear();
    op.removeGroupsAttr();
  });
  return success();
}

/// Only groups that are never picked otherwise keep the order of the rest.
static bool limitsByFillNegInf(RouteOp op) {
  return op.getGroups() &&
         op.getGroups()->getFill() == semantics::GroupFill::NegInf;
}

/// A sum with the bias may round two scores to one.
static LogicalResult dropEqualBias(RouteOp op, PatternRewriter &rewriter) {
  if (!op.getBias() || !picksHighest(op) ||
      (op.getGroups() && !limitsByFillNegInf(op)))
    return failure();
  auto value = dyn_cast_or_null<FloatAttr>(splatOf(op.getBias()));
  if (!value || !value.getValue().isFinite())
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.getBiasMutable().clear(); });
  return success();
}

/// Scores of an op without more than rounding to f32 are positive; an f32 may
/// still be 0, which ties with the fill.
static bool areScoresPositive(RouteOp op) {
  auto score = op.getScoreAttr();
  return score && (score.getValue() == ScoreFn::Softmax ||
                   score.getValue() == ScoreFn::Sigmoid ||
                   score.getValue() == ScoreFn::SqrtSoftplus);
}

static LogicalResult fillNegInf(RouteOp op, PatternRewriter &rewriter) {
  auto groups = op.getGroupsAttr();
  if (!groups || groups.getFill() != semantics::GroupFill::Zero ||
      !picksHighest(op) || !areScoresPositive(op) || op.getBias() ||
      hasNoise(op))
    return failure();
  const int64_t candidates = numExperts(op) - op.getSelect().getAlways();
  if (op.getSelect().getPicks() >
      groups.getKeep() * (candidates / groups.getNumGroups()))
    return failure();
  rewriter.modifyOpInPlace(op, [&] {
    op.setGroupsAttr(GroupLimitAttr::get(op.getContext(), groups.getNumGroups(),
                                         groups.getKeep(), groups.getTopSum(),
                                         semantics::GroupFill::NegInf));
  });
  return success();
}

/// Whether the experts with the highest scores are those with the highest
/// logits, and nothing else reads the scores before they are normalized.
static bool picksByOrderAlone(RouteOp op) {
  const bool groupsByMax =
      !op.getGroups() ||
      (limitsByFillNegInf(op) && op.getGroups()->getTopSum() == 1);
  const bool rounded = op.getScoreType() && !op.getScoreType()->isF32();
  // A logit of more bits than a score would tie where the score does not.
  const bool wide = tensorOf(op.getLogits()).getElementType().isF64();
  return picksHighest(op) && !op.getBias() && !hasNoise(op) && groupsByMax &&
         !rounded && !wide && !op.getApart() && !op.getScores();
}

static ArrayAttr withFirstStep(RouteOp op, NormKind first, unsigned dropped) {
  Builder builder(op.getContext());
  SmallVector<Attribute> steps = {NormAttr::get(
      op.getContext(), first, builder.getF64FloatAttr(0), EpsMode::None)};
  if (auto given = op.getNormalizeAttr())
    llvm::append_range(steps, given.getValue().drop_front(dropped));
  return builder.getArrayAttr(steps);
}

/// p_i / sum of the picks' p = softmax of the picks: the sum over all experts
/// cancels. The picks hold the most likely expert, so their sum is 1/E or more
/// and an epsilon far below it is none.
static LogicalResult normalizePicks(RouteOp op, PatternRewriter &rewriter) {
  if (!op.getScoreAttr() || op.getScoreAttr().getValue() != ScoreFn::Softmax ||
      !picksByOrderAlone(op) || !op.getNormalizeAttr())
    return failure();
  const semantics::NormStep step =
      cast<NormAttr>(op.getNormalizeAttr()[0]).getSpec();
  const double half = 1.0 / (int64_t(1) << 25);
  if (step.kind != NormKind::L1 ||
      (step.epsMode != EpsMode::None &&
       step.eps * static_cast<double>(numExperts(op)) > half))
    return failure();
  rewriter.modifyOpInPlace(op, [&] {
    op.setNormalizeAttr(withFirstStep(op, NormKind::Softmax, 1));
    op.removeScoreAttr();
    op.removeScoreTypeAttr();
  });
  return success();
}

/// A sigmoid in f32 is 1 from 17 on: there scores tie and logits do not.
static LogicalResult sigmoidOfPicks(RouteOp op, PatternRewriter &rewriter) {
  if (!op.getScoreAttr() || op.getScoreAttr().getValue() != ScoreFn::Sigmoid ||
      !picksByOrderAlone(op))
    return failure();
  rewriter.modifyOpInPlace(op, [&] {
    op.setNormalizeAttr(withFirstStep(op, NormKind::Sigmoid, 0));
    op.removeScoreAttr();
    op.removeScoreTypeAttr();
  });
  return success();
}

void moe::addRouteRewrites(RewriteSet &set) {
  set.add<RouteOp>(RewriteId::ZeroBias, dropZeroBias);
  set.add<RouteOp>(RewriteId::ZeroNoise, dropZeroNoise);
  set.add<RouteOp>(RewriteId::AllValid, dropAllValid);
  set.add<RouteOp>(RewriteId::PickAll, pickAll);
  set.add<RouteOp>(RewriteId::EqualBias, dropEqualBias);
  set.add<RouteOp>(RewriteId::FillNegInf, fillNegInf);
  set.add<RouteOp>(RewriteId::SoftmaxOfPicks, normalizePicks);
  set.add<RouteOp>(RewriteId::SigmoidOfPicks, sigmoidOfPicks);
}
