//===- LowerMixtures.cpp - Soft dispatch, soft combine and merge as sums --===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/ConvertFloat.h"
#include "moe/passes/Passes.h"
#include "moe/passes/fuse/BuildGeneric.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_LOWERMIXTURESPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// The sum of products of two operands, in f32 or wider, rounded once.
static void replaceBySum(Operation *op, ArrayRef<OpFoldResult> sizes,
                         unsigned reductions, const LoopOperand &a,
                         const LoopOperand &b) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  auto result = cast<RankedTensorType>(op->getResult(0).getType());
  Type acc = builder.getF32Type();
  for (Value value : {a.tensor, b.tensor, Value(op->getResult(0))})
    if (cast<RankedTensorType>(value.getType()).getElementType().isF64())
      acc = builder.getF64Type();
  Value sum = buildGeneric(
      builder, loc, acc, sizes, reductions, {a, b}, Value(),
      [&](OpBuilder &inner, ValueRange elements, Value before) -> Value {
        Value product = arith::MulFOp::create(
            inner, loc, convertFloat(inner, loc, elements[0], acc),
            convertFloat(inner, loc, elements[1], acc));
        return arith::AddFOp::create(inner, loc, before, product);
      });
  Value rounded = buildConversion(builder, loc, sum, result.getElementType());
  if (rounded.getType() != result)
    rounded = tensor::CastOp::create(builder, loc, result, rounded);
  op->getResult(0).replaceAllUsesWith(rounded);
  op->erase();
}

static void lower(SoftDispatchOp op) {
  OpBuilder builder(op);
  auto size = [&](Value tensor, int64_t dim) {
    return tensor::getMixedSize(builder, op.getLoc(), tensor, dim);
  };
  // Loops e, p, h; t.
  replaceBySum(op,
               {size(op.getWeights(), 1), size(op.getWeights(), 2),
                size(op.getInput(), 1)},
               1, {op.getWeights(), {3, 0, 1}}, {op.getInput(), {3, 2}});
}

static void lower(SoftCombineOp op) {
  OpBuilder builder(op);
  auto size = [&](Value tensor, int64_t dim) {
    return tensor::getMixedSize(builder, op.getLoc(), tensor, dim);
  };
  // Loops t, h; e, p.
  replaceBySum(op, {size(op.getWeights(), 0), size(op.getRows(), 2)}, 2,
               {op.getWeights(), {0, 2, 3}}, {op.getRows(), {2, 3, 1}});
}

static void lower(MergeOp op) {
  OpBuilder builder(op);
  // Loops m and those of the tensor behind its experts; e.
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(builder, op.getLoc(), op.getTensor());
  const unsigned rank = sizes.size();
  sizes[0] = tensor::getMixedSize(builder, op.getLoc(), op.getWeights(), 0);
  LoopOperand tensor{op.getTensor(), {rank}};
  for (unsigned i = 1; i < rank; ++i)
    tensor.loops.push_back(i);
  replaceBySum(op, sizes, 1, {op.getWeights(), {0, rank}}, tensor);
}

namespace {
struct LowerMixturesPass : moe::impl::LowerMixturesPassBase<LowerMixturesPass> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (auto dispatch = dyn_cast<SoftDispatchOp>(op))
        lower(dispatch);
      else if (auto combine = dyn_cast<SoftCombineOp>(op))
        lower(combine);
      else if (auto merge = dyn_cast<MergeOp>(op))
        lower(merge);
    });
  }
};
} // namespace
