//===- TensorLookup.cpp - Tensors that hold a formula's values ------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/TensorLookup.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <numeric>

using namespace mlir;
using namespace moe::raise;

TensorLookup::TensorLookup(ElementView &view, Operation *user)
    : view(view), f(view.formulas()), user(user), builder(user) {
  Block *block = user->getBlock();
  for (BlockArgument argument : block->getArguments())
    if (isa<RankedTensorType>(argument.getType()))
      tensors.push_back(argument);
  for (Operation &op : *block) {
    if (&op == user)
      break;
    if (isa<tensor::EmptyOp, linalg::FillOp, arith::ConstantOp>(op))
      continue;
    for (Value result : op.getResults())
      if (isa<RankedTensorType>(result.getType()))
        tensors.push_back(result);
  }
}

/// Drops all but the kept dimensions, which are the only ones not 1, and puts
/// dimension permutation[i] of those at i.
Value TensorLookup::arrange(Value tensor, ArrayRef<int64_t> kept,
                            ArrayRef<int64_t> permutation) {
  Location loc = user->getLoc();
  auto type = cast<RankedTensorType>(tensor.getType());
  if (static_cast<int64_t>(kept.size()) != type.getRank()) {
    SmallVector<ReassociationIndices> groups(kept.size());
    for (int64_t dim = 0, group = 0; dim < type.getRank(); ++dim) {
      while (group + 1 < static_cast<int64_t>(kept.size()) && dim > kept[group])
        ++group;
      if (!groups.empty())
        groups[group].push_back(dim);
    }
    tensor = tensor::CollapseShapeOp::create(builder, loc, tensor, groups);
    type = cast<RankedTensorType>(tensor.getType());
  }
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return tensor;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tensor),
                            permuted;
  for (int64_t dim : permutation)
    permuted.push_back(sizes[dim]);
  Value empty =
      tensor::EmptyOp::create(builder, loc, permuted, type.getElementType());
  return linalg::TransposeOp::create(builder, loc, tensor, empty, permutation)
      ->getResult(0);
}

namespace {
/// offset + sum of coefficient * name.
struct LinearIndex {
  int64_t offset = 0;
  SmallVector<std::pair<int64_t, unsigned>> parts;
};
} // namespace

static std::optional<LinearIndex> linearIndex(Expr index,
                                              ArrayRef<Expr> names) {
  LinearIndex linear;
  for (Expr term : Formulas::terms(index)) {
    int64_t coefficient = 1;
    std::optional<unsigned> name;
    for (Expr factor : Formulas::factors(term)) {
      const auto *found = llvm::find(names, factor);
      if (factor->is(Kind::Constant) && factor->integer)
        coefficient *= static_cast<int64_t>(factor->number);
      else if (found != names.end() && !name)
        name = found - names.begin();
      else
        return std::nullopt;
    }
    if (name)
      linear.parts.push_back({coefficient, *name});
    else
      linear.offset += coefficient;
  }
  return linear;
}

/// Reads of an argument at linear indices are slices of it.
Value TensorLookup::ofRead(Expr read, ArrayRef<Expr> names) {
  if (!read->is(Kind::Read) || !llvm::is_contained(tensors, read->value))
    return {};
  auto type = cast<RankedTensorType>(read->value.getType());
  if (type.getRank() != static_cast<int64_t>(read->args.size()))
    return {};
  Location loc = user->getLoc();
  Value tensor = read->value;
  // One dimension that two names walk is two dimensions.
  SmallVector<LinearIndex> indices;
  SmallVector<ReassociationIndices> groups;
  SmallVector<int64_t> shape;
  for (auto [dim, arg] : llvm::enumerate(read->args)) {
    std::optional<LinearIndex> linear = linearIndex(arg, names);
    if (!linear)
      return {};
    groups.emplace_back();
    if (linear->parts.size() == 2) {
      auto outer = linear->parts[0], inner = linear->parts[1];
      if (outer.first < inner.first)
        std::swap(outer, inner);
      Expr innerExtent = names[inner.second]->args[0];
      int64_t unit = outer.first;
      if (inner.first != 1 || !innerExtent->is(Kind::Constant) || unit <= 0 ||
          linear->offset < 0 ||
          linear->offset + innerExtent->number > static_cast<double>(unit) ||
          type.isDynamicDim(dim) || type.getDimSize(dim) % unit != 0)
        return {};
      groups.back().push_back(shape.size());
      shape.push_back(type.getDimSize(dim) / unit);
      indices.push_back({0, {{1, outer.second}}});
      groups.back().push_back(shape.size());
      shape.push_back(unit);
      indices.push_back({linear->offset, {inner}});
      continue;
    }
    if (linear->parts.size() > 1)
      return {};
    groups.back().push_back(shape.size());
    shape.push_back(type.getDimSize(dim));
    indices.push_back(*linear);
  }
  if (shape.size() != read->args.size()) {
    if (llvm::is_contained(shape, ShapedType::kDynamic))
      return {};
    type = RankedTensorType::get(shape, type.getElementType());
    tensor = tensor::ExpandShapeOp::create(builder, loc, type, tensor, groups);
  }
  SmallVector<OpFoldResult> offsets, sizes, strides;
  SmallVector<int64_t> kept, position(names.size(), -1);
  bool whole = true;
  for (auto [dim, linear] : llvm::enumerate(indices)) {
    offsets.push_back(builder.getIndexAttr(linear.offset));
    if (linear.parts.empty()) {
      sizes.push_back(builder.getIndexAttr(1));
      strides.push_back(builder.getIndexAttr(1));
      whole &= shape[dim] == 1;
      continue;
    }
    auto [stride, name] = linear.parts.front();
    if (stride < 1 || position[name] != -1)
      return {};
    Expr extent = names[name]->args[0];
    if (extent != view.size(tensor, dim) || stride != 1 || linear.offset != 0) {
      if (!extent->is(Kind::Constant))
        return {};
      whole = false;
      sizes.push_back(
          builder.getIndexAttr(static_cast<int64_t>(extent->number)));
    } else {
      sizes.push_back(tensor::getMixedSize(builder, loc, tensor, dim));
    }
    strides.push_back(builder.getIndexAttr(stride));
    position[name] = kept.size();
    kept.push_back(dim);
  }
  if (llvm::is_contained(position, -1))
    return {};
  if (!whole)
    tensor = tensor::ExtractSliceOp::create(builder, loc, tensor, offsets,
                                            sizes, strides);
  return arrange(tensor, kept, position);
}

Value TensorLookup::find(Expr expr, ArrayRef<Expr> names) {
  if (Value read = ofRead(expr, names))
    return read;
  SmallVector<int64_t> order(names.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    for (Value tensor : tensors) {
      auto type = cast<RankedTensorType>(tensor.getType());
      SmallVector<int64_t> kept;
      for (int64_t dim = 0; dim < type.getRank(); ++dim)
        if (type.getDimSize(dim) != 1)
          kept.push_back(dim);
      if (kept.size() != names.size() ||
          isa<FloatType>(type.getElementType()) == expr->integer)
        continue;
      SmallVector<Expr> indices(type.getRank(), f.zero());
      bool fits = true;
      for (auto [dim, name] : llvm::zip_equal(kept, order)) {
        fits &= view.size(tensor, dim) == names[name]->args[0];
        indices[dim] = names[name];
      }
      if (!fits || view.element(tensor, indices) != expr)
        continue;
      SmallVector<int64_t> inverse(order.size());
      for (auto [position, name] : llvm::enumerate(order))
        inverse[name] = position;
      return arrange(tensor, kept, inverse);
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return {};
}
