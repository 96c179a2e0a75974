//===- SelectPlan.cpp - A plan for every op that needs one ----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This pass only annotates; what follows only obeys. So a plan is tested by its
// text, overridden by writing it, and hashed with the IR it belongs to.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"
#include "moe/passes/plan/WeightOnly.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_SELECTPLANPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// Largest token count that the function's bounds allow.
static int64_t tokenBound(func::FuncOp function) {
  int64_t bound = 0;
  if (auto bounds =
          function->getAttrOfType<DictionaryAttr>(MoeDialect::kBoundsAttr))
    for (NamedAttribute entry : bounds)
      bound = std::max(bound, cast<IntegerAttr>(entry.getValue()).getInt());
  return bound ? bound : MoeDialect::kDefaultBound;
}

/// The tokens of a matmul by its types, if they say: rows where there are no
/// groups, else what the groups were made of.
static std::optional<int64_t> fixedTokens(Operation *op) {
  auto matmul = dyn_cast<GroupedMatmulOp>(op);
  if (!matmul)
    return std::nullopt;
  Value tokens = matmul.getLhs();
  if (matmul.getGroups() && !matmul.getGather()) {
    auto group = matmul.getGroups().getDefiningOp<GroupOp>();
    if (!group || group.isByExpert())
      return std::nullopt;
    tokens = group.getIds();
  }
  auto type = cast<RankedTensorType>(tokens.getType());
  if (type.isDynamicDim(0))
    return std::nullopt;
  return type.getDimSize(0);
}

/// Token counts for which the op runs: up to its own, or those of the form it
/// is in. Few tokens are planned for even where types say more: the plan that
/// has tasks enough for them has for more.
static std::pair<int64_t, int64_t> tokenRange(Operation *op, int64_t bound) {
  if (std::optional<int64_t> tokens = fixedTokens(op))
    return {0, *tokens};
  auto byTokens = op->getParentOfType<ByTokensOp>();
  if (!byTokens)
    return {0, bound};
  Region *region = op->getParentRegion();
  while (region->getParentOp() != byTokens)
    region = region->getParentOp()->getParentRegion();
  auto [first, last] = byTokens.getTokenRange(region->getRegionNumber());
  return {first, std::min(last, bound)};
}

/// Row determinism: the forms of a layer sum in one order, so that a token's
/// bits do not depend on how many run beside it.
static LogicalResult verifyReductionClasses(ByTokensOp op) {
  SmallVector<SmallVector<std::string>> classes;
  for (Region &form : op.getForms()) {
    auto &list = classes.emplace_back();
    form.walk([&](Operation *inner) {
      if (auto plan =
              inner->getAttrOfType<PlanAttrInterface>(MoeDialect::kPlanAttr))
        if (isa<GroupedMatmulOp>(inner))
          list.push_back(plan.getReductionClass());
    });
    if (list != classes.front()) {
      auto [mine, theirs] =
          std::mismatch(list.begin(), list.end(), classes.front().begin(),
                        classes.front().end());
      return op.emitOpError()
             << "has plans of different reduction classes in its forms, '"
             << (theirs == classes.front().end() ? "" : *theirs) << "' and '"
             << (mine == list.end() ? "" : *mine)
             << "', which row determinism forbids: give the plans one class, "
                "or set moe.determinism = \"none\"";
    }
  }
  return success();
}

namespace {
struct SelectPlanPass : moe::impl::SelectPlanPassBase<SelectPlanPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    FailureOr<TargetAttrInterface> target = getTarget(function);
    if (failed(target))
      return signalPassFailure();
    int64_t bound = tokenBound(function);
    WeightOnly weights(function);
    SmallVector<Attribute> decisions;
    if (auto before =
            function->getAttrOfType<ArrayAttr>(MoeDialect::kDecisionsAttr))
      llvm::append_range(decisions, before);
    function.walk([&](Operation *op) {
      if (op == function || op->hasAttr(MoeDialect::kPlanAttr))
        return;
      auto [first, last] = tokenRange(op, bound);
      auto matmul = dyn_cast<GroupedMatmulOp>(op);
      const bool weightsAtRunTime =
          matmul && !llvm::all_of(matmul.getRhs(), [&](Value rhs) {
            return weights.contains(rhs);
          });
      PlanChoice choice = target->choosePlan(op, first, last, weightsAtRunTime);
      if (!choice.plan)
        return;
      op->setAttr(MoeDialect::kPlanAttr, choice.plan);
      if (choice.decision)
        decisions.push_back(choice.decision);
    });
    if (!decisions.empty())
      function->setAttr(MoeDialect::kDecisionsAttr,
                        ArrayAttr::get(&getContext(), decisions));
    auto determinism = function->getParentOp()->getAttrOfType<StringAttr>(
        MoeDialect::kDeterminismAttr);
    if (determinism && determinism == "none")
      return;
    WalkResult result = function.walk([](ByTokensOp op) {
      return failed(verifyReductionClasses(op)) ? WalkResult::interrupt()
                                                : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
