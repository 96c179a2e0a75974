//===- BuildRouter.cpp - From tokens to ids and weights -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/runtime/import/LayerBuilder.h"
#include "moe/runtime/import/RowOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace moe;
using namespace moe::import;

static NormAttr normOf(Builder &builder, const semantics::NormStep &step) {
  return NormAttr::get(builder.getContext(), step.kind,
                       builder.getF64FloatAttr(step.eps), step.epsMode,
                       builder.getF64FloatAttr(step.param));
}

/// What the router's last projection reads. Of an MLP, whose state goes on to
/// the next layer's, `routerState` becomes the state.
Value LayerBuilder::routerInput(func::FuncOp function) {
  Value hidden = function.getArgument(0);
  Value in = load(Role::RouterIn);
  if (!in)
    return norm(Role::RouterNorm, load(Role::RouterNorm), hidden,
                layer.activationType);
  Value state = linear(hidden, in, load(Role::RouterInBias));
  int64_t width = cast<RankedTensorType>(state.getType()).getDimSize(1);
  SmallVector<RowOperand> operands = {{state}};
  if (Value scale = load(Role::RouterState))
    operands.append({{function.getArgument(1)}, {scale, Read::Column}});
  routerState =
      mapRows(builder, loc, operands, width, layer.activationType,
              [&](OpBuilder &body, Location loc, ValueRange values) -> Value {
                if (values.size() == 1)
                  return values[0];
                Value previous =
                    arith::MulFOp::create(body, loc, values[1], values[2]);
                return arith::AddFOp::create(body, loc, values[0], previous);
              });
  Value inner = norm(Role::RouterNorm, load(Role::RouterNorm), routerState,
                     layer.activationType);
  for (auto [weight, bias] : {std::pair(Role::RouterFc1, Role::RouterFc1Bias),
                              std::pair(Role::RouterFc2, Role::RouterFc2Bias)})
    inner = activate({semantics::Activation::Gelu}, {},
                     linear(inner, load(weight), load(bias)));
  return inner;
}

/// What the router says of each expert.
Value LayerBuilder::logits(func::FuncOp function) {
  Value logits =
      linear(routerInput(function), load(Role::Router), load(Role::RouterBias));
  if (layer.logitScale == 1.0 && layer.logitCap == 0.0)
    return logits;
  return mapRows(builder, loc, {{logits}}, layer.routerColumns(), f32,
                 [&](OpBuilder &inner, Location loc, ValueRange values) {
                   Value l = times(inner, loc, values[0], layer.logitScale);
                   if (layer.logitCap == 0.0)
                     return l;
                   l = times(inner, loc, l, 1.0 / layer.logitCap);
                   l = math::TanhOp::create(inner, loc, l);
                   return times(inner, loc, l, layer.logitCap);
                 });
}

/// The experts of each token and what they weigh.
LayerBuilder::Routing LayerBuilder::select(func::FuncOp function,
                                           Value logits) {
  MLIRContext *context = builder.getContext();
  const semantics::RouterSpec &router = layer.router;
  ScoreFnAttr score;
  if (router.score != semantics::ScoreFn::Identity)
    score = ScoreFnAttr::get(context, router.score);
  TypeAttr scoreType;
  if (layer.scoreType && layer.scoreType != f32)
    scoreType = TypeAttr::get(layer.scoreType);
  GroupLimitAttr groups;
  if (router.groups)
    groups = GroupLimitAttr::get(context, router.groups->numGroups,
                                 router.groups->keep, router.groups->topSum,
                                 router.groups->fill);
  ArrayAttr normalize;
  if (!router.normalize.empty()) {
    SmallVector<Attribute> steps;
    for (const semantics::NormStep &step : router.normalize)
      steps.push_back(normOf(builder, step));
    normalize = builder.getArrayAttr(steps);
  }
  FloatAttr scale;
  if (router.scale != 1.0)
    scale = builder.getF64FloatAttr(router.scale);
  Value table = load(Role::IdTable);
  Value tokens = table ? Value(function.getArguments().back()) : Value();
  auto route = RouteOp::create(
      builder, loc,
      TypeRange{rows(router.slots(), i32), rows(router.slots(), f32)}, logits,
      load(Role::SelectionBias), table, tokens, /*noise=*/Value(),
      /*valid=*/Value(), load(Role::ExpertScale), score, scoreType, groups,
      SelectAttr::get(context, router.select.kind, router.topK, 0.0,
                      router.select.always),
      /*apart=*/UnitAttr(), normalize, scale);
  return {route.getIds(), route.getWeights()};
}

/// What an expert has room for.
LayerBuilder::Routing LayerBuilder::limit(Routing routing, Value logits) {
  if (!layer.capacity)
    return routing;
  const LayerDesc::Capacity &capacity = *layer.capacity;
  MLIRContext *context = builder.getContext();
  Value priority;
  if (capacity.order == CapacityOrder::Priority) {
    // The highest score, whatever the weights have become.
    auto best = RouteOp::create(
        builder, loc, TypeRange{rows(1, i32), rows(1, f32)}, logits, Value(),
        ScoreFnAttr::get(context, layer.router.score), TypeAttr(),
        GroupLimitAttr(), SelectAttr::get(context, 1), ArrayAttr(),
        FloatAttr());
    SmallVector<ReassociationIndices> all = {{0, 1}};
    priority =
        tensor::CollapseShapeOp::create(builder, loc, best.getWeights(), all);
  }
  const semantics::CapacityLimit &limit = capacity.limit;
  NormAttr renorm;
  if (capacity.renorm)
    renorm = normOf(builder, *capacity.renorm);
  auto kept = CapacityOp::create(
      builder, loc, routing.ids.getType(), routing.weights.getType(),
      routing.ids, routing.weights, priority, /*places=*/Value(),
      /*scores=*/Value(),
      CapacityLimitAttr::get(context, limit.rounding, limit.numerator,
                             limit.denominator, limit.minimum,
                             limit.multipleOf),
      /*scope=*/IntegerAttr(), capacity.order, Overflow::Drop, renorm,
      /*experts=*/IntegerAttr());
  return {kept.getKeptIds(), kept.getKeptWeights()};
}

LayerBuilder::Routing LayerBuilder::route(func::FuncOp function, Value logits) {
  Routing routing = limit(select(function, logits), logits);
  if (Value factor = load(Role::WeightScale))
    routing.weights = mapRows(
        builder, loc, {{routing.weights}, {factor, Read::Only}},
        layer.router.slots(), f32,
        [](OpBuilder &inner, Location loc, ValueRange values) {
          return Value(arith::MulFOp::create(inner, loc, values[0], values[1]));
        });
  return routing;
}
