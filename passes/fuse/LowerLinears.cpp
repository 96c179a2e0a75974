//===- LowerLinears.cpp - Dense layers as one group -----------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"
#include "moe/passes/fuse/BuildMatmul.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_LOWERLINEARSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {
struct LowerLinearsPass : moe::impl::LowerLinearsPassBase<LowerLinearsPass> {
  void runOnOperation() override {
    SmallVector<LinearOp> linears;
    getOperation().walk([&](LinearOp op) {
      if (!op->getParentOfType<ExpertOp>())
        linears.push_back(op);
    });
    for (LinearOp op : linears) {
      OpBuilder builder(op);
      auto matmul = buildMatmul(builder, op.getLoc(), op.getResult().getType(),
                                op.getRows(), op.getWeight(), Value(),
                                op.getBias(), op.getAcc());
      op.getResult().replaceAllUsesWith(matmul.getResult());
      op.erase();
    }
  }
};
} // namespace
