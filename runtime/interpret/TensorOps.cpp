//===- TensorOps.cpp - Elements and shapes of tensors ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Evaluator.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <limits>

using namespace moe;
using namespace moe::interpret;

/// The shape of a result: its static sizes, the dynamic ones in order.
static core::Result<Array::Shape> shapeOf(Call &call, mlir::Type type,
                                          llvm::ArrayRef<int64_t> dynamic) {
  auto ranked = mlir::cast<mlir::RankedTensorType>(type);
  Array::Shape shape(ranked.getShape());
  const int64_t *next = dynamic.begin();
  for (int64_t &size : shape) {
    if (!mlir::ShapedType::isDynamic(size))
      continue;
    size = *next++;
    if (size < 0)
      return call.fault("makes a dimension of size " + llvm::Twine(size));
  }
  return shape;
}

static core::Result<int64_t> flatIndex(Call &call,
                                       llvm::ArrayRef<int64_t> shape,
                                       llvm::ArrayRef<int64_t> indices) {
  int64_t flat = 0;
  for (auto [index, size] : llvm::zip_equal(indices, shape)) {
    if (index < 0 || index >= size)
      return call.fault("reaches element " + shapeText(indices) +
                        " of a tensor of shape " + shapeText(shape));
    flat = flat * size + index;
  }
  return flat;
}

/// What is in a tensor before anything is written: NaN, so that a read of it
/// shows; for integers, which have none, the smallest.
static Cell poison(Element element) {
  if (element.isFloat)
    return cellOf(std::numeric_limits<double>::quiet_NaN());
  return cellOf(
      wrapInt(element.width == 1 ? 0 : int64_t(1) << (element.width - 1),
              element.width));
}

static core::Status empty(Call &call) {
  core::Result<Array::Shape> shape =
      shapeOf(call, call.op()->getResult(0).getType(),
              call.integers(0, call.step.operands.size()));
  if (!shape)
    return shape.takeError();
  Array array = call.newArray(call.resultElement(), *shape);
  std::fill_n(array.write(), array.size(), poison(array.element()));
  call.setResult(0, std::move(array));
  return core::Status::ok();
}

static core::Status dim(Call &call) {
  llvm::ArrayRef<int64_t> shape = call.operand(0).shape();
  int64_t which = call.integer(1);
  if (which < 0 || which >= static_cast<int64_t>(shape.size()))
    return call.fault("asks for dimension " + llvm::Twine(which) +
                      " of a tensor of shape " + shapeText(shape));
  call.setResult(0, cellOf(shape[which]));
  return core::Status::ok();
}

static core::Status rank(Call &call) {
  call.setResult(0, cellOf(int64_t(call.operand(0).shape().size())));
  return core::Status::ok();
}

/// A cast to static sizes is a promise about the dynamic ones.
static core::Status cast(Call &call) {
  auto type =
      mlir::dyn_cast<mlir::RankedTensorType>(call.op()->getResult(0).getType());
  if (!type)
    return unsupported(call.op());
  llvm::ArrayRef<int64_t> shape = call.operand(0).shape();
  bool fits = shape.size() == type.getShape().size();
  for (size_t dim = 0; fits && dim < shape.size(); ++dim)
    fits = type.isDynamicDim(dim) || type.getDimSize(dim) == shape[dim];
  if (!fits)
    return call.fault("casts a tensor of shape " + shapeText(shape) + " to " +
                      shapeText(type.getShape()));
  call.setResult(0, call.take(0));
  return core::Status::ok();
}

static core::Status extract(Call &call) {
  core::Result<Array> array = call.array(0);
  if (!array)
    return array.takeError();
  core::Result<int64_t> flat = flatIndex(
      call, array->shape(), call.integers(1, call.step.operands.size() - 1));
  if (!flat)
    return flat.takeError();
  call.setResult(0, array->data()[*flat]);
  return core::Status::ok();
}

static core::Status insert(Call &call) {
  Cell scalar = call.operand(0).scalar();
  llvm::SmallVector<int64_t> indices =
      call.integers(2, call.step.operands.size() - 2);
  core::Result<Array> array = call.takeArray(1);
  if (!array)
    return array.takeError();
  core::Result<int64_t> flat = flatIndex(call, array->shape(), indices);
  if (!flat)
    return flat.takeError();
  array->write()[*flat] = scalar;
  call.setResult(0, std::move(*array));
  return core::Status::ok();
}

static core::Status fromElements(Call &call) {
  auto type =
      mlir::cast<mlir::RankedTensorType>(call.op()->getResult(0).getType());
  Array array = call.newArray(call.resultElement(), type.getShape());
  Cell *cells = array.write();
  for (unsigned index = 0; index < call.step.operands.size(); ++index)
    cells[index] = call.operand(index).scalar();
  call.setResult(0, std::move(array));
  return core::Status::ok();
}

