//===- UnrollLoops.cpp - Loops over tensors, an iteration at a time -------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A loop over experts or layers whose body makes whole tensors is a list of
// kernels, and a program is one: so it is written out. Equal kernels become one
// again later. Loops over single elements stay loops, inside a kernel.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_UNROLLLOOPSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

/// Ops that a loop may become: more would be compiled for minutes.
static constexpr int64_t mostOps = 40000;

/// Whether an op makes or changes a whole tensor, and not one element of it.
static bool makesTensor(Operation *op) {
  return !isa<scf::ForOp, scf::IfOp, scf::WhileOp, tensor::InsertOp>(op) &&
         llvm::any_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>);
}

static bool isOverTensors(scf::ForOp loop) {
  return llvm::any_of(loop.getResultTypes(), llvm::IsaPred<RankedTensorType>) &&
         loop.getBody()
             ->walk([](Operation *op) {
               return makesTensor(op) ? WalkResult::interrupt()
                                      : WalkResult::advance();
             })
             .wasInterrupted();
}

namespace {
struct UnrollLoopsPass : moe::impl::UnrollLoopsPassBase<UnrollLoopsPass> {
  void runOnOperation() override {
    // Inner loops first: an outer one copies what they became.
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops) {
      if (!isOverTensors(loop))
        continue;
      std::optional<APInt> count = loop.getStaticTripCount();
      if (!count)
        continue;
      int64_t ops = 0;
      loop.getBody()->walk([&](Operation *) { ++ops; });
      if (count->ugt(mostOps / ops)) {
        remark::missed(loop.getLoc(), remark::RemarkOpts::name("too-many-ops")
                                          .category("moe-unroll-loops"))
            << "a loop of " + std::to_string(count->getZExtValue()) +
                   " iterations of " + std::to_string(ops) +
                   " ops is not written out: that would be more than " +
                   std::to_string(mostOps) + " ops";
        continue;
      }
      if (failed(loopUnrollFull(loop)))
        continue;
    }
  }
};
} // namespace
