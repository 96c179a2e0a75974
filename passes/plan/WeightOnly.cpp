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

bool moe::isWeightOnly(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<LoadParamOp>(op))
    return true;
  if (op->getNumOperands() == 0 || op->getNumRegions() != 0 ||
      !isMemoryEffectFree(op))
    return false;
  bool any = false;
  for (Value operand : op->getOperands()) {
    bool weight = isWeightOnly(operand);
    if (!weight && !matchPattern(operand, m_Constant()))
      return false;
    any |= weight;
  }
  return any;
}
