//===- SimplifyLayers.cpp - Rewrites of routers, weights and rows ---------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rewrites of Rewrites.h until none fires. What each did is a remark and,
// for --moe-explain, a decision of the function.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"
#include "moe/passes/simplify/Rewrites.h"

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_SIMPLIFYLAYERSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {
struct SimplifyLayersPass
    : moe::impl::SimplifyLayersPassBase<SimplifyLayersPass> {
  using Base::Base;

  bool isApproxWelcome() {
    auto module = getOperation()->getParentOfType<ModuleOp>();
    auto given = module
                     ? module->getAttrOfType<StringAttr>(MoeDialect::kFastAttr)
                     : StringAttr();
    return fast == Fast::Approx || (given && given == "approx");
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (isDisabled(function, getArgument()))
      return;
    RewriteSet set(&getContext(), isApproxWelcome());
    addRouteRewrites(set);
    addWeightRewrites(set);
    addRowRewrites(set);
    // Other folds are the canonicalizer's, which runs before.
    GreedyRewriteConfig config;
    config.enableFolding(false).enableConstantCSE(false);
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(function, set.takePatterns(), config)))
      return signalPassFailure();
    SmallVector<Attribute> decisions;
    if (auto before =
            function->getAttrOfType<ArrayAttr>(MoeDialect::kDecisionsAttr))
      llvm::append_range(decisions, before);
    llvm::append_range(decisions, set.decisions(&getContext()));
    if (!decisions.empty())
      function->setAttr(MoeDialect::kDecisionsAttr,
                        ArrayAttr::get(&getContext(), decisions));
  }
};
} // namespace
