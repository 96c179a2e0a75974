//===- ScalarOps.cpp - Constants, arith and math --------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of scalar ops applied to whole values: a scalar is one lane, a
// tensor as many as it has elements.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Evaluator.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include <algorithm>

using namespace moe;
using namespace moe::interpret;

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// The bytes of a `dense_resource` are host tensors of the element type.
static core::Status
resourceConstant(Call &call, mlir::DenseResourceElementsAttr attribute) {
  Element element = call.resultElement();
  mlir::AsmResourceBlob *blob = attribute.getRawHandle().getBlob();
  core::DType dtype = element.dtype;
  if (!element.isFloat) {
    switch (element.width) {
    case 8:
      dtype = core::DType::I8;
      break;
    case 32:
      dtype = core::DType::I32;
      break;
    case 64:
      dtype = core::DType::I64;
      break;
    default:
      return call.fault("has a resource of an element type that the "
                        "interpreter does not read");
    }
  }
  Array array = call.newArray(element, attribute.getType().getShape());
  size_t bytes = core::byteSize(dtype) * static_cast<size_t>(array.size());
  if (!blob || blob->getData().size() != bytes)
    return call.fault("has a resource of " +
                      llvm::Twine(blob ? blob->getData().size() : 0) +
                      " bytes, expects " + llvm::Twine(bytes));
  Cell *cells = array.write();
  for (int64_t index = 0; index < array.size(); ++index) {
    size_t at = static_cast<size_t>(index);
    if (element.isFloat)
      cells[index].f = core::loadAsDouble(dtype, blob->getData().data(), at);
    else
      cells[index].i = core::loadAsInt(dtype, blob->getData().data(), at);
  }
  call.setResult(0, std::move(array));
  return core::Status::ok();
}

static core::Status constant(Call &call) {
  mlir::Attribute attribute = call.as<mlir::arith::ConstantOp>().getValue();
  if (std::optional<Cell> cell = cellOfAttribute(attribute)) {
    call.setResult(0, *cell);
    return core::Status::ok();
  }
  auto elements = mlir::dyn_cast<mlir::ElementsAttr>(attribute);
  auto type =
      elements
          ? mlir::dyn_cast<mlir::RankedTensorType>(elements.getShapedType())
          : mlir::RankedTensorType();
  if (!type || !Element::ofElements(type))
    return unsupported(call.op());
  if (auto resource =
          mlir::dyn_cast<mlir::DenseResourceElementsAttr>(attribute))
    return resourceConstant(call, resource);
  auto dense = mlir::dyn_cast<mlir::DenseElementsAttr>(attribute);
  if (!dense)
    return unsupported(call.op());

  Array array = call.newArray(call.resultElement(), type.getShape());
  Cell *cells = array.write();
  if (dense.isSplat()) {
    std::optional<Cell> cell =
        cellOfAttribute(dense.getSplatValue<mlir::Attribute>());
    std::fill_n(cells, array.size(), *cell);
  } else {
    for (mlir::Attribute value : dense.getValues<mlir::Attribute>())
      *cells++ = *cellOfAttribute(value);
  }
  call.setResult(0, std::move(array));
  return core::Status::ok();
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

static core::Status elementwise(Call &call) {
  std::optional<LaneOp> lane = laneOpFor(call.op(), call.evaluator.exact());
  mlir::Type type = call.op()->getResult(0).getType();
  if (!lane || (mlir::isa<mlir::ShapedType>(type) &&
                !mlir::isa<mlir::RankedTensorType>(type)))
    return unsupported(call.op());

  unsigned count = call.step.operands.size();
  if (!mlir::isa<mlir::RankedTensorType>(type)) {
    Cell values[kMaxLaneOperands], result;
    const Cell *in[kMaxLaneOperands] = {};
    for (unsigned index = 0; index < count; ++index) {
      values[index] = call.operand(index).scalar();
      in[index] = &values[index];
    }
    if (const char *error = lane->run(in, &result, 1))
      return call.fault(error);
    call.setResult(0, result);
    return core::Status::ok();
  }

  // select may choose between tensors by one scalar.
  bool scalarFirst =
      !mlir::isa<mlir::RankedTensorType>(call.op()->getOperand(0).getType());
  if (scalarFirst && count == 3) {
    call.setResult(0, call.take(call.integer(0) ? 1 : 2));
    return core::Status::ok();
  }
  llvm::SmallVector<Array, kMaxLaneOperands> arrays;
  const Cell *in[kMaxLaneOperands] = {};
  for (unsigned index = 0; index < count; ++index) {
    core::Result<Array> array = call.array(index);
    if (!array)
      return array.takeError();
    if (index > 0 && array->shape() != arrays.front().shape())
      return call.fault("has operands of shapes " +
                        shapeText(arrays.front().shape()) + " and " +
                        shapeText(array->shape()));
    in[index] = array->data();
    arrays.push_back(std::move(*array));
  }
  Array result = call.newArray(call.resultElement(), arrays.front().shape());
  if (const char *error =
          lane->run(in, result.write(), static_cast<size_t>(result.size())))
    return call.fault(error);
  call.setResult(0, std::move(result));
  return core::Status::ok();
}

//===----------------------------------------------------------------------===//
// affine index arithmetic
//===----------------------------------------------------------------------===//

/// One value a result of the map.
static core::Result<llvm::SmallVector<int64_t>>
evaluateMap(Call &call, mlir::AffineMap map) {
  llvm::SmallVector<int64_t> inputs =
      call.integers(0, call.step.operands.size());
  llvm::ArrayRef<int64_t> all(inputs);
  llvm::SmallVector<int64_t> values;
  for (mlir::AffineExpr expr : map.getResults())
    if (const char *error = evaluateAffine(
            expr, all.take_front(map.getNumDims()),
            all.drop_front(map.getNumDims()), values.emplace_back()))
      return call.fault(error);
  return values;
}

template <typename OpT> static core::Status affineOp(Call &call) {
  core::Result<llvm::SmallVector<int64_t>> values =
      evaluateMap(call, call.as<OpT>().getAffineMap());
  if (!values)
    return values.takeError();
  int64_t result = values->front();
  for (int64_t value : *values)
    result = std::is_same_v<OpT, mlir::affine::AffineMaxOp>
                 ? std::max(result, value)
                 : std::min(result, value);
  call.setResult(0, cellOf(result));
  return core::Status::ok();
}

void interpret::addScalarOps(HandlerTable &table) {
  for (llvm::StringRef name : laneOpNames())
    table[name] = elementwise;
  table["arith.constant"] = constant;
  table["affine.apply"] = affineOp<mlir::affine::AffineApplyOp>;
  table["affine.min"] = affineOp<mlir::affine::AffineMinOp>;
  table["affine.max"] = affineOp<mlir::affine::AffineMaxOp>;
}
