//===- ElementView.cpp - The formula of a tensor's elements ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/passes/raise/ElementView.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe::raise;

static bool isInteger(Type type) { return !isa<FloatType>(type); }

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

Expr ElementView::size(Value tensor, unsigned dimension) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dimension))
    return f.integer(type.getDimSize(dimension));
  Expr &known = sizes[{tensor, dimension}];
  if (!known)
    known = f.size(tensor, dimension);
  Expr self = known;
  if (self->is(Kind::Size) && self->value == tensor) {
    Expr computed = computeSize(tensor, dimension);
    sizes[{tensor, dimension}] = computed;
    return computed;
  }
  return self;
}

Expr ElementView::computeSize(Value tensor, unsigned dimension) {
  Operation *op = tensor.getDefiningOp();
  Expr unknown = f.size(tensor, dimension);
  if (!op)
    return unknown;
  auto mixed = [&](OpFoldResult value) -> Expr {
    if (auto attr = dyn_cast<Attribute>(value))
      return f.integer(cast<IntegerAttr>(attr).getInt());
    return scalar(cast<Value>(value));
  };
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return mixed(empty.getMixedSizes()[dimension]);
  if (auto linalg = dyn_cast<linalg::LinalgOp>(op))
    return size(linalg.getDpsInits()[cast<OpResult>(tensor).getResultNumber()],
                dimension);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return size(cast.getSource(), dimension);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    unsigned kept = 0;
    for (auto [index, size] : llvm::enumerate(slice.getMixedSizes())) {
      if (dropped.test(index))
        continue;
      if (kept++ == dimension)
        return mixed(size);
    }
  }
  if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    if (concat.getDim() != dimension)
      return size(concat.getInputs()[0], dimension);
    Expr total = f.zero();
    for (Value input : concat.getInputs())
      total = f.add(total, size(input, dimension));
    return total;
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return size(insert.getDest(), dimension);
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    Expr product = f.one();
    for (int64_t source : collapse.getReassociationIndices()[dimension])
      product = f.mul(product, size(collapse.getSrc(), source));
    return product;
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return mixed(expand.getMixedOutputShape()[dimension]);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return size(loop.getInits()[cast<OpResult>(tensor).getResultNumber()],
                dimension);
  // The results of front ends' ops have the types of their last operands.
  StringRef name = op->getName().getStringRef();
  if (name.starts_with("tm_tensor.") || name.starts_with("iree_linalg_ext.")) {
    unsigned first = op->getNumOperands() - op->getNumResults();
    Value out =
        op->getOperand(first + cast<OpResult>(tensor).getResultNumber());
    if (out.getType() == tensor.getType())
      return size(out, dimension);
  }
  return unknown;
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Expr ElementView::affine(AffineExpr expr, ArrayRef<Expr> dims,
                         ArrayRef<Expr> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return f.integer(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Expr a = affine(binary.getLHS(), dims, symbols);
  Expr b = affine(binary.getRHS(), dims, symbols);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return f.add(a, b);
  case AffineExprKind::Mul:
    return f.mul(a, b);
  case AffineExprKind::FloorDiv:
    return f.quotient(a, b);
  case AffineExprKind::Mod:
    return f.remainder(a, b);
  default:
    return f.call("ceildiv", {a, b}, true);
  }
}

Expr ElementView::scalar(Value value) {
  Scope none;
  return scalar(value, none);
}

Expr ElementView::scalar(Value value, Scope &scope) {
  if (auto found = scope.find(value); found != scope.end())
    return found->second;
  if (auto found = bound.find(value); found != bound.end())
    return found->second;
  Operation *op = value.getDefiningOp();
  Expr result = op && op->getNumResults() == 1 ? scalarOf(op, scope) : nullptr;
  if (!result)
    result = f.read(value, {}, isInteger(value.getType()));
  scope[value] = result;
  return result;
}

