//===- PackWeights.cpp - Weights in the layout that the plan wants --------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"
#include "moe/passes/plan/WeightOnly.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// Weights that are run-time values are packed in every call: by a kernel that
/// packs all of them, or by tasks that pack what they multiply.
static void remarkRepeatedPack(GroupedMatmulOp op,
                               PackedLayoutAttrInterface layout,
                               ArrayRef<RankedTensorType> types,
                               bool inKernel) {
  std::string bytes =
      std::to_string(layout.getBytesPerExpert(types) * op.getNumGroups());
  remark::missed(
      op.getLoc(),
      remark::RemarkOpts::name("pack-at-run-time").category("moe-pack-weights"))
      << (inKernel ? "packs up to " + bytes +
                         " bytes of weights for each tile of rows"
                   : "packs " + bytes + " bytes of weights in every call") +
             ", since they are arguments: a moe.param is packed once";
}

namespace {
struct PackWeightsPass : moe::impl::PackWeightsPassBase<PackWeightsPass> {
  void runOnOperation() override {
    WeightOnly weights(getOperation());
    getOperation().walk([&](GroupedMatmulOp op) {
      auto plan = op->getAttrOfType<PlanAttrInterface>(MoeDialect::kPlanAttr);
      PackedLayoutAttrInterface layout =
          plan ? plan.getWeightLayout() : PackedLayoutAttrInterface();
      if (!layout || isa<PackedType>(op.getRhs()[0].getType()))
        return;
      SmallVector<RankedTensorType> types;
      for (unsigned i = 0; i < op.getNumRhs(); ++i)
        types.push_back(op.getRhsType(i));
      if (!llvm::all_of(op.getRhs(),
                        [&](Value value) { return weights.contains(value); }))
        remarkRepeatedPack(op, layout, types, plan.packsInKernel());
      if (plan.packsInKernel())
        return;
      auto packed = PackedType::get(op.getContext(), layout, types);
      OpBuilder builder(op);
      SmallVector<Value> tensors(op.getRhs());
      auto pack = PackOp::create(builder, op.getLoc(), packed, tensors);
      op.getRhsMutable().assign(pack.getPacked());
    });
  }
};
} // namespace
