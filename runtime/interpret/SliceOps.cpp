//===- SliceOps.cpp - Parts of tensors ------------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// extract_slice, insert_slice, concat and pad are one copy between a part of a
// tensor and a whole one.
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/interpret/Evaluator.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace moe;
using namespace moe::interpret;

namespace {

/// Elements offset + i * stride of each dimension, i < size.
struct Part {
  llvm::SmallVector<int64_t> offsets, sizes, strides;
};

} // namespace

/// The part lies in `shape`, or the op's error.
static core::Status checkPart(Call &call, const Part &part,
                              llvm::ArrayRef<int64_t> shape) {
  for (auto [offset, size, stride, bound] :
       llvm::zip_equal(part.offsets, part.sizes, part.strides, shape)) {
    int64_t last = 0;
    bool inside = size >= 0 && offset >= 0 && offset <= bound;
    if (inside && size > 0)
      inside = !llvm::MulOverflow(size - 1, stride, last) &&
               !llvm::AddOverflow(last, offset, last) && offset < bound &&
               last >= 0 && last < bound;
    if (!inside)
      return call.fault("takes offsets " + shapeText(part.offsets) + " sizes " +
                        shapeText(part.sizes) + " strides " +
                        shapeText(part.strides) + " of a tensor of shape " +
                        shapeText(shape));
  }
  return core::Status::ok();
}

/// Copies between a part of `whole` and the dense `dense`, whose elements are
/// the part's in row-major order.
template <bool kFromWhole, typename WholeCell, typename DenseCell>
static void copyPart(WholeCell *whole, llvm::ArrayRef<int64_t> shape,
                     DenseCell *dense, const Part &part) {
  int64_t rank = shape.size();
  for (int64_t size : part.sizes)
    if (size == 0)
      return;
  llvm::SmallVector<int64_t> steps(rank, 1), position(rank, 0);
  for (int64_t d = rank - 1; d-- > 0;)
    steps[d] = steps[d + 1] * shape[d + 1];
  int64_t base = 0;
  for (int64_t d = 0; d < rank; ++d) {
    base += part.offsets[d] * steps[d];
    steps[d] *= part.strides[d];
  }
  int64_t inner = rank == 0 ? 1 : part.sizes.back();
  int64_t step = rank == 0 ? 1 : steps.back();
  while (true) {
    for (int64_t i = 0; i < inner; ++i, ++dense) {
      if constexpr (kFromWhole)
        *dense = whole[base + i * step];
      else
        whole[base + i * step] = *dense;
    }
    int64_t d = rank - 2;
    for (; d >= 0; --d) {
      base += steps[d];
      if (++position[d] < part.sizes[d])
        break;
      base -= position[d] * steps[d];
      position[d] = 0;
    }
    if (d < 0)
      return;
  }
}

static core::Status extractSlice(Call &call) {
  auto op = call.as<mlir::tensor::ExtractSliceOp>();
  Part part{call.integers(op.getMixedOffsets()),
            call.integers(op.getMixedSizes()),
            call.integers(op.getMixedStrides())};
  core::Result<Array> source = call.array(0);
  if (!source)
    return source.takeError();
  if (core::Status status = checkPart(call, part, source->shape()); !status)
    return status;
  Array::Shape shape;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (auto [dim, size] : llvm::enumerate(part.sizes))
    if (!dropped.test(dim))
      shape.push_back(size);
  Array result = call.newArray(source->element(), shape);
  copyPart<true>(source->data(), source->shape(), result.write(), part);
  call.setResult(0, std::move(result));
  return core::Status::ok();
}

