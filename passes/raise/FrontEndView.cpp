//===- FrontEndView.cpp - The formula of front ends' own ops --------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tm_tensor and iree_linalg_ext in generic form, from dialects that nobody here
// registers: each reader checks all that it relies on, and an op that does not
// hold it is opaque.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/ElementView.h"

using namespace mlir;
using namespace moe::raise;

static std::optional<unsigned> dimensionOf(Operation *op, int64_t rank) {
  auto attribute = op->getAttrOfType<IntegerAttr>("dimension");
  if (!attribute || attribute.getInt() < 0 || attribute.getInt() >= rank)
    return std::nullopt;
  return attribute.getInt();
}

static Block *regionOf(Operation *op, unsigned numArguments) {
  if (op->getNumRegions() != 1 || !op->getRegion(0).hasOneBlock())
    return nullptr;
  Block &block = op->getRegion(0).front();
  if (block.empty() || block.getNumArguments() != numArguments ||
      !block.back().getName().getStringRef().ends_with(".yield") ||
      block.back().getNumOperands() != 1)
    return nullptr;
  return &block;
}

Expr ElementView::regionValue(Block &block, ArrayRef<Expr> arguments) {
  Scope scope;
  for (auto [argument, expr] : llvm::zip_equal(block.getArguments(), arguments))
    scope[argument] = expr;
  return scalar(block.back().getOperand(0), scope);
}

/// Whether the comparator asks for the first tensor's values going up or down;
/// a comparison of the order of floats' bits counts as one of floats.
ElementView::Direction ElementView::comparator(Block &block,
                                               unsigned numArguments) {
  SmallVector<Expr> arguments;
  for (unsigned index = 0; index < numArguments; ++index) {
    bool isFloat = isa<FloatType>(block.getArgument(index).getType());
    Expr name = f.variable(f.integer(1 << 30));
    arguments.push_back(
        isFloat ? f.read(block.getArgument(index), {name}, false) : name);
  }
  Expr goesBefore = regionValue(block, arguments);
  Expr a = arguments[0], b = arguments[1];
  // Bits that order as the floats do: of negative ones, those of their
  // magnitude count down.
  auto bits = [&](Expr x) {
    Expr raw = f.call(kFloatBits, {x}, true);
    return f.select(f.less(raw, f.zero()),
                    f.sub(f.integer(std::numeric_limits<int32_t>::max()), raw),
                    raw);
  };
  for (auto [x, y] : {std::pair(a, b), std::pair(bits(a), bits(b))}) {
    if (goesBefore == f.less(x, y) || goesBefore == f.negation(f.less(y, x)))
      return Direction::Ascending;
    if (goesBefore == f.less(y, x) || goesBefore == f.negation(f.less(x, y)))
      return Direction::Descending;
  }
  return Direction::None;
}

Expr ElementView::ofFrontEnd(Operation *op, unsigned result,
                             ArrayRef<Expr> indices) {
  for (Type type : op->getOperandTypes())
    if (!isa<RankedTensorType>(type))
      return nullptr;
  StringRef name = op->getName().stripDialect();
  if (op->getNumOperands() < op->getNumResults())
    return nullptr;
  if (name == "sort")
    return ofSort(op, result, indices);
  if (name == "topk")
    return ofTopk(op, result, indices);
  if (name == "scan")
    return ofScan(op, result, indices);
  if (name == "scatter")
    return ofScatter(op, indices);
  return nullptr;
}

