//===- SplitResults.cpp - Linalg ops of one output indexing each ----------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel of ordinary ops is emitted from its results backwards: the place of
// an element says which iteration makes it. Outputs that are indexed
// differently have different places, so each gets an op of its own.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_SPLITRESULTSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// Outputs of iterations that do not follow each other are read as inputs by
/// whoever makes another of them.
static bool canSplit(linalg::GenericOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumReductionLoops() != 0)
    return false;
  AffineMap first = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  return llvm::any_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
    return op.getMatchingIndexingMap(&init) != first;
  });
}

static Value makeAlone(OpBuilder &builder, linalg::GenericOp op,
                       unsigned number) {
  const unsigned ins = op.getNumDpsInputs(), outs = op.getNumDpsInits();
  SmallVector<Value> inputs(op.getInputs());
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps.truncate(ins);
  for (unsigned other = 0; other < outs; ++other)
    if (other != number) {
      inputs.push_back(op.getOutputs()[other]);
      maps.push_back(op.getMatchingIndexingMap(op.getDpsInitOperand(other)));
    }
  maps.push_back(op.getMatchingIndexingMap(op.getDpsInitOperand(number)));
  auto alone = linalg::GenericOp::create(
      builder, op.getLoc(), op->getResult(number).getType(), inputs,
      op.getOutputs()[number], maps, op.getIteratorTypesArray(),
      [&](OpBuilder &inner, Location loc, ValueRange arguments) {
        Block &body = *op.getBlock();
        IRMapping mapping;
        mapping.map(body.getArguments().take_front(ins),
                    arguments.take_front(ins));
        unsigned next = ins;
        for (unsigned other = 0; other < outs; ++other)
          mapping.map(body.getArgument(ins + other),
                      other == number ? arguments.back() : arguments[next++]);
        for (Operation &inside : body.without_terminator())
          inner.clone(inside, mapping);
        linalg::YieldOp::create(
            inner, loc,
            mapping.lookupOrDefault(body.getTerminator()->getOperand(number)));
      });
  return alone.getResult(0);
}

namespace {
struct SplitResultsPass : moe::impl::SplitResultsPassBase<SplitResultsPass> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> ops;
    getOperation().walk([&](linalg::GenericOp op) {
      if (canSplit(op))
        ops.push_back(op);
    });
    for (linalg::GenericOp op : ops) {
      OpBuilder builder(op);
      SmallVector<Value> results;
      for (unsigned number = 0; number < op->getNumResults(); ++number)
        results.push_back(makeAlone(builder, op, number));
      op->replaceAllUsesWith(results);
      op->erase();
    }
  }
};
} // namespace
