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

static View viewOf(BlockArgument argument) {
  auto kernel =
      dyn_cast<exec::KernelOp>(argument.getParentBlock()->getParentOp());
  if (!kernel)
    return {};
  StridedView view{argument, 0, {}};
  if (auto given = kernel.getArgAttrOfType<DenseI64ArrayAttr>(
          argument.getArgNumber(), "moe_exec.strides")) {
    llvm::append_range(view.strides, given.asArrayRef());
    return view;
  }
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(argument.getType()).getShape();
  view.strides.resize(shape.size());
  int64_t stride = 1;
  for (size_t dim = shape.size(); dim-- > 0; stride *= shape[dim])
    view.strides[dim] = stride;
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
  View source = stridedView(input->get());
  if (!source)
    return {};
  StridedView view{source->buffer, source->offset, {}};
  SmallVector<int64_t> loops(op.getNumLoops(), 0);
  for (auto [stride, expr] : llvm::zip(
           source->strides, op.getMatchingIndexingMap(input).getResults())) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      loops[dim.getPosition()] += stride;
    else if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      view.offset += stride * constant.getValue();
    else
      return {};
  }
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (AffineExpr expr : output.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return {};
    view.strides.push_back(loops[dim.getPosition()]);
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
  for (auto [dim, stride] : llvm::enumerate(source->strides)) {
    view.offset += slice.getStaticOffsets()[dim] * stride;
    if (!dropped.test(dim))
      view.strides.push_back(slice.getStaticStrides()[dim] * stride);
  }
  return view;
}

static View viewOf(tensor::ExpandShapeOp expand) {
  View source = stridedView(expand.getSrc());
  if (!source)
    return {};
  ArrayRef<int64_t> shape = expand.getResultType().getShape();
  StridedView view{source->buffer, source->offset,
                   SmallVector<int64_t>(shape.size())};
  for (auto [group, outer] :
       llvm::zip(expand.getReassociationIndices(), source->strides)) {
    int64_t stride = outer;
    for (int64_t dim : llvm::reverse(group)) {
      view.strides[dim] = stride;
      stride *= shape[dim];
    }
  }
  return view;
}

/// Dimensions become one where they follow each other in memory.
static View viewOf(tensor::CollapseShapeOp collapse) {
  View source = stridedView(collapse.getSrc());
  if (!source)
    return {};
  ArrayRef<int64_t> shape = collapse.getSrcType().getShape();
  StridedView view{source->buffer, source->offset, {}};
  for (const ReassociationIndices &group : collapse.getReassociationIndices()) {
    std::optional<int64_t> innermost;
    int64_t next = 0; // stride of the dimension before
    for (int64_t dim : llvm::reverse(group)) {
      if (shape[dim] == 1)
        continue;
      if (!innermost)
        innermost = next = source->strides[dim];
      if (source->strides[dim] != next)
        return {};
      next *= shape[dim];
    }
    view.strides.push_back(innermost.value_or(1));
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
