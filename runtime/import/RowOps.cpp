//===- RowOps.cpp - What layers do to rows beside the experts -------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/RowOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe;
using namespace moe::import;

static Value constant(OpBuilder &builder, Location loc, double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(value));
}

static AffineMap mapOf(Read read, MLIRContext *context) {
  AffineExpr row = getAffineDimExpr(0, context);
  AffineExpr column = getAffineDimExpr(1, context);
  auto at = [&](int64_t index) {
    return getAffineConstantExpr(index, context);
  };
  switch (read) {
  case Read::All:
    return AffineMap::get(2, 0, {row, column}, context);
  case Read::Row:
    return AffineMap::get(2, 0, {row}, context);
  case Read::Column:
    return AffineMap::get(2, 0, {column}, context);
  case Read::First:
    return AffineMap::get(2, 0, {row, at(0)}, context);
  case Read::Second:
    return AffineMap::get(2, 0, {row, at(1)}, context);
  case Read::Only:
    return AffineMap::get(2, 0, {at(0)}, context);
  }
  llvm_unreachable("every way to read has a case");
}

static Value toF32(OpBuilder &builder, Location loc, Value value) {
  if (value.getType() == builder.getF32Type())
    return value;
  return arith::ExtFOp::create(builder, loc, builder.getF32Type(), value);
}

Value import::mapRows(OpBuilder &builder, Location loc,
                      ArrayRef<RowOperand> operands, int64_t width,
                      Type element, ElementFn body) {
  MLIRContext *context = builder.getContext();
  auto type = RankedTensorType::get({ShapedType::kDynamic, width}, element);
  Value tokens = tensor::DimOp::create(builder, loc, operands.front().value, 0);
  Value init = tensor::EmptyOp::create(builder, loc, type, tokens);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const RowOperand &operand : operands) {
    inputs.push_back(operand.value);
    maps.push_back(mapOf(operand.read, context));
  }
  maps.push_back(mapOf(Read::All, context));
  return linalg::GenericOp::create(
             builder, loc, type, inputs, init, maps,
             SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
             [&](OpBuilder &inner, Location loc, ValueRange values) {
               SmallVector<Value> elements;
               for (Value value : values.drop_back())
                 elements.push_back(toF32(inner, loc, value));
               Value result = body(inner, loc, elements);
               if (result.getType() != element)
                 result = arith::TruncFOp::create(inner, loc, element, result);
               linalg::YieldOp::create(inner, loc, result);
             })
      .getResult(0);
}

/// What the mean is of: x, or x times its weight.
static Value weighted(OpBuilder &builder, Location loc, const RmsNorm &norm,
                      Value value, Value weight) {
  if (!weight)
    return value;
  if (norm.weightFromOne)
    weight = arith::AddFOp::create(builder, loc, weight,
                                   constant(builder, loc, 1.0));
  return arith::MulFOp::create(builder, loc, value, weight);
}

/// Sums of squares of rows.
static Value sumsOfSquares(OpBuilder &builder, Location loc, Value input,
                           const RmsNorm &norm) {
  MLIRContext *context = builder.getContext();
  Type f32 = builder.getF32Type();
  auto type = RankedTensorType::get({ShapedType::kDynamic}, f32);
  Value tokens = tensor::DimOp::create(builder, loc, input, 0);
  Value empty = tensor::EmptyOp::create(builder, loc, type, tokens);
  Value zeros =
      linalg::FillOp::create(builder, loc, constant(builder, loc, 0), empty)
          .getResult(0);
  SmallVector<Value> inputs = {input};
  SmallVector<AffineMap> maps = {mapOf(Read::All, context)};
  const bool weigh = norm.weightFirst && norm.weight;
  if (weigh) {
    inputs.push_back(norm.weight);
    maps.push_back(mapOf(Read::Column, context));
  }
  maps.push_back(mapOf(Read::Row, context));
  return linalg::GenericOp::create(
             builder, loc, type, inputs, zeros, maps,
             ArrayRef<utils::IteratorType>{utils::IteratorType::parallel,
                                           utils::IteratorType::reduction},
             [&](OpBuilder &inner, Location loc, ValueRange values) {
               Value x = toF32(inner, loc, values[0]);
               if (weigh)
                 x = weighted(inner, loc, norm, x,
                              toF32(inner, loc, values[1]));
               Value square = arith::MulFOp::create(inner, loc, x, x);
               Value sum =
                   arith::AddFOp::create(inner, loc, values.back(), square);
               linalg::YieldOp::create(inner, loc, sum);
             })
      .getResult(0);
}

Value import::rmsNorm(OpBuilder &builder, Location loc, Value input,
                      const RmsNorm &norm, Type element) {
  int64_t width = cast<RankedTensorType>(input.getType()).getDimSize(1);
  Value sums = sumsOfSquares(builder, loc, input, norm);
  SmallVector<RowOperand> operands = {{input}, {sums, Read::Row}};
  if (norm.weight)
    operands.push_back({norm.weight, Read::Column});
  return mapRows(
      builder, loc, operands, width, element,
      [&](OpBuilder &inner, Location loc, ValueRange values) -> Value {
        Value mean = arith::DivFOp::create(
            inner, loc, values[1],
            constant(inner, loc, static_cast<double>(width)));
        Value safe = arith::AddFOp::create(inner, loc, mean,
                                           constant(inner, loc, norm.eps));
        Value root = math::RsqrtOp::create(inner, loc, safe);
        Value result = arith::MulFOp::create(inner, loc, values[0], root);
        result = weighted(inner, loc, norm, result,
                          norm.weight ? values[2] : Value());
        return times(inner, loc, result, norm.scale);
      });
}

