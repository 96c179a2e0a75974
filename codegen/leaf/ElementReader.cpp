//===- ElementReader.cpp - One element of a tensor value ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scopes, scalars and the ops that compute. Ops that only move elements are in
// ElementMoves.cpp.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/leaf/ElementReader.h"

#include "moe/dialect/EmitExpr.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace moe;
using namespace moe::leaf;

ElementReader::ElementReader(LeafFrame &frame) : frame(frame), l(frame.l) {
  scopes.push_back({frame.function, /*isBranch=*/false, {}});
}

//===----------------------------------------------------------------------===//
// Scopes
//===----------------------------------------------------------------------===//

/// The innermost open scope that a value is defined in.
unsigned ElementReader::scopeOf(Value value) const {
  Operation *owner = value.getParentBlock()->getParentOp();
  for (unsigned i = scopes.size() - 1; i > 0; --i)
    if (scopes[i].op->isAncestor(owner))
      return i;
  return 0;
}

LeafBuilder::Values
ElementReader::loop(Value begin, Value end, int64_t step, ValueRange init,
                    function_ref<Values(Value, ValueRange)> body) {
  return l.loop(begin, end, step, init, [&](Value i, ValueRange carried) {
    scopes.push_back(
        {i.getParentBlock()->getParentOp(), /*isBranch=*/false, {}});
    Values results = body(i, carried);
    scopes.pop_back();
    return results;
  });
}

void ElementReader::loop(Value begin, Value end, int64_t step,
                         function_ref<void(Value)> body) {
  loop(begin, end, step, ValueRange(), [&](Value i, ValueRange) {
    body(i);
    return Values();
  });
}

void ElementReader::when(Value condition, function_ref<void()> body) {
  l.when(condition, [&] {
    scopes.push_back(
        {l.b.getInsertionBlock()->getParentOp(), /*isBranch=*/true, {}});
    body();
    scopes.pop_back();
  });
}

LeafBuilder::Values ElementReader::choose(Value condition, TypeRange types,
                                          function_ref<Values()> yes,
                                          function_ref<Values()> no) {
  auto branch = [&](function_ref<Values()> body) {
    return [&, body] {
      scopes.push_back({l.b.getInsertionBlock()->getParentOp(),
                        /*isBranch=*/true,
                        {}});
      Values values = body();
      scopes.pop_back();
      return values;
    };
  };
  return l.choose(condition, types, branch(yes), branch(no));
}

Value ElementReader::choose(Value condition, Type type,
                            function_ref<Value()> yes,
                            function_ref<Value()> no) {
  return choose(
      condition, TypeRange(type), [&] { return Values{yes()}; },
      [&] { return Values{no()}; })[0];
}

/// The outermost scope that what an op makes can be computed in: the function
/// for ops of the kernel itself, the innermost one for those within its loops.
unsigned ElementReader::homeOf(Operation *op) const {
  return isa<exec::KernelOp>(op->getParentOp()) ? 0 : scopes.size() - 1;
}

/// Makes values once, in an open scope: what depends on outer loops only
/// belongs before the next inner one.
const LeafBuilder::Values &ElementReader::once(unsigned scope, Key key,
                                               function_ref<Values()> make) {
  auto known = scopes[scope].known.find(key);
  if (known != scopes[scope].known.end())
    return known->second;
  OpBuilder::InsertionGuard guard(l.b);
  SmallVector<Scope> inner;
  if (scope + 1 < scopes.size()) {
    l.b.setInsertionPoint(scopes[scope + 1].op);
    inner.append(std::make_move_iterator(scopes.begin() + scope + 1),
                 std::make_move_iterator(scopes.end()));
    scopes.truncate(scope + 1);
  }
  Values values = make();
  scopes.append(std::make_move_iterator(inner.begin()),
                std::make_move_iterator(inner.end()));
  return scopes[scope]
      .known.emplace(std::move(key), std::move(values))
      .first->second;
}

//===----------------------------------------------------------------------===//
// Elements, sizes and scalars
//===----------------------------------------------------------------------===//

