//===- CheckIds.cpp - Ids that no router picked ---------------------------===//
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
#define GEN_PASS_DEF_CHECKIDSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// core::ErrorId::IdOutOfRange; passes know nothing of the runtime's headers.
static constexpr int64_t kIdOutOfRange = 708;

/// The experts that a router's picks lie below; 0 for ids of other origin.
static int64_t pickedFrom(Value ids) {
  Value scores;
  if (auto route = ids.getDefiningOp<RouteOp>())
    scores = route.getLogits();
  else if (auto select = ids.getDefiningOp<SelectOp>())
    scores = select.getScores();
  return scores ? cast<RankedTensorType>(scores.getType()).getDimSize(1) : 0;
}

static void checkBelow(OpBuilder &builder, Location loc, Value ids,
                       int64_t experts) {
  Type status = RankedTensorType::get({1}, builder.getI64Type());
  auto check = CheckIdsOp::create(builder, loc, status, ids, experts);
  RequireOp::create(builder, loc, check.getStatus(), kIdOutOfRange);
}

/// A selection that takes ids from operands passes on what names no expert; it
/// is found in what the selection says, be it from a table or its index.
template <typename OpT> static void checkGiven(OpT op) {
  if (!op.getSelect().isGiven())
    return;
  OpBuilder builder(op);
  builder.setInsertionPointAfter(op);
  checkBelow(builder, op.getLoc(), op.getIds(), pickedFrom(op.getIds()));
}

namespace {
struct CheckIdsPass : moe::impl::CheckIdsPassBase<CheckIdsPass> {
  void runOnOperation() override {
    getOperation().walk([](RouteOp op) { checkGiven(op); });
    getOperation().walk([](SelectOp op) { checkGiven(op); });
    getOperation().walk([](GroupOp op) {
      // Tokens that experts picked are never indexed by before they are
      // compared.
      if (op.isByExpert())
        return;
      // A capacity only drops ids, but counts by them: they are checked first.
      Operation *reader = op;
      Value ids = op.getIds();
      while (auto capacity = ids.getDefiningOp<CapacityOp>()) {
        reader = capacity;
        ids = capacity.getIds();
      }
      int64_t experts = op.getGroups().getType().getNumExperts();
      int64_t picked = pickedFrom(ids);
      if (picked != 0 && picked <= experts)
        return;
      OpBuilder builder(reader);
      checkBelow(builder, op.getLoc(), ids, experts);
    });
  }
};
} // namespace
