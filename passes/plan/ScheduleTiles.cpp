//===- ScheduleTiles.cpp - The row tiles that matmuls run over ------------===//
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
#define GEN_PASS_DEF_SCHEDULETILESPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {
struct ScheduleTilesPass : moe::impl::ScheduleTilesPassBase<ScheduleTilesPass> {
  void runOnOperation() override {
    // Keyed by block too: a list made in one form is not seen by another.
    llvm::DenseMap<std::tuple<Block *, Value, int64_t>, Value> lists;
    getOperation().walk([&](GroupedMatmulOp op) {
      auto plan = op->getAttrOfType<PlanAttrInterface>(MoeDialect::kPlanAttr);
      if (!plan || !op.getGroups() || op.getTiles() || plan.getTileRows() == 0)
        return;
      int64_t rows = plan.getTileRows();
      Value &tiles = lists[{op->getBlock(), op.getGroups(), rows}];
      if (!tiles) {
        OpBuilder builder(op);
        if (Operation *groups = op.getGroups().getDefiningOp();
            groups && groups->getBlock() == op->getBlock())
          builder.setInsertionPointAfter(groups);
        tiles = TilesOp::create(builder, op.getLoc(),
                                TilesType::get(op.getContext(), rows),
                                op.getGroups());
      }
      op.getTilesMutable().assign(tiles);
    });
  }
};
} // namespace