Value ElementReader::read(Value tensor, ArrayRef<Value> indices) {
  if (isa<BlockArgument>(tensor)) {
    const TensorBuffer &buffer = frame.tensor(tensor);
    Value at = l.i64(0);
    for (auto [index, stride] : llvm::zip(indices, buffer.strides))
      at = l.add(at, l.mul(index, stride));
    return l.loadElement(buffer.element, buffer.base, at);
  }
  auto result = cast<OpResult>(tensor);
  Key key{result.getOwner()};
  unsigned scope = homeOf(result.getOwner());
  for (Value index : indices) {
    key.push_back(index.getAsOpaquePointer());
    if (!index.getDefiningOp<arith::ConstantOp>())
      scope = std::max(scope, scopeOf(index));
  }
  // The indices may be good in this branch only.
  for (unsigned i = scopes.size() - 1; i > scope; --i)
    if (scopes[i].isBranch)
      scope = i;
  const Values &values = once(scope, key, [&] {
    Values at(indices);
    for (Value &index : at)
      if (auto constant = index.getDefiningOp<arith::ConstantOp>())
        index = l.b.clone(*constant)->getResult(0);
    return compute(result.getOwner(), at);
  });
  return values[result.getResultNumber()];
}

LeafBuilder::Values ElementReader::compute(Operation *op,
                                           ArrayRef<Value> indices) {
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return linalg(linalgOp, indices);
  if (auto activate = dyn_cast<ActivateOp>(op))
    return {this->activate(activate, indices)};
  if (auto dispatch = dyn_cast<DispatchOp>(op))
    return {this->dispatch(dispatch, indices)};
  if (auto dequantize = dyn_cast<DequantizeOp>(op))
    return {this->dequantize(dequantize, indices)};
  if (constantOf(op->getResult(0))) {
    Values sizes;
    for (int64_t dim = 0; dim < static_cast<int64_t>(indices.size()); ++dim)
      sizes.push_back(size(op->getResult(0), dim));
    return {frame.elements(op->getResult(0), linearize(indices, sizes), 1)};
  }
  if (OpTrait::hasElementwiseMappableTraits(op))
    return {elementwise(op, indices)};
  return {move(op, indices)};
}

Value ElementReader::size(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return l.i64(type.getDimSize(dim));
  if (frame.hasBuffer(tensor))
    return frame.tensor(tensor).sizes[dim];
  Operation *op = tensor.getDefiningOp();
  return once(homeOf(op),
              {tensor.getAsOpaquePointer(), reinterpret_cast<void *>(dim)},
              [&] { return Values{computeSize(tensor, dim)}; })[0];
}

Type moe::leaf::leafType(Type type) {
  return type.isIndex() ? Type(IntegerType::get(type.getContext(), 64)) : type;
}

Value ElementReader::cloneScalar(Operation *op, ArrayRef<Value> operands) {
  Type type = leafType(op->getResult(0).getType());
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (constant.getType().isIndex())
      return l.i64(cast<IntegerAttr>(constant.getValue()).getInt());
    return l.b.clone(*op)->getResult(0);
  }
  // Of data, which may be negative.
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    Values indices;
    for (Value operand : operands)
      indices.push_back(
          arith::IndexCastOp::create(l.b, l.loc, l.b.getIndexType(), operand));
    AffineMap map = apply.getAffineMap();
    return l.toI64(affine::expandAffineExpr(
        l.b, l.loc, map.getResult(0),
        ValueRange(indices).take_front(map.getNumDims()),
        ValueRange(indices).drop_front(map.getNumDims())));
  }
  // An index of 64 bits is an integer already.
  if (isa<arith::IndexCastOp>(op))
    return type.isInteger(64)
               ? l.toI64(operands[0])
               : arith::TruncIOp::create(l.b, l.loc, type, operands[0])
                     .getResult();
  if (isa<arith::IndexCastUIOp>(op)) {
    if (operands[0].getType() == type)
      return operands[0];
    if (type.isInteger(64))
      return arith::ExtUIOp::create(l.b, l.loc, type, operands[0]);
    return arith::TruncIOp::create(l.b, l.loc, type, operands[0]);
  }
  OperationState state(l.loc, op->getName());
  state.addOperands(operands);
  state.addTypes(type);
  state.attributes.append(op->getDiscardableAttrs());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  return l.b.create(state)->getResult(0);
}

Value ElementReader::scalar(Value value) {
  if (Value known = bound.lookup(value))
    return known;
  Operation *op = value.getDefiningOp();
  return once(homeOf(op), {op}, [&]() -> Values {
    if (auto size = dyn_cast<exec::SizeOp>(op))
      return {frame.expression(size.getMap())};
    if (auto dim = dyn_cast<tensor::DimOp>(op))
      return {this->size(dim.getSource(), *dim.getConstantIndex())};
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      Values indices;
      for (Value index : extract.getIndices())
        indices.push_back(scalar(index));
      return {readWithin(extract.getTensor(), indices)};
    }
    Values operands;
    for (Value operand : op->getOperands())
      operands.push_back(scalar(operand));
    return {cloneScalar(op, operands)};
  })[0];
}

