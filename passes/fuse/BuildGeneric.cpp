//===- BuildGeneric.cpp - Loops over tensors as linalg.generic ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/fuse/BuildGeneric.h"

#include "moe/dialect/ConvertFloat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe;

Value moe::buildGeneric(
    OpBuilder &builder, Location loc, Type element,
    ArrayRef<OpFoldResult> sizes, unsigned reductions,
    ArrayRef<LoopOperand> operands, Value init,
    function_ref<Value(OpBuilder &, ValueRange, Value)> body) {
  MLIRContext *context = builder.getContext();
  const unsigned outer = sizes.size(), loops = outer + reductions;
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs;
  for (const LoopOperand &operand : operands) {
    SmallVector<AffineExpr> dims;
    for (unsigned loop : operand.loops)
      dims.push_back(getAffineDimExpr(loop, context));
    maps.push_back(AffineMap::get(loops, 0, dims, context));
    inputs.push_back(operand.tensor);
  }
  maps.push_back(
      AffineMap::getMultiDimIdentityMap(loops, context).getMajorSubMap(outer));
  SmallVector<utils::IteratorType> kinds(outer, utils::IteratorType::parallel);
  kinds.append(reductions, utils::IteratorType::reduction);
  if (!init) {
    init = tensor::EmptyOp::create(builder, loc, sizes, element);
    if (reductions > 0) {
      Value zero =
          arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
      init = linalg::FillOp::create(builder, loc, zero, init).getResult(0);
    }
  }
  return linalg::GenericOp::create(
             builder, loc, init.getType(), inputs, init, maps, kinds,
             [&](OpBuilder &inner, Location, ValueRange arguments) {
               Value next =
                   body(inner, arguments.drop_back(), arguments.back());
               linalg::YieldOp::create(inner, loc, next);
             })
      .getResult(0);
}

Value moe::buildConversion(OpBuilder &builder, Location loc, Value tensor,
                           Type element) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getElementType() == element)
    return tensor;
  SmallVector<unsigned> loops(type.getRank());
  for (unsigned i = 0; i < loops.size(); ++i)
    loops[i] = i;
  return buildGeneric(builder, loc, element,
                      tensor::getMixedSizes(builder, loc, tensor),
                      /*reductions=*/0, {{tensor, loops}}, Value(),
                      [&](OpBuilder &inner, ValueRange elements, Value) {
                        return convertFloat(inner, loc, elements[0], element);
                      });
}
