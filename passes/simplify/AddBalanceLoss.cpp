//===- AddBalanceLoss.cpp - Losses that keep experts busy -----------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Losses are ordinary ops over the logits and ids of a router: maps and
// reductions, which every target has kernels for. Means are quotients of sums,
// so that no kernel needs to know how many tokens there are.
//
//===----------------------------------------------------------------------===//

#include "moe/passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace moe;

namespace moe {
#define GEN_PASS_DEF_ADDBALANCELOSSPASS
#include "moe/passes/Passes.h.inc"
} // namespace moe

namespace {

enum class Kind { Switch, Sequence, Global, Z, Importance, Load, BiasUpdate };

/// Scalars of a body, all f32.
struct Scalars {
  OpBuilder &builder;
  Location loc;

  Value constant(double value) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getF32FloatAttr(value));
  }
  Value add(Value a, Value b) {
    return arith::AddFOp::create(builder, loc, a, b);
  }
  Value sub(Value a, Value b) {
    return arith::SubFOp::create(builder, loc, a, b);
  }
  Value mul(Value a, Value b) {
    return arith::MulFOp::create(builder, loc, a, b);
  }
  Value div(Value a, Value b) {
    return arith::DivFOp::create(builder, loc, a, b);
  }
  Value max(Value a, Value b) {
    return arith::MaximumFOp::create(builder, loc, a, b);
  }
  Value min(Value a, Value b) {
    return arith::MinimumFOp::create(builder, loc, a, b);
  }
  Value select(arith::CmpFPredicate predicate, Value a, Value b, Value yes,
               Value no) {
    Value holds = arith::CmpFOp::create(builder, loc, predicate, a, b);
    return arith::SelectOp::create(builder, loc, holds, yes, no);
  }
  /// a / b, and 0 where b is 0: of no tokens nothing is lost.
  Value ratio(Value a, Value b) {
    Value zero = constant(0);
    return select(arith::CmpFPredicate::OEQ, b, zero, zero, div(a, b));
  }
};

using Body = llvm::function_ref<Value(Scalars, ValueRange)>;

class LossBuilder {
public:
  LossBuilder(OpBuilder &builder, RouteOp route, double coefficient,
              int64_t sequence)
      : builder(builder), route(route), loc(route.getLoc()),
        context(builder.getContext()), coefficient(coefficient),
        sequence(sequence), logits(route.getLogits()),
        numTokens(cast<RankedTensorType>(logits.getType()).getDimSize(0)),
        experts(cast<RankedTensorType>(logits.getType()).getDimSize(1)) {
    bindDims(context, d0, d1, d2);
    if (ShapedType::isDynamic(numTokens))
      tokens.push_back(tensor::DimOp::create(builder, loc, logits, 0));
  }

  Value build(Kind kind, Value globalCounts);

private:
  struct Operand {
    Value value;
    SmallVector<AffineExpr> index;
  };
  RankedTensorType type(ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, builder.getF32Type());
  }
  RankedTensorType perToken() { return type({numTokens}); }
  RankedTensorType perTokenAndExpert() { return type({numTokens, experts}); }
  /// A generic op whose result is read as `result` of its dims, of which the
  /// first `parallel` ones are parallel. Reductions begin with `init`.
  Value generic(RankedTensorType resultType, ValueRange dynamic,
                ArrayRef<Operand> operands, ArrayRef<AffineExpr> result,
                unsigned parallel, unsigned dims, std::optional<double> init,
                Body body);
  Value probabilities();
  Value counts();
  Value sumOverTokens(Value perTokenAndExpert);
  Value sumOverExperts(Value perExpert, Body term);
  Value balance(Value counts, Value shares);
  Value perSequence();
  Value variation(Value perExpert);
  Value zLoss();
  Value wins();
  Value biasUpdate();

  OpBuilder &builder;
  RouteOp route;
  Location loc;
  MLIRContext *context;
  double coefficient;
  int64_t sequence;
  Value logits;
  int64_t numTokens, experts;
  /// Their number, where it is not static.
  SmallVector<Value, 1> tokens;
  AffineExpr d0, d1, d2;
};