Value ElementReader::readWithin(Value tensor, ArrayRef<Value> indices) {
  Values at;
  Value count = l.i64(1);
  for (auto [dim, index] : llvm::enumerate(indices)) {
    Value length = size(tensor, dim);
    at.push_back(l.max(l.min(index, l.sub(length, l.i64(1))), l.i64(0)));
    count = l.mul(count, length);
  }
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.hasStaticShape())
    return read(tensor, at);
  Type element = leafType(type.getElementType());
  return choose(
      l.less(l.i64(0), count), element, [&] { return read(tensor, at); },
      [&] { return l.constant(element, 0); });
}

Value ElementReader::affine(AffineExpr expr, ArrayRef<Value> dims,
                            ArrayRef<Value> symbols) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return l.i64(constant.getValue());
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value x = affine(binary.getLHS(), dims, symbols);
  Value y = affine(binary.getRHS(), dims, symbols);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return l.add(x, y);
  case AffineExprKind::Mul:
    return l.mul(x, y);
  case AffineExprKind::Mod:
    return l.rem(x, y);
  case AffineExprKind::FloorDiv:
    return l.div(x, y);
  default: // CeilDiv
    return l.div(l.add(x, l.sub(y, l.i64(1))), y);
  }
}

Value ElementReader::linearize(ArrayRef<Value> indices, ArrayRef<Value> sizes) {
  Value at = l.i64(0);
  for (auto [index, size] : llvm::zip(indices, sizes))
    at = l.add(l.mul(at, size), index);
  return at;
}

LeafBuilder::Values ElementReader::delinearize(Value index,
                                               ArrayRef<Value> sizes) {
  Values indices(sizes.size());
  for (size_t dim = sizes.size(); dim-- > 1; index = l.div(index, sizes[dim]))
    indices[dim] = l.rem(index, sizes[dim]);
  if (!sizes.empty())
    indices[0] = index;
  return indices;
}

//===----------------------------------------------------------------------===//
// Ops that compute
//===----------------------------------------------------------------------===//

Value ElementReader::elementwise(Operation *op, ArrayRef<Value> indices) {
  Values operands;
  for (Value operand : op->getOperands())
    operands.push_back(isa<RankedTensorType>(operand.getType())
                           ? read(operand, indices)
                           : scalar(operand));
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  OperationState state(l.loc, op->getName());
  state.addOperands(operands);
  state.addTypes(element);
  state.attributes.append(op->getDiscardableAttrs());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  return l.b.create(state)->getResult(0);
}

/// The op that adds (or the like) to what was summed before, if the block is
/// nothing but a sum: its order is free.
static Operation *combinerOf(linalg::LinalgOp op) {
  if (op.getNumReductionLoops() == 0 || op->getNumResults() != 1)
    return nullptr;
  Block &block = *op.getBlock();
  Value carried = block.getArguments().back();
  Operation *combiner = block.getTerminator()->getOperand(0).getDefiningOp();
  if (!combiner || !carried.hasOneUse() ||
      *carried.getUsers().begin() != combiner ||
      !isa<arith::AddFOp, arith::MulFOp>(combiner))
    return nullptr;
  return combiner;
}

LeafBuilder::Values ElementReader::inlineBlock(Block &block,
                                               ArrayRef<Value> arguments,
                                               ArrayRef<Value> iteration,
                                               Operation *combiner) {
  llvm::DenseMap<Value, Value> known;
  for (auto [argument, value] : llvm::zip(block.getArguments(), arguments))
    known[argument] = value;
  auto lookup = [&](Value value) {
    auto it = known.find(value);
    return it != known.end() ? it->second : scalar(value);
  };
  for (Operation &op : block.without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(op)) {
      known[index] = iteration[index.getDim()];
      continue;
    }
    if (auto dim = dyn_cast<tensor::DimOp>(op)) {
      known[dim] = size(dim.getSource(), *dim.getConstantIndex());
      continue;
    }
    Values operands;
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      for (Value index : extract.getIndices())
        operands.push_back(lookup(index));
      known[extract] = readWithin(extract.getTensor(), operands);
      continue;
    }
    for (Value operand : op.getOperands())
      operands.push_back(lookup(operand));
    Value value = cloneScalar(&op, operands);
    if (&op == combiner)
      value.getDefiningOp()->setAttr(
          "fastmath", arith::FastMathFlagsAttr::get(
                          op.getContext(), arith::FastMathFlags::reassoc));
    known[op.getResult(0)] = value;
  }
  Values results;
  for (Value value : block.getTerminator()->getOperands())
    results.push_back(lookup(value));
  return results;
}

