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

/// A pack of run-time values is repeated in every call.
static void remarkRepeatedPack(GroupedMatmulOp op, PackedType packed) {
  int64_t bytes = packed.getLayout().getBytesPerExpert(packed.getTensors()) *
                  op.getNumGroups();
  remark::missed(
      op.getLoc(),
      remark::RemarkOpts::name("pack-at-run-time").category("moe-pack-weights"))
      << "packs " + std::to_string(bytes) +
             " bytes of weights in every call, since they are arguments: a "
             "moe.param is packed once";
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
      auto packed = PackedType::get(op.getContext(), layout, types);
      OpBuilder builder(op);
      SmallVector<Value> tensors(op.getRhs());
      auto pack = PackOp::create(builder, op.getLoc(), packed, tensors);
      op.getRhsMutable().assign(pack.getPacked());
      if (!llvm::all_of(tensors,
                        [&](Value value) { return weights.contains(value); }))
        remarkRepeatedPack(op, packed);
    });
  }
};
} // namespace