struct AddBalanceLossPass
    : moe::impl::AddBalanceLossPassBase<AddBalanceLossPass> {
  using Base::Base;
  void runOnOperation() override;
};

} // namespace

Value LossBuilder::generic(RankedTensorType resultType, ValueRange dynamic,
                           ArrayRef<Operand> operands,
                           ArrayRef<AffineExpr> result, unsigned parallel,
                           unsigned dims, std::optional<double> init,
                           Body body) {
  Value target = tensor::EmptyOp::create(builder, loc, resultType, dynamic);
  if (init) {
    Value value = Scalars{builder, loc}.constant(*init);
    target = linalg::FillOp::create(builder, loc, value, target).getResult(0);
  }
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const Operand &operand : operands) {
    inputs.push_back(operand.value);
    maps.push_back(AffineMap::get(dims, 0, operand.index, context));
  }
  maps.push_back(AffineMap::get(dims, 0, result, context));
  SmallVector<utils::IteratorType> iterators(dims,
                                             utils::IteratorType::reduction);
  std::fill_n(iterators.begin(), parallel, utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, resultType, inputs, target, maps, iterators,
             [&](OpBuilder &inner, Location loc, ValueRange values) {
               SmallVector<Value> scalars(values);
               for (Value &value : scalars)
                 if (isa<FloatType>(value.getType()) &&
                     !value.getType().isF32())
                   value = arith::ExtFOp::create(inner, loc, inner.getF32Type(),
                                                 value);
               linalg::YieldOp::create(inner, loc, body({inner, loc}, scalars));
             })
      .getResult(0);
}

/// [T, E], each row's sum 1.
Value LossBuilder::probabilities() {
  semantics::ScoreFn score = route.getScore() ? route.getScoreAttr().getValue()
                                              : semantics::ScoreFn::Identity;
  const bool softmax = score == semantics::ScoreFn::Softmax ||
                       score == semantics::ScoreFn::Identity;
  Value highest;
  SmallVector<Operand> operands = {{logits, {d0, d1}}};
  if (softmax) {
    highest =
        generic(perToken(), tokens, operands, {d0}, 1, 2,
                -std::numeric_limits<double>::infinity(),
                [](Scalars s, ValueRange v) { return s.max(v[1], v[0]); });
    operands.push_back({highest, {d0}});
  }
  Value scores = generic(
      perTokenAndExpert(), tokens, operands, {d0, d1}, 2, 2, std::nullopt,
      [&](Scalars s, ValueRange v) -> Value {
        if (softmax)
          return math::ExpOp::create(s.builder, s.loc, s.sub(v[0], v[1]));
        Value zero = s.constant(0), one = s.constant(1);
        if (score == semantics::ScoreFn::Relu)
          return s.max(v[0], zero);
        Value power = math::ExpOp::create(s.builder, s.loc, s.sub(zero, v[0]));
        if (score == semantics::ScoreFn::Sigmoid)
          return s.div(one, s.add(one, power));
        // log(1 + exp(l)) = max(l, 0) + log1p(exp(-|l|))
        Value size = math::AbsFOp::create(s.builder, s.loc, v[0]);
        Value small = math::ExpOp::create(s.builder, s.loc, s.sub(zero, size));
        Value rest = math::Log1pOp::create(s.builder, s.loc, small);
        return math::SqrtOp::create(s.builder, s.loc,
                                    s.add(s.max(v[0], zero), rest));
      });
  Value sums =
      generic(perToken(), tokens, {{scores, {d0, d1}}}, {d0}, 1, 2, 0,
              [](Scalars s, ValueRange v) { return s.add(v[1], v[0]); });
  return generic(perTokenAndExpert(), tokens,
                 {{scores, {d0, d1}}, {sums, {d0}}}, {d0, d1}, 2, 2,
                 std::nullopt, [](Scalars s, ValueRange v) {
                   return s.div(v[0], s.add(v[1], s.constant(1e-20)));
                 });
}

