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

Value ElementReader::choose(Value condition, Type type,
                            function_ref<Value()> yes,
                            function_ref<Value()> no) {
  auto branch = [&](function_ref<Value()> body) {
    return [&, body] {
      scopes.push_back({l.b.getInsertionBlock()->getParentOp(),
                        /*isBranch=*/true,
                        {}});
      Value value = body();
      scopes.pop_back();
      return Values{value};
    };
  };
  return l.choose(condition, type, branch(yes), branch(no))[0];
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
  unsigned scope = 0;
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
  return once(0, {tensor.getAsOpaquePointer(), reinterpret_cast<void *>(dim)},
              [&] { return Values{computeSize(tensor, dim)}; })[0];
}

/// The type that a scalar of the body has in the leaf: an index is an i64.
static Type leafType(Type type, OpBuilder &b) {
  return type.isIndex() ? Type(b.getI64Type()) : type;
}

/// A scalar op on scalars of the leaf.
Value ElementReader::cloneScalar(Operation *op, ArrayRef<Value> operands) {
  Type type = leafType(op->getResult(0).getType(), l.b);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (constant.getType().isIndex())
      return l.i64(cast<IntegerAttr>(constant.getValue()).getInt());
    return l.b.clone(*op)->getResult(0);
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
  Operation *op = value.getDefiningOp();
  return once(0, {op}, [&]() -> Values {
    if (auto size = dyn_cast<exec::SizeOp>(op))
      return {frame.expression(size.getMap())};
    if (auto dim = dyn_cast<tensor::DimOp>(op))
      return {this->size(dim.getSource(), *dim.getConstantIndex())};
    if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
      Values dims;
      for (Value operand : apply.getMapOperands())
        dims.push_back(scalar(operand));
      AffineMap map = apply.getAffineMap();
      return {affine(map.getResult(0),
                     ArrayRef(dims).take_front(map.getNumDims()),
                     ArrayRef(dims).drop_front(map.getNumDims()))};
    }
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

/// An element at indices that are data: those outside are moved to the border,
/// so that nothing outside of a buffer is read.
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
  Type element = leafType(type.getElementType(), l.b);
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

/// Numbers as a table of the image.
Value ElementReader::lookup(ArrayRef<double> numbers, Value index) {
  Type f32 = l.b.getF32Type();
  SmallVector<float> table;
  for (double number : numbers)
    table.push_back(static_cast<float>(number));
  Value data = frame.constantData(DenseElementsAttr::get(
      RankedTensorType::get({static_cast<int64_t>(table.size())}, f32),
      ArrayRef<float>(table)));
  return l.loadElement(f32, data, index);
}

/// The code of element `index` of a word, counted along the packed side.
Value ElementReader::codeInWord(const semantics::QuantRow &format, Value word,
                                Value index) {
  Value code = arith::ExtUIOp::create(l.b, l.loc, l.b.getI64Type(), word);
  const int64_t perWord = format.codesPerWord, bits = format.codeBits();
  if (perWord == 1)
    return code;
  Value slot = l.rem(index, perWord);
  if (format.evenFirst)
    slot = l.add(l.div(slot, 2), l.mul(l.rem(slot, 2), perWord / 2));
  code = arith::ShRUIOp::create(l.b, l.loc, code, l.mul(slot, bits));
  return arith::AndIOp::create(l.b, l.loc, code, l.i64((1 << bits) - 1));
}

/// An element of a decoded weight, rounded once.
Value ElementReader::dequantize(DequantizeOp op, ArrayRef<Value> indices) {
  const semantics::QuantRow &format =
      semantics::lookup(op.getFormat().getValue());
  auto [blockRows, blockCols] = op.getBlockShape();
  Value row = indices[indices.size() - 2], column = indices.back();
  const Values outer(indices.drop_back(2));
  auto at = [&](Value y, Value x) {
    Values all = outer;
    all.append({y, x});
    return all;
  };
  Type f32 = l.b.getF32Type(), f64 = l.b.getF64Type();

  // A column group that does not exist makes the weight NaN.
  Value scaleRow = l.div(row, blockRows), scaleCol, exists;
  if (Value groups = op.getColumnGroups()) {
    Values place = outer;
    place.push_back(column);
    Value group = l.toI64(read(groups, place));
    Value last = l.i64(
        cast<RankedTensorType>(op.getScales().getType()).getShape().back() - 1);
    scaleCol = l.max(l.i64(0), l.min(group, last));
    exists = l.equal(group, scaleCol);
  } else {
    scaleCol = l.div(column, blockCols);
  }

  const int64_t perWord = format.codesPerWord;
  const bool alongRows = format.along == semantics::PackedAlong::Rows;
  Values codeAt = alongRows ? at(l.div(row, perWord), column)
                            : at(row, l.div(column, perWord));
  if (format.nested) {
    codeAt = at(row, l.div(column, blockCols));
    codeAt.push_back(l.div(l.rem(column, blockCols), perWord));
  }
  Value code =
      codeInWord(format, read(op.getCodes(), codeAt), alongRows ? row : column);
  Value number = lookup(semantics::codeValues(format.code), code);
  Value zero;
  if (op.getZeros())
    zero = lookup(
        semantics::codeValues(format.code),
        codeInWord(format,
                   read(op.getZeros(), at(l.div(scaleRow, perWord), scaleCol)),
                   scaleRow));
  // Differences of codes are exact.
  if (zero)
    number = arith::SubFOp::create(l.b, l.loc, number, zero);
  if (format.zeroOffset != 0)
    number = arith::SubFOp::create(
        l.b, l.loc, number,
        l.constant(f32, static_cast<double>(format.zeroOffset)));

  Value scale = read(op.getScales(), at(scaleRow, scaleCol));
  auto byte = [&] {
    return arith::ExtUIOp::create(l.b, l.loc, l.b.getI64Type(), scale);
  };
  switch (format.scale) {
  case semantics::ScaleKind::Float:
    break;
  case semantics::ScaleKind::E8M0: {
    SmallVector<double> powers;
    for (unsigned exponent = 0; exponent < 256; ++exponent)
      powers.push_back(semantics::e8m0Value(exponent));
    scale = lookup(powers, byte());
    break;
  }
  case semantics::ScaleKind::E4M3FN:
    scale = lookup(semantics::codeValues(semantics::CodeKind::E4M3FN), byte());
    break;
  }
  // A product in f32 is rounded already; one in f64 is exact. A second scale
  // would round it again.
  Type result = getElementTypeOrSelf(op.getType());
  Value ofMatrix;
  if (Value scales = op.getMatrixScales())
    ofMatrix = read(scales, at(l.i64(0), l.i64(0)));
  Type product = !ofMatrix && (result.isF32() ||
                               format.scale == semantics::ScaleKind::E8M0)
                     ? f32
                     : f64;
  Value exact = arith::MulFOp::create(l.b, l.loc, l.toFloat(number, product),
                                      l.toFloat(scale, product));
  if (ofMatrix) {
    ofMatrix = l.toFloat(ofMatrix, f64);
    if (format.matrixScale == semantics::MatrixScale::Factor)
      exact = arith::MulFOp::create(l.b, l.loc, exact, ofMatrix);
    else
      exact = arith::DivFOp::create(l.b, l.loc, exact, ofMatrix);
  }
  Value rounded = l.toFloat(exact, result);
  return exists ? l.select(exists, rounded,
                           l.constant(result,
                                      std::numeric_limits<double>::quiet_NaN()))
                : rounded;
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