Expr ElementView::ofSort(Operation *op, unsigned result,
                         ArrayRef<Expr> indices) {
  unsigned count = op->getNumOperands();
  auto type = cast<RankedTensorType>(op->getOperand(0).getType());
  std::optional<unsigned> dim = dimensionOf(op, type.getRank());
  Block *block = regionOf(op, 2 * count);
  if (!dim || !block || op->getNumResults() != count)
    return nullptr;
  for (Value operand : op->getOperands())
    if (cast<RankedTensorType>(operand.getType()).getRank() != type.getRank())
      return nullptr;
  Direction direction = comparator(*block, 2 * count);
  if (direction == Direction::None)
    return nullptr;
  SmallVector<Expr> at(indices);
  Expr line = f.variable(size(op->getOperand(0), *dim));
  at[*dim] = line;
  Expr key = element(op->getOperand(0), at);
  at[*dim] = direction == Direction::Descending
                 ? f.pick(line, key, indices[*dim])
                 : f.order(line, key, indices[*dim]);
  return element(op->getOperand(result), at);
}

Expr ElementView::ofTopk(Operation *op, unsigned result,
                         ArrayRef<Expr> indices) {
  unsigned inputs = op->getNumOperands() - 2;
  auto type = cast<RankedTensorType>(op->getOperand(0).getType());
  std::optional<unsigned> dim = dimensionOf(op, type.getRank());
  Block *block = regionOf(op, 2);
  if (!dim || !block || op->getNumResults() != 2 || inputs < 1 || inputs > 2 ||
      comparator(*block, 2) != Direction::Descending)
    return nullptr;
  for (Value operand : op->getOperands())
    if (cast<RankedTensorType>(operand.getType()).getRank() != type.getRank())
      return nullptr;
  // The outputs start as what any value goes before.
  Expr worst = element(op->getOperand(inputs), indices);
  if (!worst->is(Kind::Constant) || worst->number > -1e30)
    return nullptr;
  SmallVector<Expr> at(indices);
  Expr line = f.variable(size(op->getOperand(0), *dim));
  at[*dim] = line;
  Expr picked = f.pick(line, element(op->getOperand(0), at), indices[*dim]);
  at[*dim] = picked;
  if (result == 0)
    return element(op->getOperand(0), at);
  return inputs == 2 ? element(op->getOperand(1), at) : picked;
}

Expr ElementView::ofScan(Operation *op, unsigned result,
                         ArrayRef<Expr> indices) {
  if (op->getNumOperands() != 3 || op->getNumResults() != 2 || result != 0)
    return nullptr;
  auto type = cast<RankedTensorType>(op->getOperand(0).getType());
  std::optional<unsigned> dim = dimensionOf(op, type.getRank());
  Block *block = regionOf(op, 2);
  auto inclusive = op->getAttrOfType<BoolAttr>("inclusive");
  if (!dim || !block || !inclusive)
    return nullptr;
  Expr a = f.read(block->getArgument(0), {}, false);
  Expr b = f.read(block->getArgument(1), {}, false);
  Expr combined = regionValue(*block, {a, b});
  SmallVector<Expr> at(indices), carry(indices);
  carry.erase(carry.begin() + *dim);
  Expr limit = indices[*dim];
  Expr before = element(op->getOperand(2), carry);
  // Strides: the product of a few sizes.
  int64_t length = type.getDimSize(*dim);
  if (combined == f.mul(a, b) && inclusive.getValue() &&
      length != ShapedType::kDynamic && length <= 8) {
    for (int64_t index = 0; index < length; ++index) {
      at[*dim] = f.integer(index);
      before = f.mul(before, f.select(f.less(limit, f.integer(index)), f.one(),
                                      element(op->getOperand(0), at)));
    }
    return before;
  }
  if (combined != f.add(a, b))
    return nullptr;
  Expr line = f.variable(size(op->getOperand(0), *dim));
  at[*dim] = line;
  Expr term = element(op->getOperand(0), at);
  if (inclusive.getValue()) {
    // Counting ones, what comes before is a rank and stays apart.
    if (term->boolean)
      before = f.add(before, f.substitute(term, line, limit));
    else
      limit = f.add(limit, f.one());
  }
  return f.add(before, f.sum(line, f.mul(f.less(line, limit), term)));
}