/// 1 where slot v is of the expert that dim `dim` is, else 0.
static Value isOf(Scalars s, Value id, unsigned dim) {
  Value index = linalg::IndexOp::create(s.builder, s.loc, dim);
  Value expert =
      arith::IndexCastOp::create(s.builder, s.loc, id.getType(), index);
  Value same = arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::eq,
                                     id, expert);
  return arith::SelectOp::create(s.builder, s.loc, same, s.constant(1),
                                 s.constant(0));
}

/// Slots of each expert.
Value LossBuilder::counts() {
  return CountOp::create(builder, loc, type({experts}), route.getIds());
}

Value LossBuilder::sumOverTokens(Value perTokenAndExpert) {
  return generic(type({experts}), {}, {{perTokenAndExpert, {d1, d0}}}, {d0}, 1,
                 2, 0,
                 [](Scalars s, ValueRange v) { return s.add(v[1], v[0]); });
}

/// Sum over [E] of a term of each element, as [1].
Value LossBuilder::sumOverExperts(Value perExpert, Body term) {
  return generic(type({1}), {}, {{perExpert, {d1}}}, {d0}, 1, 2, 0,
                 [&](Scalars s, ValueRange v) {
                   return s.add(v[1], term(s, v.take_front(1)));
                 });
}

static Value itself(Scalars, ValueRange values) { return values[0]; }

/// coefficient * E * sum(c * P) / (sum(c) * sum(P)), of sums over tokens.
Value LossBuilder::balance(Value counts, Value shares) {
  Value slots = sumOverExperts(counts, itself);
  Value total = sumOverExperts(shares, itself);
  Value products = generic(
      type({1}), {}, {{counts, {d1}}, {shares, {d1}}}, {d0}, 1, 2, 0,
      [](Scalars s, ValueRange v) { return s.add(v[2], s.mul(v[0], v[1])); });
  return generic(type({1}), {},
                 {{products, {d0}}, {slots, {d0}}, {total, {d0}}}, {d0}, 1, 1,
                 std::nullopt, [&](Scalars s, ValueRange v) {
                   Value loss = s.ratio(v[0], s.mul(v[1], v[2]));
                   return s.mul(loss, s.constant(coefficient *
                                                 static_cast<double>(experts)));
                 });
}

/// The same of each sequence, whose tokens follow each other; their mean.
Value LossBuilder::perSequence() {
  const int64_t count = numTokens / sequence;
  auto split = [&](Value value) {
    auto source = cast<RankedTensorType>(value.getType());
    auto parted = RankedTensorType::get({count, sequence, source.getDimSize(1)},
                                        source.getElementType());
    return tensor::ExpandShapeOp::create(
               builder, loc, parted, value,
               ArrayRef<ReassociationIndices>{{0, 1}, {2}})
        .getResult();
  };
  Value shares = split(probabilities()), slots = split(route.getIds());
  Value counted = CountOp::create(builder, loc, type({count, experts}), slots);
  auto sum = [](Scalars s, ValueRange v) { return s.add(v[1], v[0]); };
  Value summed = generic(type({count, experts}), {}, {{shares, {d0, d2, d1}}},
                         {d0, d1}, 2, 3, 0, sum);
  Value kept =
      generic(type({count}), {}, {{counted, {d0, d1}}}, {d0}, 1, 2, 0, sum);
  Value lost = generic(type({1}), {},
                       {{counted, {d1, d2}}, {summed, {d1, d2}}, {kept, {d1}}},
                       {d0}, 1, 3, 0, [](Scalars s, ValueRange v) {
                         return s.add(v[3], s.ratio(s.mul(v[0], v[1]), v[2]));
                       });
  return generic(type({1}), {}, {{lost, {d0}}}, {d0}, 1, 1, std::nullopt,
                 [&](Scalars s, ValueRange v) {
                   return s.mul(
                       v[0],
                       s.constant(coefficient * static_cast<double>(experts) /
                                  static_cast<double>(numTokens)));
                 });
}

