//===- EmitExpr.cpp - A table's formula as arith and math ops -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/dialect/EmitExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace moe;
using semantics::Expr;

namespace {

class Emitter {
public:
  Emitter(OpBuilder &builder, Location loc, ValueRange inputs,
          ArrayRef<double> params)
      : builder(builder), loc(loc), inputs(inputs), params(params),
        type(inputs.front().getType()) {}

  Value emit(const Expr &expr) {
    Value &value = memo[expr.id()];
    if (!value)
      value = emitNode(expr.node());
    return value;
  }

private:
  Value constant(double number) {
    auto element = cast<FloatType>(getElementTypeOrSelf(type));
    TypedAttr attribute = builder.getFloatAttr(element, number);
    if (auto shaped = dyn_cast<ShapedType>(type))
      attribute = SplatElementsAttr::get(shaped, attribute);
    return arith::ConstantOp::create(builder, loc, attribute);
  }

  template <typename OpT> Value binary(const Expr::Node &node) {
    Value a = emit(node.operands[0]);
    Value b = emit(node.operands[1]);
    return OpT::create(builder, loc, a, b);
  }
  template <typename OpT> Value unary(const Expr::Node &node) {
    return OpT::create(builder, loc, emit(node.operands[0]));
  }

  Value emitNode(const Expr::Node &node);

  OpBuilder &builder;
  Location loc;
  ValueRange inputs;
  ArrayRef<double> params;
  Type type;
  llvm::DenseMap<const Expr::Node *, Value> memo;
};

} // namespace

Value Emitter::emitNode(const Expr::Node &node) {
  switch (node.kind) {
  case Expr::Kind::Input:
    return inputs[node.index];
  case Expr::Kind::Param:
    return constant(params[node.index]);
  case Expr::Kind::Constant:
    return constant(node.value);
  case Expr::Kind::Neg:
    return unary<arith::NegFOp>(node);
  case Expr::Kind::Exp:
    return unary<math::ExpOp>(node);
  case Expr::Kind::Log:
    return unary<math::LogOp>(node);
  case Expr::Kind::Log1p:
    return unary<math::Log1pOp>(node);
  case Expr::Kind::Sqrt:
    return unary<math::SqrtOp>(node);
  case Expr::Kind::Tanh:
    return unary<math::TanhOp>(node);
  case Expr::Kind::Erf:
    return unary<math::ErfOp>(node);
  case Expr::Kind::Add:
    return binary<arith::AddFOp>(node);
  case Expr::Kind::Sub:
    return binary<arith::SubFOp>(node);
  case Expr::Kind::Mul:
    return binary<arith::MulFOp>(node);
  case Expr::Kind::Div:
    return binary<arith::DivFOp>(node);
  case Expr::Kind::Min:
    return binary<arith::MinimumFOp>(node);
  case Expr::Kind::Max:
    return binary<arith::MaximumFOp>(node);
  case Expr::Kind::SelectGt: {
    Value a = emit(node.operands[0]), b = emit(node.operands[1]);
    Value yes = emit(node.operands[2]), no = emit(node.operands[3]);
    Value greater =
        arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, a, b);
    return arith::SelectOp::create(builder, loc, greater, yes, no);
  }
  }
  llvm_unreachable("every kind is handled");
}

Value moe::emitExpr(OpBuilder &builder, Location loc, const Expr &expr,
                    ValueRange inputs, ArrayRef<double> params) {
  return Emitter(builder, loc, inputs, params).emit(expr);
}
