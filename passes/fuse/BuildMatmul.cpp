//===- BuildMatmul.cpp - grouped_matmul from a linear ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/fuse/BuildMatmul.h"

#include "moe/dialect/ConvertFloat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace moe;

GroupedMatmulOp moe::buildMatmul(OpBuilder &builder, Location loc, Type result,
                                 Value rows, Value weight, Value groups,
                                 Value bias, Type acc) {
  auto op = GroupedMatmulOp::create(builder, loc, result, rows,
                                    ValueRange(weight), groups,
                                    /*gather=*/false, acc);
  if (!bias)
    return op;
  op.getEpilogueOperandsMutable().assign(bias);
  op.setEpilogueIndex(
      ArrayRef<int32_t>{static_cast<int32_t>(EpilogueIndex::Columns)});
  Block &block = op.getEpilogue().front();
  Value operand = block.addArgument(
      cast<RankedTensorType>(bias.getType()).getElementType(), loc);
  OpBuilder inner = OpBuilder::atBlockBegin(&block);
  Value sum = arith::AddFOp::create(inner, loc, block.getArgument(0),
                                    convertFloat(inner, loc, operand, acc));
  block.getArgument(0).replaceAllUsesExcept(sum, sum.getDefiningOp());
  return op;
}
