//===- ShapeView.cpp - The formula of ops that move elements --------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constants, reshapes, slices, concatenations and paddings are arithmetic on
// indices.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/ElementView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe::raise;

Expr ElementView::ofConstant(Operation *op, ArrayRef<Expr> indices) {
  auto dense =
      dyn_cast<DenseElementsAttr>(cast<arith::ConstantOp>(op).getValue());
  if (!dense || !dense.getElementType().isIntOrFloat())
    return nullptr;
  bool isFloat = isa<FloatType>(dense.getElementType());
  auto valueOf = [&](unsigned index) {
    if (isFloat)
      return (*(dense.getValues<APFloat>().begin() + index)).convertToDouble();
    APInt number = *(dense.getValues<APInt>().begin() + index);
    return number.getBitWidth() == 1
               ? static_cast<double>(number.getZExtValue())
               : static_cast<double>(number.getSExtValue());
  };
  auto semantics = [&](APFloat value) {
    bool loses;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
    return value.convertToDouble();
  };
  if (dense.isSplat())
    return isFloat ? f.number(semantics(dense.getSplatValue<APFloat>()))
                   : f.number(valueOf(0));
  // [0, 1, 2, ...]
  if (!isFloat && dense.getType().getRank() == 1) {
    bool counts = true;
    for (int64_t index = 0; index < dense.getNumElements() && counts; ++index)
      counts = valueOf(index) == index;
    if (counts)
      return indices[0];
    // A few numbers, as sizes and strides are.
    if (dense.getNumElements() <= 8) {
      SmallVector<Expr> terms;
      for (int64_t index = 0; index < dense.getNumElements(); ++index)
        terms.push_back(f.mul(f.equal(indices[0], f.integer(index)),
                              f.number(valueOf(index))));
      return f.add(terms);
    }
  }
  return nullptr;
}

Expr ElementView::ofReshape(Operation *op, ArrayRef<Expr> indices) {
  bool expands = isa<tensor::ExpandShapeOp>(op);
  Value source = op->getOperand(0), result = op->getResult(0);
  SmallVector<ReassociationIndices> groups =
      expands ? cast<tensor::ExpandShapeOp>(op).getReassociationIndices()
              : cast<tensor::CollapseShapeOp>(op).getReassociationIndices();
  SmallVector<Expr> sourceIndices;
  if (expands) {
    for (const ReassociationIndices &group : groups) {
      Expr flat = f.zero();
      for (int64_t dim : group)
        flat = f.add(f.mul(flat, size(result, dim)), indices[dim]);
      sourceIndices.push_back(flat);
    }
    return element(source, sourceIndices);
  }
  sourceIndices.resize(cast<RankedTensorType>(source.getType()).getRank());
  for (Expr &index : sourceIndices)
    index = f.zero();
  for (auto [position, group] : llvm::enumerate(groups)) {
    Expr rest = indices[position];
    // The last of several sizes above 1 needs no remainder.
    for (auto [nth, dim] : llvm::enumerate(llvm::reverse(group))) {
      Expr extent = size(source, dim);
      bool isOutermost = nth + 1 == group.size();
      sourceIndices[dim] = isOutermost ? rest : f.remainder(rest, extent);
      rest = f.quotient(rest, extent);
    }
    // Outer sizes of 1 leave nothing to divide.
    for (int64_t dim : group)
      if (size(source, dim)->isNumber(1))
        sourceIndices[dim] = f.zero();
  }
  return element(source, sourceIndices);
}

Expr ElementView::ofSlice(Operation *op, ArrayRef<Expr> indices) {
  auto slice = cast<tensor::ExtractSliceOp>(op);
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  SmallVector<Expr> source;
  unsigned kept = 0;
  for (auto [dim, offset, stride] :
       llvm::enumerate(slice.getMixedOffsets(), slice.getMixedStrides())) {
    Expr index = dropped.test(dim) ? f.zero() : indices[kept++];
    source.push_back(f.add(mixed(offset), f.mul(index, mixed(stride))));
  }
  return element(slice.getSource(), source);
}

