//===- LowerCounts.cpp - Counts of slots as sums over slots ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"
#include "moe/passes/fuse/BuildGeneric.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_LOWERCOUNTSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

static void lower(CountOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getCounts().getType());
  Type element = type.getElementType();
  // Loops of the leading dimensions and the experts; tokens and slots.
  const unsigned lead = type.getRank() - 1;
  LoopOperand ids{op.getIds(), {}};
  SmallVector<OpFoldResult> sizes;
  for (unsigned loop = 0; loop < lead; ++loop) {
    sizes.push_back(tensor::getMixedSize(builder, loc, op.getIds(), loop));
    ids.loops.push_back(loop);
  }
  sizes.push_back(builder.getIndexAttr(type.getDimSize(lead)));
  ids.loops.append({lead + 1, lead + 2});
  Value counts = buildGeneric(
      builder, loc, element, sizes, /*reductions=*/2, {ids}, Value(),
      [&](OpBuilder &inner, ValueRange elements, Value sum) -> Value {
        Value index = linalg::IndexOp::create(inner, loc, lead);
        Value expert = arith::IndexCastOp::create(inner, loc,
                                                  elements[0].getType(), index);
        Value same = arith::CmpIOp::create(inner, loc, arith::CmpIPredicate::eq,
                                           elements[0], expert);
        Value one =
            arith::ConstantOp::create(inner, loc, inner.getOneAttr(element));
        Value none =
            arith::ConstantOp::create(inner, loc, inner.getZeroAttr(element));
        Value more = arith::SelectOp::create(inner, loc, same, one, none);
        if (isa<FloatType>(element))
          return arith::AddFOp::create(inner, loc, sum, more);
        return arith::AddIOp::create(inner, loc, sum, more);
      });
  if (counts.getType() != type)
    counts = tensor::CastOp::create(builder, loc, type, counts);
  op.getCounts().replaceAllUsesWith(counts);
  op.erase();
}

namespace {
struct LowerCountsPass : moe::impl::LowerCountsPassBase<LowerCountsPass> {
  void runOnOperation() override {
    getOperation().walk([](CountOp op) { lower(op); });
  }
};
} // namespace
