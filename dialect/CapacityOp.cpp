//===- CapacityOp.cpp - How many rows an expert takes ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/MoeOps.h"
#include "moe/dialect/RouteRules.h"

using namespace mlir;
using namespace moe;

bool CapacityOp::isTokenLocal() { return false; }

LogicalResult CapacityOp::verify() {
  // capacity_c1
  RankedTensorType ids = tensorOf(getIds());
  if (ids.getRank() != 2 || ids.isDynamicDim(1) || !isI32Tensor(ids))
    return emitOpError() << "expects ids [T, K] of i32, got " << ids;
  const int64_t tokens = ids.getDimSize(0);
  if (failed(verifyWeights(*this, tensorOf(getWeights()), tokens,
                           ids.getDimSize(1))))
    return failure();
  // capacity_c2
  if (auto broken = semantics::verifyLimit(getCap().getSpec()))
    return emitOpError(*broken);
  // capacity_c3
  const bool recycles = getOverflow() == Overflow::Recycle;
  if (auto scope = getScopeAttr()) {
    if (scope.getInt() < 1)
      return emitOpError() << "expects a scope of at least one token, got "
                           << scope.getInt();
    if (recycles)
      return emitOpError("expects no scope with overflow recycle");
  }
  // capacity_c4
  const bool byPriority = getOrder() == CapacityOrder::Priority;
  if (failed(verifyGiven(*this, "order priority", byPriority, getPriority())))
    return failure();
  if (getPriority()) {
    RankedTensorType type = tensorOf(getPriority());
    if (!shapeFits(type, {tokens}) || !isFloatTensor(type))
      return emitOpError() << "expects priority [T] of a float type, got "
                           << type;
  }
  // capacity_c5
  if (failed(verifyGiven(*this, "overflow recycle", recycles, getPlaces())) ||
      failed(verifyGiven(*this, "overflow recycle", recycles, getScores())))
    return failure();
  if (recycles) {
    if (byPriority || getOrder() == CapacityOrder::Weight)
      return emitOpError("expects overflow recycle with order token_major or "
                         "rank_major");
    RankedTensorType places = tensorOf(getPlaces());
    if (places.getRank() != 1 || !isI32Tensor(places))
      return emitOpError() << "expects places [N] of i32, got " << places;
    RankedTensorType scores = tensorOf(getScores());
    if (failed(verifyScores(*this, "scores", scores)))
      return failure();
    if (!sizeFits(scores.getDimSize(0), tokens))
      return emitOpError() << "expects scores of as many tokens as the ids, "
                              "got "
                           << scores;
  }
  // capacity_c6
  if (auto renorm = getRenormAttr()) {
    semantics::RouterSpec spec;
    spec.normalize.push_back(renorm.getSpec());
    if (!semantics::lookup(renorm.getKind()).divides)
      return emitOpError() << "expects renorm l1 or lp, got "
                           << nameOf(renorm.getKind());
    if (auto broken = semantics::verifyWeights(spec))
      return emitOpError(*broken);
  }
  // capacity_c7
  if (auto experts = getExpertsAttr(); experts && experts.getInt() < 1)
    return emitOpError() << "expects at least one expert, got "
                         << experts.getInt();
  return success();
}

bool CapacityOp::limitsNothing() {
  // Picks of one token are distinct, so no expert can get more rows than there
  // are tokens: a capacity of at least T limits nothing.
  auto route = getIds().getDefiningOp<RouteOp>();
  auto select = getIds().getDefiningOp<SelectOp>();
  SelectAttr picks = route    ? route.getSelect()
                     : select ? select.getSelect()
                              : SelectAttr();
  if (!picks || picks.isGiven() || picks.isPerExpert())
    return false;
  const semantics::CapacityLimit limit = getCap().getSpec();
  // T * n / d with n >= d is T or more, however it is rounded.
  if (!limit.isNumber() && limit.numerator >= limit.denominator)
    return true;
  int64_t tokens = tensorOf(getIds()).getDimSize(0);
  if (auto scope = getScopeAttr())
    tokens = scope.getInt();
  return ShapedType::isStatic(tokens) &&
         semantics::capacityOf(limit, tokens) >= tokens;
}

LogicalResult CapacityOp::canonicalize(CapacityOp op,
                                       PatternRewriter &rewriter) {
  if (op.getRenormAttr() || !op.limitsNothing())
    return failure();
  rewriter.replaceOp(op, {op.getIds(), op.getWeights()});
  return success();
}
