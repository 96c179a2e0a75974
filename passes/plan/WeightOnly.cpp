//===- WeightOnly.cpp - Values that depend on parameters alone ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/plan/WeightOnly.h"

#include "moe/dialect/MoeOps.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace moe;

static bool isBuffer(Type type) {
  return isa<RankedTensorType, PackedType>(type);
}

WeightOnly::WeightOnly(Operation *root) {
  // Operands come before their users, so one walk in order sees every chain.
  root->walk<WalkOrder::PreOrder>([&](Operation *op) {
    bool made = isa<LoadParamOp>(op);
    if (!made && op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
        llvm::all_of(op->getResultTypes(), isBuffer)) {
      made = llvm::any_of(op->getOperands(),
                          [&](Value value) { return contains(value); }) &&
             llvm::all_of(op->getOperands(), [&](Value value) {
               return contains(value) || matchPattern(value, m_Constant());
             });
    }
    if (made)
      values.insert(op->result_begin(), op->result_end());
  });
}
