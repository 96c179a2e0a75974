//===- HoistAsserts.cpp - Assertions out of the bodies of linalg ops ------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel cannot fail. Front ends assert of every index of a gather that it is
// in range; here all of them are asked first, and the answer ends the run.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_HOISTASSERTSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// What a condition is computed from within the body, in order; nothing if one
/// of it is a sum that is not finished.
static std::optional<llvm::SetVector<Operation *>> sliceOf(linalg::GenericOp op,
                                                           Value condition) {
  llvm::SetVector<Operation *> ops;
  bool known = true;
  auto visit = [&](auto &&self, Value value) -> void {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      known &= argument.getOwner() != op.getBlock() ||
               argument.getArgNumber() < op.getNumDpsInputs() ||
               op.getNumReductionLoops() == 0;
      return;
    }
    Operation *definition = value.getDefiningOp();
    if (definition->getBlock() != op.getBlock() || ops.contains(definition))
      return;
    known &= definition->getNumRegions() == 0;
    for (Value operand : definition->getOperands())
      self(self, operand);
    ops.insert(definition);
  };
  visit(visit, condition);
  return known ? std::optional(ops) : std::nullopt;
}

/// Whether the condition holds in all iterations, as a tensor of one i1.
static Value askAll(ImplicitLocOpBuilder &b, linalg::GenericOp op,
                    Value condition, const llvm::SetVector<Operation *> &ops) {
  Value yes = arith::ConstantIntOp::create(b, 1, 1);
  Value init = linalg::FillOp::create(b, yes,
                                      tensor::EmptyOp::create(
                                          b, ArrayRef<int64_t>(), b.getI1Type())
                                          .getResult())
                   .getResult(0);
  SmallVector<Value> inputs(op.getInputs());
  llvm::append_range(inputs, op.getOutputs());
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps.push_back(AffineMap::get(op.getNumLoops(), 0, b.getContext()));
  SmallVector<utils::IteratorType> kinds(op.getNumLoops(),
                                         utils::IteratorType::reduction);
  return linalg::GenericOp::create(
             b, init.getType(), inputs, init, maps, kinds,
             [&](OpBuilder &inner, Location loc, ValueRange arguments) {
               IRMapping mapping;
               mapping.map(op.getBlock()->getArguments(),
                           arguments.drop_back());
               for (Operation *inside : ops)
                 inner.clone(*inside, mapping);
               Value all =
                   arith::AndIOp::create(inner, loc, arguments.back(),
                                         mapping.lookupOrDefault(condition));
               linalg::YieldOp::create(inner, loc, all);
             })
      .getResult(0);
}

namespace {
struct HoistAssertsPass : moe::impl::HoistAssertsPassBase<HoistAssertsPass> {
  void runOnOperation() override {
    SmallVector<cf::AssertOp> asserts;
    getOperation().walk([&](cf::AssertOp op) {
      if (isa<linalg::GenericOp>(op->getParentOp()))
        asserts.push_back(op);
    });
    for (cf::AssertOp op : asserts) {
      auto generic = cast<linalg::GenericOp>(op->getParentOp());
      auto ops = sliceOf(generic, op.getArg());
      if (!ops || !generic.hasPureTensorSemantics())
        continue;
      ImplicitLocOpBuilder b(op.getLoc(), generic);
      Value all = askAll(b, generic, op.getArg(), *ops);
      Value holds = tensor::ExtractOp::create(b, all, ValueRange());
      cf::AssertOp::create(b, holds, op.getMsg());
      op.erase();
    }
  }
};
} // namespace