/// Whether an id is of an expert from `first` on.
static Value isFrom(OpBuilder &builder, Location loc, Value id, int64_t first) {
  Value bound = arith::ConstantOp::create(
      builder, loc, builder.getIntegerAttr(id.getType(), first));
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, id,
                               bound);
}

/// [t, j] = `body` of ids[t, j] and -1.
static Value
mapIds(OpBuilder &builder, Location loc, Value ids,
       llvm::function_ref<Value(OpBuilder &, Location, Value, Value)> body) {
  auto type = cast<RankedTensorType>(ids.getType());
  AffineMap all = mapOf(Read::All, builder.getContext());
  Value tokens = tensor::DimOp::create(builder, loc, ids, 0);
  Value init = tensor::EmptyOp::create(builder, loc, type, tokens);
  return linalg::GenericOp::create(
             builder, loc, type, ids, init, ArrayRef<AffineMap>{all, all},
             SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
             [&](OpBuilder &inner, Location loc, ValueRange values) {
               Value none = arith::ConstantOp::create(
                   inner, loc, inner.getIntegerAttr(values[0].getType(), -1));
               linalg::YieldOp::create(inner, loc,
                                       body(inner, loc, values[0], none));
             })
      .getResult(0);
}

Value import::idsBelow(OpBuilder &builder, Location loc, Value ids,
                       int64_t experts) {
  return mapIds(
      builder, loc, ids,
      [&](OpBuilder &inner, Location loc, Value id, Value none) -> Value {
        Value beyond = isFrom(inner, loc, id, experts);
        return arith::SelectOp::create(inner, loc, beyond, none, id);
      });
}

Value import::idsFrom(OpBuilder &builder, Location loc, Value ids,
                      int64_t first) {
  return mapIds(
      builder, loc, ids,
      [&](OpBuilder &inner, Location loc, Value id, Value none) -> Value {
        Value offset = arith::ConstantOp::create(
            inner, loc, inner.getIntegerAttr(id.getType(), first));
        Value own = arith::SubIOp::create(inner, loc, id, offset);
        Value beyond = isFrom(inner, loc, id, first);
        return arith::SelectOp::create(inner, loc, beyond, own, none);
      });
}

/// A tensor [t, columns] of sums over a third dimension, from 0.
static Value
sums(OpBuilder &builder, Location loc, Value rows, int64_t columns,
     ValueRange inputs, ArrayRef<AffineMap> reads,
     llvm::function_ref<Value(OpBuilder &, Location, ValueRange)> term) {
  MLIRContext *context = builder.getContext();
  auto type = RankedTensorType::get({ShapedType::kDynamic, columns},
                                    builder.getF32Type());
  Value tokens = tensor::DimOp::create(builder, loc, rows, 0);
  Value empty = tensor::EmptyOp::create(builder, loc, type, tokens);
  Value zeros =
      linalg::FillOp::create(builder, loc, constant(builder, loc, 0), empty)
          .getResult(0);
  SmallVector<AffineMap> maps(reads);
  maps.push_back(AffineMap::get(
      3, 0, {getAffineDimExpr(0, context), getAffineDimExpr(1, context)},
      context));
  return linalg::GenericOp::create(
             builder, loc, type, inputs, zeros, maps,
             ArrayRef<utils::IteratorType>{utils::IteratorType::parallel,
                                           utils::IteratorType::parallel,
                                           utils::IteratorType::reduction},
             [&](OpBuilder &inner, Location loc, ValueRange values) {
               Value sum = arith::AddFOp::create(inner, loc, values.back(),
                                                 term(inner, loc, values));
               linalg::YieldOp::create(inner, loc, sum);
             })
      .getResult(0);
}

Value import::weightFrom(OpBuilder &builder, Location loc, Value ids,
                         Value weights, int64_t experts) {
  MLIRContext *context = builder.getContext();
  AffineMap slots = AffineMap::get(
      3, 0, {getAffineDimExpr(0, context), getAffineDimExpr(2, context)},
      context);
  return sums(builder, loc, ids, 1, {ids, weights}, {slots, slots},
              [&](OpBuilder &inner, Location loc, ValueRange values) -> Value {
                Value beyond = isFrom(inner, loc, values[0], experts);
                return arith::SelectOp::create(inner, loc, beyond, values[1],
                                               constant(inner, loc, 0));
              });
}

Value import::times(OpBuilder &builder, Location loc, Value value,
                    double factor) {
  if (factor == 1.0)
    return value;
  return arith::MulFOp::create(builder, loc, value,
                               constant(builder, loc, factor));
}

Value import::sigmoid(OpBuilder &builder, Location loc, Value value) {
  Value one = constant(builder, loc, 1.0);
  Value negated = arith::NegFOp::create(builder, loc, value);
  Value power = math::ExpOp::create(builder, loc, negated);
  Value sum = arith::AddFOp::create(builder, loc, power, one);
  return arith::DivFOp::create(builder, loc, one, sum);
}