/// Update [b..., w...] goes to element [w...] of the output, moved along the
/// dimensions of 'dimension_map' by the index vector [b...].
Expr ElementView::ofScatter(Operation *op, ArrayRef<Expr> indices) {
  auto map = op->getAttrOfType<DenseI64ArrayAttr>("dimension_map");
  Block *block = regionOf(op, 2);
  if (op->getNumOperands() != 3 || op->getNumResults() != 1 || !map || !block)
    return nullptr;
  Value updates = op->getOperand(0), lists = op->getOperand(1),
        out = op->getOperand(2);
  auto updateType = cast<RankedTensorType>(updates.getType());
  auto listType = cast<RankedTensorType>(lists.getType());
  auto outType = cast<RankedTensorType>(out.getType());
  int64_t batch = listType.getRank() - 1;
  int64_t window = updateType.getRank() - batch;
  if (batch < 0 || window < 0 || window > outType.getRank() ||
      listType.getShape().back() != static_cast<int64_t>(map.size()))
    return nullptr;

  Expr incoming = f.read(block->getArgument(0), {}, false);
  Expr old = f.read(block->getArgument(1), {}, false);
  Expr written = regionValue(*block, {incoming, old});
  bool sets = written == incoming;
  // old + g(update)
  Expr added = f.sub(written, old);
  if (!sets && f.contains(added, old))
    return nullptr;

  SmallVector<Expr> names, at;
  for (int64_t dim = 0; dim < batch; ++dim)
    names.push_back(f.variable(size(updates, dim)));
  at = names;
  Expr hit = f.one();
  SmallVector<Expr> targets(outType.getRank(), nullptr);
  for (auto [position, dim] : llvm::enumerate(map.asArrayRef())) {
    if (dim < 0 || dim >= outType.getRank())
      return nullptr;
    SmallVector<Expr> list(names);
    list.push_back(f.integer(position));
    targets[dim] = element(lists, list);
  }
  for (int64_t dim = 0; dim < outType.getRank(); ++dim) {
    int64_t inWindow = dim - (outType.getRank() - window);
    if (!targets[dim]) {
      if (inWindow < 0)
        return nullptr;
      at.push_back(indices[dim]);
      continue;
    }
    if (inWindow >= 0) {
      // A window that is moved: only by whole positions.
      if (!size(updates, batch + inWindow)->isNumber(1))
        return nullptr;
      at.push_back(f.zero());
    }
    if (!targets[dim]->integer)
      return nullptr;
    hit = f.mul(hit, f.equal(targets[dim], indices[dim]));
  }
  auto total = [&](Expr body) {
    for (Expr name : llvm::reverse(names))
      body = f.sum(name, body);
    return body;
  };
  Expr init = element(out, indices);
  if (!sets) {
    Expr value = f.substitute(added, incoming, element(updates, at));
    return f.add(init, total(f.mul(hit, value)));
  }
  // Setting is adding only if no two updates meet.
  SmallVector<Expr> moved;
  for (Expr target : targets)
    if (target)
      moved.push_back(target);
  Expr hits = total(hit), update = element(updates, at);
  auto set = [&]() {
    Expr value = total(f.mul(hit, update));
    return init->isNumber(0) ? value : f.select(hits, value, init);
  };
  if (hits->boolean || f.isInjective(names, moved, f.one()))
    return set();
  // They may meet in a row that takes what has no place; nobody knows it.
  for (auto [dim, target] : llvm::enumerate(targets)) {
    if (!target || !target->is(Kind::Select) || moved.size() != 1)
      continue;
    for (unsigned side : {1u, 2u}) {
      Expr kept = target->args[side], spare = target->args[3 - side];
      Expr condition =
          side == 1 ? target->args[0] : f.negation(target->args[0]);
      if (!spare->is(Kind::Constant) || !f.isInjective(names, kept, condition))
        continue;
      hit = f.mul(condition, f.equal(kept, indices[dim]));
      hits = total(hit);
      return f.select(f.equal(indices[dim], spare),
                      opaque(op->getResult(0), indices), set());
    }
  }
  notes[op->getResult(0)] = "a scatter may write one row twice";
  return nullptr;
}
