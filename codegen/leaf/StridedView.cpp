//===- StridedView.cpp - Where a tensor's elements lie --------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/StridedView.h"

#include "moe/dialect/exec/MoeExecOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;
using namespace moe::leaf;

using View = std::optional<StridedView>;

static bool isStatic(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  return type && type.hasStaticShape();
}

using Digits = SmallVector<StridedDigit, 1>;

/// Puts a digit before others; one if they follow each other in memory.
static void append(Digits &digits, StridedDigit outer) {
  if (outer.size == 1)
    return;
  if (!digits.empty() &&
      digits.back().stride * digits.back().size == outer.stride)
    digits.back().size *= outer.size;
  else
    digits.push_back(outer);
}

/// Takes the innermost `size` values off digits; nothing if they do not end
/// between two of them.
static std::optional<Digits> takeInner(Digits &digits, int64_t size) {
  Digits taken;
  while (size > 1) {
    if (digits.empty())
      return {};
    StridedDigit &digit = digits.front();
    const int64_t part = std::min(size, digit.size);
    if (size % part != 0 || digit.size % part != 0)
      return {};
    taken.push_back({part, digit.stride});
    size /= part;
    if (part == digit.size)
      digits.erase(digits.begin());
    else
      digit = {digit.size / part, digit.stride * part};
  }
  return taken;
}

static View viewOf(BlockArgument argument) {
  auto kernel =
      dyn_cast<exec::KernelOp>(argument.getParentBlock()->getParentOp());
  if (!kernel)
    return {};
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(argument.getType()).getShape();
  auto given = kernel.getArgAttrOfType<DenseI64ArrayAttr>(
      argument.getArgNumber(), "moe_exec.strides");
  StridedView view{argument, 0, {}};
  view.dims.resize(shape.size());
  int64_t stride = 1;
  for (size_t dim = shape.size(); dim-- > 0; stride *= shape[dim])
    append(view.dims[dim], {shape[dim], given ? given[dim] : stride});
  return view;
}

/// An op of linalg that gives each element of one input a new place.
static View viewOf(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      op.getNumReductionLoops() > 0 ||
      !op.getBlock()->without_terminator().empty())
    return {};
  auto yielded =
      dyn_cast<BlockArgument>(op.getBlock()->getTerminator()->getOperand(0));
  if (!yielded || yielded.getOwner() != op.getBlock() ||
      yielded.getArgNumber() >= op.getNumDpsInputs())
    return {};
  OpOperand *input = op.getDpsInputOperand(yielded.getArgNumber());
  if (!isa<RankedTensorType>(input->get().getType()))
    return {};
  View source = stridedView(input->get());
  if (!source)
    return {};
  SmallVector<std::optional<Digits>> loops(op.getNumLoops());
  for (auto [digits, expr] :
       llvm::zip(source->dims, op.getMatchingIndexingMap(input).getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || loops[dim.getPosition()])
      return {};
    loops[dim.getPosition()] = digits;
  }
  StridedView view{source->buffer, source->offset, {}};
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (auto [size, expr] : llvm::zip(type.getShape(), output.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return {};
    Digits repeated; // a loop that the input does not walk along
    append(repeated, {size, 0});
    view.dims.push_back(loops[dim.getPosition()].value_or(repeated));
  }
  return view;
}

static View viewOf(tensor::ExtractSliceOp slice) {
  View source = stridedView(slice.getSource());
  if (!source || ShapedType::isDynamicShape(slice.getStaticOffsets()) ||
      ShapedType::isDynamicShape(slice.getStaticStrides()))
    return {};
  StridedView view{source->buffer, source->offset, {}};
  const llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (auto [dim, digits] : llvm::enumerate(source->dims)) {
    const int64_t size = slice.getStaticSizes()[dim];
    const int64_t first = slice.getStaticOffsets()[dim];
    Digits part;
    if (size == slice.getSourceType().getDimSize(dim)) {
      part = digits;
    } else if (digits.size() == 1) {
      view.offset += first * digits.front().stride;
      append(part,
             {size, slice.getStaticStrides()[dim] * digits.front().stride});
    } else {
      return {};
    }
    if (!dropped.test(dim))
      view.dims.push_back(part);
  }
  return view;
}

static View viewOf(tensor::ExpandShapeOp expand) {
  View source = stridedView(expand.getSrc());
  if (!source)
    return {};
  ArrayRef<int64_t> shape = expand.getResultType().getShape();
  StridedView view{source->buffer, source->offset, {}};
  view.dims.resize(shape.size());
  for (auto [group, digits] :
       llvm::zip(expand.getReassociationIndices(), source->dims))
    for (int64_t dim : llvm::reverse(group)) {
      std::optional<Digits> inner = takeInner(digits, shape[dim]);
      if (!inner)
        return {};
      view.dims[dim] = *inner;
    }
  return view;
}

static View viewOf(tensor::CollapseShapeOp collapse) {
  View source = stridedView(collapse.getSrc());
  if (!source)
    return {};
  StridedView view{source->buffer, source->offset, {}};
  for (const ReassociationIndices &group : collapse.getReassociationIndices()) {
    Digits &digits = view.dims.emplace_back();
    for (int64_t dim : llvm::reverse(group))
      for (StridedDigit digit : source->dims[dim])
        append(digits, digit);
  }
  return view;
}

View moe::leaf::stridedView(Value tensor) {
  if (!isStatic(tensor))
    return {};
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return viewOf(argument);
  return llvm::TypeSwitch<Operation *, View>(tensor.getDefiningOp())
      .Case<linalg::LinalgOp>([](linalg::LinalgOp op) { return viewOf(op); })
      .Case<tensor::ExtractSliceOp, tensor::ExpandShapeOp,
            tensor::CollapseShapeOp>([](auto op) { return viewOf(op); })
      .Case([](tensor::CastOp op) { return stridedView(op.getSource()); })
      .Default([](Operation *) { return View(); });
}