/// Elements of all results at one place. Parallel dimensions are known from it;
/// reductions are loops that start with the outputs' elements.
LeafBuilder::Values ElementReader::linalg(linalg::LinalgOp op,
                                          ArrayRef<Value> indices) {
  Values iteration(op.getNumLoops());
  AffineMap outputMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (auto [expr, index] : llvm::zip(outputMap.getResults(), indices))
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      iteration[dim.getPosition()] = index;
  Block &block = *op.getBlock();
  Values carried;
  for (OpOperand &init : op.getDpsInitsMutable())
    carried.push_back(
        op.getMatchingBlockArgument(&init).use_empty()
            ? l.constant(getElementTypeOrSelf(init.get().getType()), 0)
            : read(init.get(), indices));
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  Operation *combiner = combinerOf(op);
  std::function<Values(size_t, ValueRange)> nest = [&](size_t depth,
                                                       ValueRange outputs) {
    if (depth < reductions.size()) {
      unsigned dim = reductions[depth];
      return loop(l.i64(0), loopSize(op, dim), 1, outputs,
                  [&](Value i, ValueRange inner) {
                    iteration[dim] = i;
                    return nest(depth + 1, inner);
                  });
    }
    Values arguments;
    for (OpOperand *input : op.getDpsInputOperands()) {
      Value used;
      if (!op.getMatchingBlockArgument(input).use_empty()) {
        Values at;
        for (AffineExpr expr : op.getMatchingIndexingMap(input).getResults())
          at.push_back(affine(expr, iteration, {}));
        used = isa<RankedTensorType>(input->get().getType())
                   ? read(input->get(), at)
                   : scalar(input->get());
      }
      arguments.push_back(used);
    }
    llvm::append_range(arguments, outputs);
    return inlineBlock(block, arguments, iteration, combiner);
  };
  return nest(0, carried);
}

/// Iterations of one loop: the size of an operand that it walks along.
Value ElementReader::loopSize(linalg::LinalgOp op, unsigned dim) {
  for (OpOperand &operand : op->getOpOperands())
    for (auto [position, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (expr == l.b.getAffineDimExpr(dim))
        return size(operand.get(), position);
  llvm_unreachable("whyUnsupported() asked for one");
}

Value ElementReader::activate(ActivateOp op, ArrayRef<Value> indices) {
  Values inputs;
  for (Value operand : op.getOperands())
    inputs.push_back(l.toFloat(read(operand, indices), l.b.getF32Type()));
  Value value =
      emitExpr(l.b, l.loc, semantics::lookup(op.getKind().getValue()).formula,
               inputs, op.getParams());
  return l.toFloat(value, getElementTypeOrSelf(op.getType()));
}

/// An element of a token's row, times its slot's scale. Rows that no slot has
/// are those of slot 0.
Value ElementReader::dispatch(DispatchOp op, ArrayRef<Value> indices) {
  const GroupsBuffer &groups = frame.groups(op.getGroups());
  Value slot =
      l.toI64(l.loadElement(l.b.getI32Type(), groups.slotOfRow, indices[0]));
  slot = l.max(slot, l.i64(0));
  Value tokens = size(op.getInput(), 0);
  Value slotsPerToken =
      l.max(l.div(groups.rows, l.max(tokens, l.i64(1))), l.i64(1));
  Value token = l.div(slot, slotsPerToken);
  const bool ofSlots =
      cast<RankedTensorType>(op.getInput().getType()).getRank() == 3;
  Value x = ofSlots ? read(op.getInput(),
                           {token, l.rem(slot, slotsPerToken), indices[1]})
                    : read(op.getInput(), {token, indices[1]});
  if (!op.getScale())
    return x;
  Value scale = read(op.getScale(), {token, l.rem(slot, slotsPerToken)});
  Type element = x.getType();
  Type product = productType(l.b, element, scale.getType(), element);
  return l.toFloat(arith::MulFOp::create(l.b, l.loc, l.toFloat(x, product),
                                         l.toFloat(scale, product)),
                   element);
}