/// coefficient * variance / mean^2 over the experts.
Value LossBuilder::variation(Value perExpert) {
  const auto count = static_cast<double>(experts);
  Value sum = sumOverExperts(perExpert, itself);
  Value squares = generic(type({1}), {}, {{perExpert, {d1}}, {sum, {d0}}}, {d0},
                          1, 2, 0, [&](Scalars s, ValueRange v) {
                            Value away =
                                s.sub(v[0], s.div(v[1], s.constant(count)));
                            return s.add(v[2], s.mul(away, away));
                          });
  return generic(type({1}), {}, {{squares, {d0}}, {sum, {d0}}}, {d0}, 1, 1,
                 std::nullopt, [&](Scalars s, ValueRange v) {
                   Value mean = s.div(v[1], s.constant(count));
                   Value variance = s.div(v[0], s.constant(count));
                   return s.mul(s.ratio(variance, s.mul(mean, mean)),
                                s.constant(coefficient));
                 });
}

Value LossBuilder::zLoss() {
  Value highest =
      generic(perToken(), tokens, {{logits, {d0, d1}}}, {d0}, 1, 2,
              -std::numeric_limits<double>::infinity(),
              [](Scalars s, ValueRange v) { return s.max(v[1], v[0]); });
  Value sums =
      generic(perToken(), tokens, {{logits, {d0, d1}}, {highest, {d0}}}, {d0},
              1, 2, 0, [](Scalars s, ValueRange v) {
                return s.add(v[2], math::ExpOp::create(s.builder, s.loc,
                                                       s.sub(v[0], v[1])));
              });
  Value squares =
      generic(type({1}), {}, {{sums, {d1}}, {highest, {d1}}}, {d0}, 1, 2, 0,
              [](Scalars s, ValueRange v) {
                Value lse =
                    s.add(v[1], math::LogOp::create(s.builder, s.loc, v[0]));
                return s.add(v[2], s.mul(lse, lse));
              });
  Value number = generic(
      type({1}), {}, {{sums, {d1}}}, {d0}, 1, 2, 0,
      [](Scalars s, ValueRange v) { return s.add(v[1], s.constant(1)); });
  return generic(type({1}), {}, {{squares, {d0}}, {number, {d0}}}, {d0}, 1, 1,
                 std::nullopt, [&](Scalars s, ValueRange v) {
                   return s.mul(s.ratio(v[0], v[1]), s.constant(coefficient));
                 });
}

/// How likely each expert is to be kept under noise of deviation 1 / E.
Value LossBuilder::wins() {
  Value chosen = generic(
      perTokenAndExpert(), tokens, {{route.getIds(), {d0, d2}}}, {d0, d1}, 2, 3,
      0, [](Scalars s, ValueRange v) { return s.add(v[1], isOf(s, v[0], 1)); });
  Value least = generic(
      perToken(), tokens, {{logits, {d0, d1}}, {chosen, {d0, d1}}}, {d0}, 1, 2,
      std::numeric_limits<double>::infinity(), [](Scalars s, ValueRange v) {
        Value kept = s.select(arith::CmpFPredicate::OGT, v[1], s.constant(0),
                              v[0], v[2]);
        return s.min(v[2], kept);
      });
  return generic(
      perTokenAndExpert(), tokens, {{logits, {d0, d1}}, {least, {d0}}},
      {d0, d1}, 2, 2, std::nullopt, [&](Scalars s, ValueRange v) {
        Value scaled =
            s.mul(s.sub(v[0], v[1]),
                  s.constant(static_cast<double>(experts) / std::sqrt(2.0)));
        Value erf = math::ErfOp::create(s.builder, s.loc, scaled);
        return s.mul(s.constant(0.5), s.add(s.constant(1), erf));
      });
}

Value LossBuilder::biasUpdate() {
  Value slots = counts();
  Value sum = sumOverExperts(slots, itself);
  SmallVector<Operand> operands = {{slots, {d0}},
                                   {sum, {getAffineConstantExpr(0, context)}}};
  if (route.getBias())
    operands.push_back({route.getBias(), {d0}});
  return generic(type({experts}), {}, operands, {d0}, 1, 1, std::nullopt,
                 [&](Scalars s, ValueRange v) {
                   Value mean =
                       s.div(v[1], s.constant(static_cast<double>(experts)));
                   Value zero = s.constant(0);
                   Value step =
                       s.select(arith::CmpFPredicate::OGT, mean, v[0],
                                s.constant(coefficient),
                                s.select(arith::CmpFPredicate::OLT, mean, v[0],
                                         s.constant(-coefficient), zero));
                   return operands.size() == 3 ? s.add(v[2], step) : step;
                 });
}

