//===- NormalizeGroups.cpp - Every layout of rows as ragged rows ----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which row of its expert a slot has cannot be seen: rows come from
// moe.dispatch, stay apart in moe.expert and go back through moe.combine. So
// padding is work and memory for nothing, and one layout serves all. What an op
// outside of these sees is the exception, and refused.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_NORMALIZEGROUPSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// Gives rows their new bound, and what is computed from them.
static LogicalResult retypeRows(Value rows, int64_t bound) {
  auto type = cast<RankedTensorType>(rows.getType());
  rows.setType(RankedTensorType::get({bound, type.getDimSize(1)},
                                     type.getElementType()));
  for (OpOperand &use : rows.getUses()) {
    Operation *user = use.getOwner();
    if (auto expert = dyn_cast<ExpertOp>(user);
        expert && use.getOperandNumber() == 0) {
      if (failed(retypeRows(expert.getResult(), bound)))
        return failure();
      continue;
    }
    if (isa<CombineOp>(user) && use.getOperandNumber() == 0)
      continue;
    return user->emitOpError(
        "reads rows that lie aligned, padded or dense; expects such rows in "
        "moe.expert and moe.combine only, or ragged groups");
  }
  return success();
}

static LogicalResult normalize(GroupOp op) {
  GroupsType type = op.getGroups().getType();
  if (type.isRagged())
    return success();
  op.getGroups().setType(type.asRagged());
  const int64_t bound = getRowBound(op.getGroups());
  for (Operation *user : op.getGroups().getUsers()) {
    if (auto dispatch = dyn_cast<DispatchOp>(user)) {
      if (failed(retypeRows(dispatch.getRows(), bound)))
        return failure();
    } else if (auto expert = dyn_cast<ExpertOp>(user)) {
      // Rows of another origin have the layout of that origin.
      auto rows = expert.getRows().getDefiningOp();
      if (!isa_and_present<DispatchOp, ExpertOp>(rows))
        return expert.emitOpError(
            "expects rows that lie aligned, padded or dense to come from "
            "moe.dispatch or moe.expert, or ragged groups");
    } else if (!isa<CombineOp>(user)) {
      return user->emitOpError("observes where aligned, padded or dense rows "
                               "lie; expects ragged groups");
    }
  }
  return success();
}

namespace {
struct NormalizeGroupsPass
    : moe::impl::NormalizeGroupsPassBase<NormalizeGroupsPass> {
  void runOnOperation() override {
    WalkResult walked = getOperation().walk([](Operation *op) {
      if (auto group = dyn_cast<GroupOp>(op))
        return failed(normalize(group)) ? WalkResult::interrupt()
                                        : WalkResult::advance();
      if (auto given = dyn_cast<GroupsFromOffsetsOp>(op))
        if (!given.getGroups().getType().isRagged()) {
          given.emitOpError("has rows whose places are given: expects ragged "
                            "groups to be compiled");
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    if (walked.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