Expr ElementView::scalarOf(Operation *op, Scope &scope) {
  auto in = [&](unsigned index) {
    return scalar(op->getOperand(index), scope);
  };
  Type type = op->getResult(0).getType();
  auto isBool = [](Type t) { return t.isInteger(1); };
  // A narrowing that may lose something stays in the formula.
  auto narrowed = [&](Expr value) -> Expr {
    if (value->is(Kind::Constant) || value->integer)
      return value;
    std::string name = "round";
    llvm::raw_string_ostream(name) << type;
    return f.call(name, {value}, false);
  };
  return TypeSwitch<Operation *, Expr>(op)
      .Case([&](arith::ConstantOp c) -> Expr {
        if (auto number = dyn_cast<FloatAttr>(c.getValue()))
          return f.number(number.getValueAsDouble());
        if (auto number = dyn_cast<IntegerAttr>(c.getValue()))
          return isBool(type) ? f.integer(number.getValue().getZExtValue())
                              : f.integer(number.getValue().getSExtValue());
        return nullptr;
      })
      .Case<arith::AddFOp>([&](auto) { return f.add(in(0), in(1)); })
      .Case<arith::SubFOp>([&](auto) { return f.sub(in(0), in(1)); })
      .Case<arith::MulFOp>([&](auto) { return f.mul(in(0), in(1)); })
      .Case<arith::DivFOp>(
          [&](auto) { return f.mul(in(0), f.reciprocal(in(1))); })
      .Case<arith::NegFOp>([&](auto) { return f.neg(in(0)); })
      .Case<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp>(
          [&](auto) { return f.max(in(0), in(1)); })
      .Case<arith::MinimumFOp, arith::MinNumFOp, arith::MinSIOp>(
          [&](auto) { return f.min(in(0), in(1)); })
      .Case<arith::AddIOp, arith::SubIOp, arith::MulIOp>([&](auto o) -> Expr {
        if (isBool(type))
          return nullptr;
        Expr a = in(0), b = in(1);
        return isa<arith::AddIOp>(o)   ? f.add(a, b)
               : isa<arith::SubIOp>(o) ? f.sub(a, b)
                                       : f.mul(a, b);
      })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(
          [&](auto) -> Expr {
            Expr a = in(0), b = in(1);
            if (f.range(a).first < 0 || f.range(b).first < 0)
              return f.call("div", {a, b}, true);
            return f.quotient(a, b);
          })
      .Case<arith::RemSIOp, arith::RemUIOp>([&](auto) -> Expr {
        Expr a = in(0), b = in(1);
        if (f.range(a).first < 0 || f.range(b).first < 0)
          return f.call("rem", {a, b}, true);
        return f.remainder(a, b);
      })
      .Case<arith::AndIOp>([&](auto) -> Expr {
        return isBool(type) ? f.mul(in(0), in(1)) : nullptr;
      })
      .Case<arith::OrIOp>([&](auto) -> Expr {
        Expr a = in(0), b = in(1);
        if (isBool(type))
          return f.negation(f.mul(f.negation(a), f.negation(b)));
        return a->isNumber(0) ? b : b->isNumber(0) ? a : nullptr;
      })
      .Case<arith::XOrIOp>([&](auto) -> Expr {
        if (!isBool(type))
          return nullptr;
        Expr a = in(0), b = in(1);
        return b->isNumber(1)   ? f.negation(a)
               : a->isNumber(1) ? f.negation(b)
                                : f.negation(f.equal(a, b));
      })
      .Case<arith::ShRSIOp>([&](auto) -> Expr {
        Expr a = in(0), b = in(1);
        if (!b->is(Kind::Constant) || f.range(a).first < 0 || b->number > 62)
          return nullptr;
        return f.quotient(a, f.number(static_cast<double>(
                                 int64_t(1) << static_cast<int>(b->number))));
      })
      .Case<arith::CmpFOp>([&](arith::CmpFOp o) -> Expr {
        Expr a = in(0), b = in(1);
        switch (o.getPredicate()) {
        case arith::CmpFPredicate::OEQ:
        case arith::CmpFPredicate::UEQ:
          return f.equal(a, b);
        case arith::CmpFPredicate::ONE:
        case arith::CmpFPredicate::UNE:
          return f.negation(f.equal(a, b));
        case arith::CmpFPredicate::OLT:
        case arith::CmpFPredicate::ULT:
          return f.less(a, b);
        case arith::CmpFPredicate::OGT:
        case arith::CmpFPredicate::UGT:
          return f.less(b, a);
        case arith::CmpFPredicate::OLE:
        case arith::CmpFPredicate::ULE:
          return f.negation(f.less(b, a));
        case arith::CmpFPredicate::OGE:
        case arith::CmpFPredicate::UGE:
          return f.negation(f.less(a, b));
        case arith::CmpFPredicate::UNO:
        case arith::CmpFPredicate::AlwaysFalse:
          return f.zero();
        case arith::CmpFPredicate::ORD:
        case arith::CmpFPredicate::AlwaysTrue:
          return f.one();
        }
        return nullptr;
      })
      .Case<arith::CmpIOp>([&](arith::CmpIOp o) -> Expr {
        Expr a = in(0), b = in(1);
        bool isSigned = true;
        switch (o.getPredicate()) {
        case arith::CmpIPredicate::eq:
          return f.equal(a, b);
        case arith::CmpIPredicate::ne:
          return f.negation(f.equal(a, b));
        case arith::CmpIPredicate::ult:
        case arith::CmpIPredicate::ule:
        case arith::CmpIPredicate::ugt:
        case arith::CmpIPredicate::uge:
          isSigned = false;
          break;
        default:
          break;
        }
        if (!isSigned && (f.range(a).first < 0 || f.range(b).first < 0))
          return nullptr;
        switch (o.getPredicate()) {
        case arith::CmpIPredicate::slt:
        case arith::CmpIPredicate::ult:
          return f.less(a, b);
        case arith::CmpIPredicate::sgt:
        case arith::CmpIPredicate::ugt:
          return f.less(b, a);
        case arith::CmpIPredicate::sle:
        case arith::CmpIPredicate::ule:
          return f.negation(f.less(b, a));
        default:
          return f.negation(f.less(a, b));
        }
      })
      .Case<arith::SelectOp>([&](arith::SelectOp o) -> Expr {
        return f.select(in(0), in(1), in(2));
      })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtFOp>(
          [&](auto) { return in(0); })
      .Case<arith::ExtSIOp, arith::SIToFPOp>([&](auto o) -> Expr {
        return isBool(o.getIn().getType()) ? f.neg(in(0)) : in(0);
      })
      .Case<arith::ExtUIOp, arith::UIToFPOp>([&](auto o) -> Expr {
        Expr a = in(0);
        return isBool(o.getIn().getType()) || f.range(a).first >= 0 ? a
                                                                    : nullptr;
      })
      .Case<arith::TruncIOp>([&](auto) -> Expr {
        Expr a = in(0);
        auto [low, high] = f.range(a);
        // Indices of dynamic extent are below 2^31 by the contract of routes.
        return low >= 0 && !isBool(type) ? a : nullptr;
      })
      .Case<arith::TruncFOp>([&](auto) { return narrowed(in(0)); })
      .Case<arith::FPToSIOp, arith::FPToUIOp>([&](auto) -> Expr {
        Expr a = in(0);
        return a->integer ? a : f.call("toint", {a}, true);
      })
      .Case<arith::BitcastOp>(
          [&](arith::BitcastOp o) -> Expr { return nullptr; })
      .Case<math::ExpOp>([&](auto) { return f.exp(in(0)); })
      .Case<math::FloorOp>([&](auto) { return f.floor(in(0)); })
      .Case<tensor::ExtractOp>([&](tensor::ExtractOp o) -> Expr {
        SmallVector<Expr> indices;
        for (Value index : o.getIndices())
          indices.push_back(scalar(index, scope));
        return element(o.getTensor(), indices);
      })
      .Case<tensor::DimOp>([&](tensor::DimOp o) -> Expr {
        if (auto dim = o.getConstantIndex())
          if (isa<RankedTensorType>(o.getSource().getType()))
            return size(o.getSource(), *dim);
        return nullptr;
      })
      .Case<affine::AffineApplyOp>([&](affine::AffineApplyOp o) -> Expr {
        SmallVector<Expr> operands;
        for (Value operand : o.getMapOperands())
          operands.push_back(scalar(operand, scope));
        ArrayRef<Expr> all(operands);
        unsigned dims = o.getAffineMap().getNumDims();
        return affine(o.getAffineMap().getResult(0), all.take_front(dims),
                      all.drop_front(dims));
      })
      .Default([&](Operation *o) -> Expr {
        // Any other scalar function: only equal to itself.
        if (o->getNumRegions() || o->getNumOperands() == 0 ||
            !isMemoryEffectFree(o) || !isa<FloatType, IntegerType>(type) ||
            !llvm::all_of(o->getOperandTypes(),
                          llvm::IsaPred<FloatType, IntegerType>))
          return nullptr;
        SmallVector<Expr> args;
        for (unsigned i = 0; i < o->getNumOperands(); ++i)
          args.push_back(in(i));
        std::string name = o->getName().getStringRef().str();
        llvm::raw_string_ostream(name)
            << o->getDiscardableAttrDictionary() << type;
        return f.call(name, args, isInteger(type));
      });
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Expr ElementView::opaque(Value tensor, ArrayRef<Expr> indices) {
  return f.read(tensor, indices,
                isInteger(getElementTypeOrSelf(tensor.getType())));
}

Expr ElementView::element(Value tensor, ArrayRef<Expr> indices) {
  auto found = general.find(tensor);
  if (found == general.end()) {
    General entry;
    for (unsigned dim = 0; dim < indices.size(); ++dim)
      entry.names.push_back(f.variable(size(tensor, dim)));
    entry.expr = f.exhausted() ? nullptr : compute(tensor, entry.names);
    if (!entry.expr)
      entry.expr = opaque(tensor, entry.names);
    found = general.insert({tensor, std::move(entry)}).first;
  }
  // Copied: the map may grow meanwhile.
  General entry = found->second;
  return f.transform(entry.expr, [&](Expr node) -> Expr {
    if (node->is(Kind::Variable))
      for (auto [name, index] : llvm::zip_equal(entry.names, indices))
        if (node == name)
          return index;
    return node->free.empty() ? node : nullptr;
  });
}

Expr ElementView::compute(Value tensor, ArrayRef<Expr> indices) {
  if (bound.contains(tensor))
    return nullptr;
  auto result = dyn_cast<OpResult>(tensor);
  if (!result)
    return nullptr;
  Operation *op = result.getOwner();
  unsigned number = result.getResultNumber();
  if (auto linalg = dyn_cast<linalg::LinalgOp>(op))
    return ofLinalg(linalg, number, indices);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return ofLoop(loop, number, indices);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return isa<RankedTensorType>(cast.getSource().getType())
               ? element(cast.getSource(), indices)
               : nullptr;
  if (isa<arith::ConstantOp>(op))
    return ofConstant(op, indices);
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return ofReshape(op, indices);
  if (isa<tensor::ExtractSliceOp>(op))
    return ofSlice(op, indices);
  if (isa<tensor::InsertSliceOp>(op))
    return ofInsert(op, indices);
  if (isa<tensor::ConcatOp>(op))
    return ofConcat(op, indices);
  StringRef name = op->getName().getStringRef();
  if (name.starts_with("tm_tensor.") || name.starts_with("iree_linalg_ext."))
    return ofFrontEnd(op, number, indices);
  return nullptr;
}

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
  auto mixed = [&](OpFoldResult value) -> Expr {
    if (auto attr = dyn_cast<Attribute>(value))
      return f.integer(cast<IntegerAttr>(attr).getInt());
    return scalar(cast<Value>(value));
  };
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
  auto mixed = [&](OpFoldResult value) -> Expr {
    if (auto attr = dyn_cast<Attribute>(value))
      return f.integer(cast<IntegerAttr>(attr).getInt());
    return scalar(cast<Value>(value));
  };
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