Value LossBuilder::build(Kind kind, Value globalCounts) {
  switch (kind) {
  case Kind::Switch:
    return balance(counts(), sumOverTokens(probabilities()));
  case Kind::Global:
    return balance(globalCounts, sumOverTokens(probabilities()));
  case Kind::Sequence:
    return perSequence();
  case Kind::Z:
    return zLoss();
  case Kind::Importance:
    return variation(sumOverTokens(probabilities()));
  case Kind::Load:
    return variation(sumOverTokens(wins()));
  case Kind::BiasUpdate:
    return biasUpdate();
  }
  llvm_unreachable("every kind has a case");
}

void AddBalanceLossPass::runOnOperation() {
  func::FuncOp function = getOperation();
  if (!function.isPublic() || function.isExternal())
    return;
  static constexpr std::pair<StringLiteral, Kind> kKinds[] = {
      {"switch", Kind::Switch},         {"sequence", Kind::Sequence},
      {"global", Kind::Global},         {"z", Kind::Z},
      {"importance", Kind::Importance}, {"load", Kind::Load},
      {"bias-update", Kind::BiasUpdate}};
  const auto *found = llvm::find_if(
      kKinds, [&](const auto &each) { return each.first == kind; });
  if (found == std::end(kKinds)) {
    function.emitError()
        << "expects kind to be switch, sequence, global, z, importance, load "
           "or bias-update, got '"
        << kind << "'";
    return signalPassFailure();
  }
  if (found->second == Kind::Sequence && sequenceLength < 1) {
    function.emitError() << "expects kind=sequence to have a positive "
                            "sequence-length, got "
                         << static_cast<int64_t>(sequenceLength);
    return signalPassFailure();
  }
  SmallVector<RouteOp> routes;
  function.walk([&](RouteOp op) { routes.push_back(op); });
  if (routes.size() != 1 || routes[0]->getParentOp() != function) {
    function.emitError() << "expects one router in the function's body, got "
                         << routes.size();
    return signalPassFailure();
  }
  auto exit = dyn_cast<func::ReturnOp>(function.front().getTerminator());
  if (!exit || !llvm::hasSingleElement(function.getBody())) {
    function.emitError() << "expects a body of one block";
    return signalPassFailure();
  }
  RouteOp route = routes.front();
  int64_t numTokens =
      cast<RankedTensorType>(route.getLogits().getType()).getDimSize(0);
  if (found->second == Kind::Sequence &&
      (ShapedType::isDynamic(numTokens) || numTokens % sequenceLength != 0)) {
    route.emitError() << "expects kind=sequence to have a static number of "
                         "tokens that is a multiple of sequence-length, got "
                      << route.getLogits().getType() << " and "
                      << static_cast<int64_t>(sequenceLength);
    return signalPassFailure();
  }
  OpBuilder builder(exit);
  auto named = [&](StringRef name) {
    return builder.getDictionaryAttr(builder.getNamedAttr(
        MoeDialect::kNameAttr, builder.getStringAttr(name)));
  };
  Value globalCounts;
  if (found->second == Kind::Global) {
    int64_t experts =
        cast<RankedTensorType>(route.getLogits().getType()).getDimSize(1);
    unsigned index = function.getNumArguments();
    if (failed(function.insertArgument(
            index, RankedTensorType::get({experts}, builder.getF32Type()),
            named("global_counts"), function.getLoc())))
      return signalPassFailure();
    globalCounts = function.getArgument(index);
  }
  Value result = LossBuilder(builder, route, coefficient, sequenceLength)
                     .build(found->second, globalCounts);
  if (failed(function.insertResult(function.getNumResults(), result.getType(),
                                   named(found->second == Kind::BiasUpdate
                                             ? "selection_bias"
                                             : "balance_loss"))))
    return signalPassFailure();
  exit->insertOperands(exit->getNumOperands(), result);
}
