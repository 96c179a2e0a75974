//===- WidenRegion.cpp - Scalar regions on vectors ------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A region of scalar arith and math ops says what happens to one element. The
// same ops on vectors do it to several, since every op of these dialects that
// may stand there is elementwise.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Emitters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace moe::cpu;

LeafBuilder::Values moe::cpu::cloneWidened(LeafBuilder &l, Block &block,
                                           ArrayRef<Value> arguments,
                                           int64_t width) {
  IRMapping known;
  known.map(block.getArguments(), arguments);
  // A scalar from outside is the same for all elements.
  auto operand = [&](Value value) -> Value {
    if (Value mapped = known.lookupOrNull(value))
      return mapped;
    return l.splat(value, width);
  };
  for (Operation &op : block.without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      TypedAttr value = constant.getValue();
      if (auto type =
              dyn_cast<VectorType>(l.widened(constant.getType(), width)))
        value = DenseElementsAttr::get(type, Attribute(value));
      known.map(constant.getResult(),
                arith::ConstantOp::create(l.b, l.loc, value).getResult());
      continue;
    }
    OperationState state(l.loc, op.getName());
    for (Value value : op.getOperands())
      state.addOperands(operand(value));
    for (Type type : op.getResultTypes())
      state.addTypes(l.widened(type, width));
    state.attributes.append(op.getDiscardableAttrs());
    state.propertiesAttr = op.getPropertiesAsAttribute();
    Operation *wide = l.b.create(state);
    known.map(op.getResults(), wide->getResults());
  }
  LeafBuilder::Values results;
  for (Value value : block.getTerminator()->getOperands())
    results.push_back(operand(value));
  return results;
}
