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

Expr ElementView::mixed(OpFoldResult value) {
  if (auto attr = dyn_cast<Attribute>(value))
    return f.integer(cast<IntegerAttr>(attr).getInt());
  return scalar(cast<Value>(value));
}

Expr ElementView::computeSize(Value tensor, unsigned dimension) {
  Operation *op = tensor.getDefiningOp();
  Expr unknown = f.size(tensor, dimension);
  if (!op)
    return unknown;
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return mixed(empty.getMixedSizes()[dimension]);
  if (auto linalg = dyn_cast<linalg::LinalgOp>(op)) {
    Expr known =
        size(linalg.getDpsInits()[cast<OpResult>(tensor).getResultNumber()],
             dimension);
    // At least one row that is read from a tensor of n rows: were it empty,
    // there would be nothing to read.
    if (known->is(Kind::Max) && op->getNumRegions() == 1)
      for (auto extract : op->getRegion(0).front().getOps<tensor::ExtractOp>())
        for (int64_t dim = 0; dim < extract.getTensor().getType().getRank();
             ++dim) {
          Expr rows = size(extract.getTensor(), dim);
          if (f.max(rows, f.one()) == known)
            return rows;
        }
    return known;
  }
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
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return f.add({mixed(pad.getMixedLowPad()[dimension]),
                  size(pad.getSource(), dimension),
                  mixed(pad.getMixedHighPad()[dimension])});
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    Expr product = f.one();
    for (int64_t source : collapse.getReassociationIndices()[dimension])
      product = f.mul(product, size(collapse.getSrc(), source));
    return product;
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    // All of a dimension but for units is that dimension.
    for (auto [source, group] :
         llvm::enumerate(expand.getReassociationIndices()))
      if (llvm::is_contained(group, dimension) &&
          llvm::all_of(group, [&](int64_t other) {
            return other == dimension ||
                   expand.getResultType().getDimSize(other) == 1;
          }))
        return size(expand.getSrc(), source);
    return mixed(expand.getMixedOutputShape()[dimension]);
  }
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
      .Case<arith::BitcastOp>([&](arith::BitcastOp o) -> Expr {
        return o.getIn().getType().isF32() && type.isInteger(32)
                   ? f.call(kFloatBits, {in(0)}, true)
                   : nullptr;
      })
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
  if (isa<tensor::PadOp>(op))
    return ofPad(op, indices);
  if (isa<tensor::FromElementsOp>(op))
    return ofElements(op, indices);
  StringRef name = op->getName().getStringRef();
  if (name.starts_with("tm_tensor.") || name.starts_with("iree_linalg_ext."))
    return ofFrontEnd(op, number, indices);
  return nullptr;
}
