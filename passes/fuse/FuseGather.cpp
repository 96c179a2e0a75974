//===- FuseGather.cpp - Read dispatched rows through the groups' map ------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_FUSEGATHERPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {
struct FuseGatherPass : moe::impl::FuseGatherPassBase<FuseGatherPass> {
  void runOnOperation() override {
    if (isDisabled(getOperation(), getArgument()))
      return;
    getOperation().walk([](GroupedMatmulOp op) {
      auto dispatch = op.getLhs().getDefiningOp<DispatchOp>();
      if (!dispatch || op.getGather() || dispatch.getScale() ||
          dispatch.getGroups() != op.getGroups() ||
          // Rows of slots are not rows of tokens.
          cast<RankedTensorType>(dispatch.getInput().getType()).getRank() != 2)
        return;
      op.getLhsMutable().assign(dispatch.getInput());
      op.setGather(true);
      remark::passed(op.getLoc(), remark::RemarkOpts::name("gather-in-load")
                                      .category("moe-fuse-gather"))
          << "a grouped matmul reads its rows through the groups' map: "
             "dispatched rows are not made";
    });
    SmallVector<DispatchOp> dead;
    getOperation().walk([&](DispatchOp op) {
      if (op.use_empty())
        dead.push_back(op);
    });
    for (DispatchOp op : dead)
      op.erase();
  }
};
} // namespace
