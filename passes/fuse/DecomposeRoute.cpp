//===- DecomposeRoute.cpp - moe.route as score, select, weigh -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_DECOMPOSEROUTEPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// The scores as a tensor: the logits themselves where the clause is absent.
static Value scoresOf(RouteOp op, OpBuilder &builder) {
  auto logits = cast<RankedTensorType>(op.getLogits().getType());
  Type element = op.getScoreType() ? *op.getScoreType() : builder.getF32Type();
  bool asIs = !op.getScoreAttr() && logits.getElementType() == element;
  if (asIs && !op.getScores())
    return op.getLogits();
  auto type = op.getScores()
                  ? cast<RankedTensorType>(op.getScores().getType())
                  : RankedTensorType::get(logits.getShape(), element);
  if (asIs && type == logits)
    return op.getLogits();
  auto fn = op.getScoreAttr() ? op.getScoreAttr()
                              : ScoreFnAttr::get(op.getContext(),
                                                 semantics::ScoreFn::Identity);
  return ScoreOp::create(builder, op.getLoc(), type, fn, op.getLogits());
}

static void decompose(RouteOp op, OpBuilder &builder) {
  builder.setInsertionPoint(op);
  Location loc = op.getLoc();
  Value scores = scoresOf(op, builder);
  auto select = SelectOp::create(builder, loc, op.getIds().getType(), scores,
                                 op.getBias(), op.getTable(), op.getGiven(),
                                 op.getNoise(), op.getValid(),
                                 op.getGroupsAttr(), op.getSelectAttr());
  UnitAttr byExpert;
  if (op.getSelect().isPerExpert())
    byExpert = builder.getUnitAttr();
  IntegerAttr apart;
  if (op.getApart())
    apart = builder.getI64IntegerAttr(op.getSelect().getAlways());
  auto weigh = WeighOp::create(builder, loc, op.getWeights().getType(), scores,
                               select.getIds(), op.getExpertScale(), byExpert,
                               op.getNormalizeAttr(), op.getScaleAttr(), apart);
  op.getIds().replaceAllUsesWith(select.getIds());
  op.getWeights().replaceAllUsesWith(weigh.getWeights());
  if (op.getScores())
    op.getScores().replaceAllUsesWith(scores);
  op.erase();
}

namespace {
struct DecomposeRoutePass
    : moe::impl::DecomposeRoutePassBase<DecomposeRoutePass> {
  void runOnOperation() override {
    SmallVector<RouteOp> routes;
    getOperation().walk([&](RouteOp op) { routes.push_back(op); });
    OpBuilder builder(&getContext());
    for (RouteOp op : routes)
      decompose(op, builder);
  }
};
} // namespace