Expr ElementView::ofInsert(Operation *op, ArrayRef<Expr> indices) {
  auto insert = cast<tensor::InsertSliceOp>(op);
  if (!insert.hasUnitStride())
    return nullptr;
  llvm::SmallBitVector dropped = insert.getDroppedDims();
  SmallVector<Expr> inner;
  Expr inside = f.one();
  for (auto [dim, offset, size] :
       llvm::enumerate(insert.getMixedOffsets(), insert.getMixedSizes())) {
    Expr start = mixed(offset), count = mixed(size);
    Expr index = f.sub(indices[dim], start);
    if (start->isNumber(0)) {
      inside = f.mul(inside, f.less(indices[dim], count));
    } else if (count->isNumber(1)) {
      inside = f.mul(inside, f.equal(indices[dim], start));
      index = f.zero();
    } else {
      inside = f.mul(inside, f.mul(f.negation(f.less(indices[dim], start)),
                                   f.less(index, count)));
    }
    if (!dropped.test(dim))
      inner.push_back(index);
  }
  if (inside->isNumber(1))
    return element(insert.getSource(), inner);
  return f.select(inside, element(insert.getSource(), inner),
                  element(insert.getDest(), indices));
}

Expr ElementView::ofConcat(Operation *op, ArrayRef<Expr> indices) {
  auto concat = cast<tensor::ConcatOp>(op);
  uint64_t dim = concat.getDim();
  SmallVector<Expr> inner(indices);
  // From the last part backwards, so that each test sees only what is before.
  SmallVector<std::pair<Expr, Value>> parts;
  Expr start = f.zero();
  for (Value input : concat.getInputs()) {
    parts.push_back({start, input});
    start = f.add(start, size(input, dim));
  }
  // A stack of one function's values is the function.
  SmallVector<Expr> stacked;
  for (auto [begin, input] : parts)
    if (size(input, dim)->isNumber(1)) {
      inner[dim] = f.zero();
      stacked.push_back(element(input, inner));
    }
  if (stacked.size() == parts.size())
    if (Expr function = f.interpolate(stacked, indices[dim]))
      return function;
  Expr result = nullptr;
  for (auto [begin, input] : llvm::reverse(parts)) {
    Expr length = size(input, dim);
    inner[dim] = f.sub(indices[dim], begin);
    if (length->isNumber(1))
      inner[dim] = f.zero();
    Expr value = element(input, inner);
    result = result ? f.select(f.less(indices[dim], f.add(begin, length)),
                               value, result)
                    : value;
  }
  return result;
}

Expr ElementView::ofPad(Operation *op, ArrayRef<Expr> indices) {
  auto pad = cast<tensor::PadOp>(op);
  Value filled = pad.getConstantPaddingValue();
  if (!filled)
    return nullptr;
  SmallVector<Expr> inner;
  Expr inside = f.one();
  for (auto [dim, low] : llvm::enumerate(pad.getMixedLowPad())) {
    Expr start = mixed(low), index = f.sub(indices[dim], start);
    inside = f.mul({inside, f.negation(f.less(indices[dim], start)),
                    f.less(index, size(pad.getSource(), dim))});
    inner.push_back(index);
  }
  return f.select(inside, element(pad.getSource(), inner), scalar(filled));
}

Expr ElementView::ofElements(Operation *op, ArrayRef<Expr> indices) {
  if (indices.size() > 1)
    return nullptr;
  SmallVector<Expr> values;
  for (Value operand : op->getOperands())
    values.push_back(scalar(operand));
  if (values.size() == 1)
    return values[0];
  if (Expr function = f.interpolate(values, indices[0]))
    return function;
  if (values.size() > 8)
    return nullptr;
  Expr result = values.back();
  for (size_t index = values.size() - 1; index-- > 0;)
    result =
        f.select(f.equal(indices[0], f.integer(index)), values[index], result);
  return result;
}