static core::Status splat(Call &call) {
  core::Result<Array::Shape> shape =
      shapeOf(call, call.op()->getResult(0).getType(),
              call.integers(1, call.step.operands.size() - 1));
  if (!shape)
    return shape.takeError();
  Array array = call.newArray(call.resultElement(), *shape);
  std::fill_n(array.write(), array.size(), call.operand(0).scalar());
  call.setResult(0, std::move(array));
  return core::Status::ok();
}

static core::Status generate(Call &call) {
  core::Result<Array::Shape> shape =
      shapeOf(call, call.op()->getResult(0).getType(),
              call.integers(0, call.step.operands.size()));
  if (!shape)
    return shape.takeError();
  core::Result<LaneProgram *> lanes =
      call.lanes(call.as<mlir::tensor::GenerateOp>().getBody().front());
  if (!lanes)
    return lanes.takeError();
  LaneProgram &program = **lanes;
  Array array = call.newArray(call.resultElement(), *shape);
  Cell *cells = array.write();
  for (int64_t first = 0; first < array.size(); first += LaneProgram::kStrip) {
    size_t count = std::min<int64_t>(LaneProgram::kStrip, array.size() - first);
    for (size_t lane = 0; lane < count; ++lane) {
      int64_t rest = first + static_cast<int64_t>(lane);
      for (size_t d = shape->size(); d-- > 0; rest /= (*shape)[d])
        program.argument(d)[lane].i = rest % (*shape)[d];
    }
    if (core::Status status = program.run(count); !status)
      return status;
    std::copy_n(program.result(0), count, cells + first);
  }
  call.setResult(0, std::move(array));
  return core::Status::ok();
}

//===----------------------------------------------------------------------===//
// Other shapes of the same elements
//===----------------------------------------------------------------------===//

static core::Status reshapeTo(Call &call, llvm::ArrayRef<int64_t> shape) {
  core::Result<Array> array = call.takeArray(0);
  if (!array)
    return array.takeError();
  int64_t count = 1;
  bool sound = true;
  for (int64_t size : shape)
    sound &= size >= 0 && !llvm::MulOverflow(count, size, count);
  if (!sound || count != array->size())
    return call.fault("gives a tensor of shape " + shapeText(array->shape()) +
                      " the shape " + shapeText(shape));
  call.setResult(0, array->reshaped(shape));
  return core::Status::ok();
}

/// How many elements a group of dimensions holds; none where it has no such
/// number. (Indices that upstream's verifier truncates are not to be trusted.)
static std::optional<int64_t> groupSize(llvm::ArrayRef<int64_t> shape,
                                        llvm::ArrayRef<int64_t> group) {
  int64_t size = 1;
  for (int64_t dim : group)
    if (dim < 0 || dim >= static_cast<int64_t>(shape.size()) ||
        llvm::MulOverflow(size, shape[dim], size))
      return std::nullopt;
  return size;
}

static core::Status collapseShape(Call &call) {
  auto op = call.as<mlir::tensor::CollapseShapeOp>();
  llvm::ArrayRef<int64_t> from = call.operand(0).shape();
  Array::Shape shape;
  for (const mlir::ReassociationIndices &group : op.getReassociationIndices()) {
    std::optional<int64_t> size = groupSize(from, group);
    if (!size)
      return call.fault("collapses dimensions " + shapeText(group) +
                        " of a tensor of shape " + shapeText(from));
    shape.push_back(*size);
  }
  return reshapeTo(call, shape);
}

static core::Status expandShape(Call &call) {
  auto op = call.as<mlir::tensor::ExpandShapeOp>();
  Array::Shape shape;
  unsigned next = 1;
  for (int64_t size : op.getStaticOutputShape())
    shape.push_back(mlir::ShapedType::isDynamic(size) ? call.integer(next++)
                                                      : size);
  // Each group must hold what it is made of, not only all of them together.
  llvm::ArrayRef<int64_t> from = call.operand(0).shape();
  for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices()))
    if (groupSize(shape, group) != from[dim])
      return call.fault("expands a tensor of shape " + shapeText(from) +
                        " to " + shapeText(shape));
  return reshapeTo(call, shape);
}

static core::Status reshape(Call &call) {
  core::Result<Array> sizes = call.array(1);
  if (!sizes)
    return sizes.takeError();
  Array::Shape shape;
  for (int64_t dim = 0; dim < sizes->size(); ++dim)
    shape.push_back(sizes->data()[dim].i);
  return reshapeTo(call, shape);
}

void interpret::addTensorOps(HandlerTable &table) {
  table["tensor.empty"] = empty;
  table["tensor.dim"] = dim;
  table["tensor.rank"] = rank;
  table["tensor.cast"] = cast;
  table["tensor.extract"] = extract;
  table["tensor.insert"] = insert;
  table["tensor.from_elements"] = fromElements;
  table["tensor.splat"] = splat;
  table["tensor.generate"] = generate;
  table["tensor.collapse_shape"] = collapseShape;
  table["tensor.expand_shape"] = expandShape;
  table["tensor.reshape"] = reshape;
}
