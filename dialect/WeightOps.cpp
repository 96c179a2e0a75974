//===- WeightOps.cpp - param, load_param, assume --------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/Clauses.h"
#include "moe/dialect/MoeOps.h"
#include "moe/dialect/ShapeRules.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace moe;

LogicalResult ParamOp::verify() {
  // param_c1
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape())
    return emitOpError() << "expects a static ranked tensor type, got "
                         << getType();
  // param_c2
  SourceAttr source = getSourceAttr();
  if (!source)
    return success();
  FailureOr<SourceView> view = source.getView();
  if (failed(view))
    return emitOpError() << "has a source that does not apply: "
                         << source.getViewError();
  ArrayRef<int64_t> shape = type.getShape();
  bool fits = type.getElementType() == source.getStored().getElementType();
  if (view->perExpert) {
    fits &= !shape.empty();
    shape = shape.drop_front(shape.empty() ? 0 : 1);
  }
  if (!fits || shape != ArrayRef(view->shape)) {
    auto made =
        RankedTensorType::get(view->shape, source.getStored().getElementType());
    return emitOpError() << "expects the source to yield " << type
                         << ", it yields " << made
                         << (view->perExpert ? " for each expert" : "");
  }
  return success();
}

LogicalResult
LoadParamOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  // load_param_c1
  auto param =
      symbolTable.lookupNearestSymbolFrom<ParamOp>(*this, getParamAttr());
  if (!param)
    return emitOpError() << "expects a moe.param named " << getParamAttr();
  if (param.getType() != getValue().getType())
    return emitOpError() << "expects the type of " << getParamAttr() << ", "
                         << param.getType() << ", got " << getValue().getType();
  return success();
}

LogicalResult AssumeOp::verify() {
  // assume_c1
  int64_t lo = getLoAttr().getInt(), hi = getHiAttr().getInt();
  if (lo < 0 || lo > hi)
    return emitOpError() << "expects 0 <= lo <= hi, got [" << lo << ", " << hi
                         << "]";
  return success();
}

OpFoldResult AssumeOp::fold(FoldAdaptor adaptor) {
  // A constant needs no assumption; a false one is left for whoever made it.
  if (auto value = dyn_cast_if_present<IntegerAttr>(adaptor.getValue()))
    if (value.getInt() >= getLoAttr().getInt() &&
        value.getInt() <= getHiAttr().getInt())
      return value;
  return {};
}

void AssumeOp::inferResultRanges(ArrayRef<ConstantIntRanges> operands,
                                 SetIntRangeFn setResultRange) {
  unsigned width = ConstantIntRanges::getStorageBitwidth(getType());
  APInt lo(width, getLoAttr().getInt()), hi(width, getHiAttr().getInt());
  ConstantIntRanges assumed = ConstantIntRanges::fromSigned(lo, hi);
  setResultRange(getResult(), operands[0].intersection(assumed));
}