static core::Status insertSlice(Call &call) {
  auto op = call.as<mlir::tensor::InsertSliceOp>();
  Part part{call.integers(op.getMixedOffsets()),
            call.integers(op.getMixedSizes()),
            call.integers(op.getMixedStrides())};
  core::Result<Array> source = call.array(0);
  if (!source)
    return source.takeError();
  core::Result<Array> dest = call.takeArray(1);
  if (!dest)
    return dest.takeError();
  if (core::Status status = checkPart(call, part, dest->shape()); !status)
    return status;
  Array::Shape expected;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (auto [dim, size] : llvm::enumerate(part.sizes))
    if (!dropped.test(dim))
      expected.push_back(size);
  if (source->shape() != llvm::ArrayRef<int64_t>(expected))
    return call.fault("inserts a tensor of shape " +
                      shapeText(source->shape()) + " as one of shape " +
                      shapeText(expected));
  copyPart<false>(dest->write(), dest->shape(), source->data(), part);
  call.setResult(0, std::move(*dest));
  return core::Status::ok();
}

static core::Status concat(Call &call) {
  int64_t dim = call.as<mlir::tensor::ConcatOp>().getDim();
  Array::Shape shape(call.operand(0).shape());
  shape[dim] = 0;
  for (unsigned index = 0; index < call.step.operands.size(); ++index) {
    Array::Shape next(call.operand(index).shape());
    shape[dim] += next[dim];
    next[dim] = shape[dim];
    if (next != shape)
      return call.fault("joins tensors of shapes " +
                        shapeText(call.operand(0).shape()) + " and " +
                        shapeText(call.operand(index).shape()) +
                        " along dimension " + llvm::Twine(dim));
  }
  Array result = call.newArray(call.resultElement(), shape);
  Part part;
  part.offsets.assign(shape.size(), 0);
  part.strides.assign(shape.size(), 1);
  for (unsigned index = 0; index < call.step.operands.size(); ++index) {
    core::Result<Array> source = call.array(index);
    if (!source)
      return source.takeError();
    part.sizes.assign(source->shape().begin(), source->shape().end());
    copyPart<false>(result.write(), shape, source->data(), part);
    part.offsets[dim] += source->shape()[dim];
  }
  call.setResult(0, std::move(result));
  return core::Status::ok();
}

static core::Status pad(Call &call) {
  auto op = call.as<mlir::tensor::PadOp>();
  llvm::SmallVector<int64_t> low = call.integers(op.getMixedLowPad());
  llvm::SmallVector<int64_t> high = call.integers(op.getMixedHighPad());
  core::Result<Array> source = call.array(0);
  if (!source)
    return source.takeError();
  Array::Shape shape;
  for (auto [size, before, after] :
       llvm::zip_equal(source->shape(), low, high)) {
    int64_t sum = 0;
    if (before < 0 || after < 0 || llvm::AddOverflow(before, after, sum) ||
        llvm::AddOverflow(sum, size, sum))
      return call.fault("pads by " + shapeText(low) + " and " +
                        shapeText(high) + "; expects no negative size");
    shape.push_back(sum);
  }
  core::Result<LaneProgram *> lanes = call.lanes(op.getRegion().front());
  if (!lanes)
    return lanes.takeError();
  LaneProgram &program = **lanes;
  Array result = call.newArray(source->element(), shape);
  Cell *cells = result.write();
  for (int64_t first = 0; first < result.size(); first += LaneProgram::kStrip) {
    size_t count =
        std::min<int64_t>(LaneProgram::kStrip, result.size() - first);
    for (size_t lane = 0; lane < count; ++lane) {
      int64_t rest = first + static_cast<int64_t>(lane);
      for (size_t d = shape.size(); d-- > 0; rest /= shape[d])
        program.argument(d)[lane].i = rest % shape[d];
    }
    if (core::Status status = program.run(count); !status)
      return status;
    std::copy_n(program.result(0), count, cells + first);
  }
  Part part;
  part.offsets = low;
  part.sizes.assign(source->shape().begin(), source->shape().end());
  part.strides.assign(shape.size(), 1);
  copyPart<false>(cells, shape, source->data(), part);
  call.setResult(0, std::move(result));
  return core::Status::ok();
}

void interpret::addSliceOps(HandlerTable &table) {
  table["tensor.extract_slice"] = extractSlice;
  table["tensor.insert_slice"] = insertSlice;
  table["tensor.concat"] = concat;
  table["tensor.pad"] = pad;
}
