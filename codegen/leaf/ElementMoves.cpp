//===- ElementMoves.cpp - Ops that move elements --------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where an element of a slice, a concatenation, a transposition came from; and
// which ops the reader knows at all.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/ElementReader.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;
using namespace moe::leaf;

Value ElementReader::mixed(OpFoldResult value) {
  if (auto attr = dyn_cast<Attribute>(value))
    return l.i64(cast<IntegerAttr>(attr).getInt());
  return scalar(cast<Value>(value));
}

LeafBuilder::Values ElementReader::mixed(ArrayRef<OpFoldResult> values) {
  Values result;
  for (OpFoldResult value : values)
    result.push_back(mixed(value));
  return result;
}

LeafBuilder::Values ElementReader::sizes(Value tensor) {
  Values result;
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  for (int64_t dim = 0; dim < rank; ++dim)
    result.push_back(size(tensor, dim));
  return result;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// Indices into the source of a slice, which may have lost dimensions of size
/// one.
static LeafBuilder::Values sliceIndices(LeafBuilder &l,
                                        const llvm::SmallBitVector &dropped,
                                        ArrayRef<Value> indices,
                                        ArrayRef<Value> offsets,
                                        ArrayRef<Value> strides) {
  LeafBuilder::Values at;
  size_t next = 0;
  for (size_t dim = 0; dim < offsets.size(); ++dim) {
    Value index = dropped.test(dim) ? l.i64(0) : indices[next++];
    at.push_back(l.add(offsets[dim], l.mul(index, strides[dim])));
  }
  return at;
}

Value ElementReader::move(Operation *op, ArrayRef<Value> indices) {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  if (element.isIndex())
    element = l.b.getI64Type();
  auto both = [&](Value x, Value y) -> Value {
    return l.b.createOrFold<arith::AndIOp>(l.loc, x, y);
  };
  auto within = [&](Value x, Value low, Value high) {
    return both(l.less(l.sub(low, l.i64(1)), x), l.less(x, high));
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](tensor::EmptyOp) { return l.constant(element, 0); })
      .Case([&](tensor::SplatOp splat) { return scalar(splat.getInput()); })
      .Case(
          [&](tensor::CastOp cast) { return read(cast.getSource(), indices); })
      .Case([&](tensor::ExtractSliceOp slice) {
        Values at = sliceIndices(l, slice.getDroppedDims(), indices,
                                 mixed(slice.getMixedOffsets()),
                                 mixed(slice.getMixedStrides()));
        // Offsets that are data may lie anywhere.
        return slice.getOffsets().empty() ? read(slice.getSource(), at)
                                          : readWithin(slice.getSource(), at);
      })
      .Case([&](tensor::InsertSliceOp slice) {
        Values offsets = mixed(slice.getMixedOffsets());
        Values strides = mixed(slice.getMixedStrides());
        Values lengths = mixed(slice.getMixedSizes());
        llvm::SmallBitVector dropped = slice.getDroppedDims();
        Value inside = arith::ConstantIntOp::create(l.b, l.loc, 1, 1);
        Values at;
        for (size_t dim = 0; dim < offsets.size(); ++dim) {
          Value distance = l.sub(indices[dim], offsets[dim]);
          Value index = l.div(l.max(distance, l.i64(0)), strides[dim]);
          inside = both(inside, within(distance, l.i64(0),
                                       l.mul(lengths[dim], strides[dim])));
          inside = both(inside, l.equal(l.mul(index, strides[dim]), distance));
          if (!dropped.test(dim))
            at.push_back(index);
        }
        return choose(
            inside, element, [&] { return read(slice.getSource(), at); },
            [&] { return read(slice.getDest(), indices); });
      })
      .Case([&](tensor::ConcatOp concat) {
        const int64_t dim = concat.getDim();
        std::function<Value(size_t, Value)> from = [&](size_t input,
                                                       Value index) {
          Values at(indices);
          at[dim] = index;
          Value source = concat.getInputs()[input];
          if (input + 1 == concat.getInputs().size())
            return read(source, at);
          Value length = size(source, dim);
          return choose(
              l.less(index, length), element, [&] { return read(source, at); },
              [&] { return from(input + 1, l.sub(index, length)); });
        };
        return from(0, indices[dim]);
      })
      .Case([&](tensor::PadOp pad) {
        Values low = mixed(pad.getMixedLowPad());
        Value inside = arith::ConstantIntOp::create(l.b, l.loc, 1, 1);
        Values at;
        for (size_t dim = 0; dim < indices.size(); ++dim) {
          at.push_back(l.sub(indices[dim], low[dim]));
          inside = both(inside,
                        within(at[dim], l.i64(0), size(pad.getSource(), dim)));
        }
        return choose(
            inside, element, [&] { return read(pad.getSource(), at); },
            [&] {
              return inlineBlock(pad.getRegion().front(), indices, {})[0];
            });
      })
      .Case([&](tensor::GenerateOp generate) {
        return inlineBlock(generate.getBody().front(), indices, {})[0];
      })
      .Case([&](tensor::FromElementsOp elements) {
        Value at = linearize(indices, sizes(elements.getResult()));
        Value value = scalar(elements.getElements().front());
        for (auto [number, other] : llvm::enumerate(elements.getElements()))
          if (number > 0)
            value = l.select(l.equal(at, l.i64(number)), scalar(other), value);
        return value;
      })
      .Case([&](tensor::ExpandShapeOp expand) {
        Values all = sizes(expand.getResult()), at;
        for (const ReassociationIndices &group :
             expand.getReassociationIndices()) {
          Values part, lengths;
          for (int64_t dim : group) {
            part.push_back(indices[dim]);
            lengths.push_back(all[dim]);
          }
          at.push_back(linearize(part, lengths));
        }
        return read(expand.getSrc(), at);
      })
      .Case([&](tensor::CollapseShapeOp collapse) {
        Values all = sizes(collapse.getSrc());
        Values at(all.size(), l.i64(0));
        for (auto [dim, group] :
             llvm::enumerate(collapse.getReassociationIndices())) {
          Values lengths;
          for (int64_t inner : group)
            lengths.push_back(all[inner]);
          for (auto [inner, index] :
               llvm::zip(group, delinearize(indices[dim], lengths)))
            at[inner] = index;
        }
        return read(collapse.getSrc(), at);
      })
      .Case([&](tensor::ReshapeOp reshape) {
        Value at = linearize(indices, sizes(reshape.getResult()));
        return read(reshape.getSource(),
                    delinearize(at, sizes(reshape.getSource())));
      })
      .Case([&](tensor::GatherOp gather) {
        // The last dimension of `indices` holds coordinates of gather_dims.
        const int64_t batch =
            cast<RankedTensorType>(gather.getIndices().getType()).getRank() - 1;
        ArrayRef<int64_t> dims = gather.getGatherDims();
        const int64_t rank = gather.getSourceType().getRank();
        const bool reduced =
            gather.getResultType().getRank() ==
                batch + rank - static_cast<int64_t>(dims.size()) &&
            !dims.empty();
        Values at;
        int64_t next = batch;
        for (int64_t dim = 0; dim < rank; ++dim) {
          const auto *place = llvm::find(dims, dim);
          if (place == dims.end()) {
            at.push_back(indices[next++]);
            continue;
          }
          if (!reduced)
            ++next;
          Values coordinate(indices.take_front(batch));
          coordinate.push_back(l.i64(place - dims.begin()));
          at.push_back(l.toI64(read(gather.getIndices(), coordinate)));
        }
        return readWithin(gather.getSource(), at);
      })
      .Default([&](Operation *) { return l.constant(element, 0); });
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// A dynamic size of a value without a buffer.
Value ElementReader::computeSize(Value tensor, int64_t dim) {
  Operation *op = tensor.getDefiningOp();
  auto dynamicIndex = [&] {
    return cast<RankedTensorType>(tensor.getType()).getDynamicDimIndex(dim);
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](DestinationStyleOpInterface destination) {
        unsigned result = cast<OpResult>(tensor).getResultNumber();
        return size(destination.getDpsInits()[result], dim);
      })
      .Case<tensor::EmptyOp>([&](tensor::EmptyOp empty) {
        return scalar(empty.getDynamicSizes()[dynamicIndex()]);
      })
      .Case([&](tensor::SplatOp splat) {
        return scalar(splat.getDynamicSizes()[dynamicIndex()]);
      })
      .Case([&](tensor::GenerateOp generate) {
        return scalar(generate.getDynamicExtents()[dynamicIndex()]);
      })
      .Case([&](tensor::CastOp cast) { return size(cast.getSource(), dim); })
      .Case([&](tensor::ExtractSliceOp slice) {
        llvm::SmallBitVector dropped = slice.getDroppedDims();
        int64_t at = -1;
        for (int64_t kept = -1; kept < dim;)
          if (!dropped.test(++at))
            ++kept;
        return mixed(slice.getMixedSizes()[at]);
      })
      .Case([&](tensor::ConcatOp concat) {
        if (dim != static_cast<int64_t>(concat.getDim()))
          return size(concat.getInputs()[0], dim);
        Value sum = l.i64(0);
        for (Value input : concat.getInputs())
          sum = l.add(sum, size(input, dim));
        return sum;
      })
      .Case([&](tensor::PadOp pad) {
        Value padding = l.add(mixed(pad.getMixedLowPad()[dim]),
                              mixed(pad.getMixedHighPad()[dim]));
        return l.add(size(pad.getSource(), dim), padding);
      })
      .Case([&](tensor::ExpandShapeOp expand) {
        return mixed(expand.getMixedOutputShape()[dim]);
      })
      .Case([&](tensor::CollapseShapeOp collapse) {
        Value product = l.i64(1);
        for (int64_t inner : collapse.getReassociationIndices()[dim])
          product = l.mul(product, size(collapse.getSrc(), inner));
        return product;
      })
      .Case([&](tensor::ReshapeOp reshape) {
        return l.toI64(read(reshape.getShape(), {l.i64(dim)}));
      })
      .Case([&](tensor::GatherOp gather) {
        const int64_t batch =
            cast<RankedTensorType>(gather.getIndices().getType()).getRank() - 1;
        if (dim < batch)
          return size(gather.getIndices(), dim);
        // Dimensions of size one that gathering left are static.
        ArrayRef<int64_t> dims = gather.getGatherDims();
        int64_t next = batch;
        const bool reduced = gather.getResultType().getRank() ==
                             batch + gather.getSourceType().getRank() -
                                 static_cast<int64_t>(dims.size());
        for (int64_t at = 0;; ++at) {
          bool gathered = llvm::is_contained(dims, at);
          if (gathered && reduced)
            continue;
          if (next++ == dim)
            return size(gather.getSource(), at);
        }
      })
      .Case([&](DispatchOp dispatch) {
        return frame.groups(dispatch.getGroups()).rows;
      })
      .Default([&](Operation *op) {
        for (Value operand : op->getOperands())
          if (isa<RankedTensorType>(operand.getType()))
            return size(operand, dim);
        return l.i64(0);
      });
}
