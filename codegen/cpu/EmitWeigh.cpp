//===- EmitWeigh.cpp - The weights of a token's picks ---------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Works on the picks one by one: there are few. Slots without an expert hold
// what the sum or maximum at hand does not notice.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/RouteEmitter.h"
#include "moe/dialect/EmitExpr.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

namespace moe::cpu {

/// The normalize, scale and expert_scale clauses over a token's picks.
class WeightEmitter {
public:
  WeightEmitter(RouteEmitter &router, WeighOp op)
      : r(router), l(router.l), op(op), spec(op.getSpec()),
        scores(router.row(op.getScores())), ids(router.row(op.getIds())),
        weights(router.frame.scratch(router.scratch.weights)),
        slots(l.i64(lastDim(op.getIds()))),
        normed(l.i64(lastDim(op.getIds()) - spec.apart)) {}

  /// Leaves the weights in their row of scratch.
  Value emit();

private:
  void apply(const semantics::NormStep &step);
  void maskedSoftmax(const semantics::NormStep &step);
  void scale();

  Value real(double value) { return r.real(value); }
  Value idAt(Value j) { return l.loadElement(r.i32, ids, j); }
  Value isPick(Value j) {
    return arith::CmpIOp::create(l.b, l.loc, arith::CmpIPredicate::ult, idAt(j),
                                 l.constant(r.i32, lastDim(op.getScores())));
  }
  /// The expert of slot `j`, or 0.
  Value expertAt(Value j) {
    return l.toI64(l.select(isPick(j), idAt(j), l.constant(r.i32, 0)));
  }
  Value scoreAt(Value e) { return l.loadElement(r.f32, scores, e); }
  Value formula(const semantics::Expr &expr, Value x) {
    return emitExpr(l.b, l.loc, expr, x);
  }
  void forSlots(Value count, function_ref<Value(Value j, Value old)> body) {
    l.loop(count, [&](Value j) {
      l.store(body(j, l.loadElement(r.f32, weights, j)), r.at(weights, j));
    });
  }
  void forPicks(function_ref<Value(Value old)> body) {
    forSlots(normed, [&](Value, Value x) { return body(x); });
  }
  Value fold(double start, function_ref<Value(Value, Value)> combine) {
    return l.loop(l.i64(0), normed, 1, ValueRange(real(start)),
                  [&](Value j, ValueRange carried) {
                    Value x = l.loadElement(r.f32, weights, j);
                    Value next = combine(carried[0], x);
                    return LeafBuilder::Values{
                        l.select(isPick(j), next, carried[0])};
                  })[0];
  }
  Value sum(function_ref<Value(Value)> term) {
    return fold(0, [&](Value a, Value x) -> Value {
      return arith::AddFOp::create(l.b, l.loc, a, term(x));
    });
  }
  void divide(Value divisor) {
    forPicks([&](Value x) -> Value {
      return arith::DivFOp::create(l.b, l.loc, x, divisor);
    });
  }

  RouteEmitter &r;
  LeafBuilder &l;
  WeighOp op;
  const semantics::RouterSpec spec;
  Value scores, ids, weights;
  Value slots, normed; ///< all, and those that normalize and scale take in
};

} // namespace moe::cpu

/// Each pick over the experts that no slot before it holds and whose logit is
/// near its own.
void WeightEmitter::maskedSoftmax(const semantics::NormStep &step) {
  const semantics::Expr exponential = formulasOf(step)[0];
  Value one = l.constant(l.b.getI1Type(), 1);
  forSlots(normed, [&](Value j, Value most) -> Value {
    Value sum = l.loop(
        l.i64(0), l.i64(lastDim(op.getScores())), 1, ValueRange(real(0)),
        [&](Value e, ValueRange carried) {
          Value counts =
              l.loop(l.i64(0), j, 1, ValueRange(one),
                     [&](Value before, ValueRange fresh) {
                       Value other = arith::CmpIOp::create(
                           l.b, l.loc, arith::CmpIPredicate::ne, idAt(before),
                           l.toI32(e));
                       return LeafBuilder::Values{
                           arith::AndIOp::create(l.b, l.loc, fresh[0], other)};
                     })[0];
          Value x = scoreAt(e);
          Value size = arith::MaximumFOp::create(
              l.b, l.loc, x, arith::NegFOp::create(l.b, l.loc, x));
          Value distance = arith::DivFOp::create(
              l.b, l.loc, arith::SubFOp::create(l.b, l.loc, most, x),
              arith::MaximumFOp::create(l.b, l.loc, size, most));
          Value near =
              arith::CmpFOp::create(l.b, l.loc, arith::CmpFPredicate::ULE,
                                    distance, real(2 * step.param));
          Value term =
              formula(exponential, arith::SubFOp::create(l.b, l.loc, x, most));
          Value next = arith::AddFOp::create(l.b, l.loc, carried[0], term);
          return LeafBuilder::Values{
              l.select(arith::AndIOp::create(l.b, l.loc, counts, near), next,
                       carried[0])};
        })[0];
    return arith::DivFOp::create(l.b, l.loc, real(1), sum);
  });
}

void WeightEmitter::apply(const semantics::NormStep &step) {
  using namespace semantics;
  if (step.kind == NormKind::MaskedSoftmax)
    return maskedSoftmax(step);
  SmallVector<Expr> formulas = formulasOf(step);
  auto itself = [](Value x) { return x; };
  if (lookup(step.kind).divides) {
    Value norm = formulas.empty()
                     ? sum(itself)
                     : sum([&](Value x) { return formula(formulas[0], x); });
    if (!formulas.empty())
      norm = formula(formulas[1], norm);
    Value eps = real(step.eps);
    if (step.epsMode == EpsMode::Add)
      norm = arith::AddFOp::create(l.b, l.loc, norm, eps);
    if (step.epsMode == EpsMode::Max)
      norm = l.select(arith::CmpFOp::create(
                          l.b, l.loc, arith::CmpFPredicate::OLT, norm, eps),
                      eps, norm);
    return divide(norm);
  }
  const bool softmax = step.kind == NormKind::Softmax;
  Value shift;
  if (softmax)
    shift = fold(-RouteEmitter::infinity, [&](Value a, Value x) -> Value {
      return arith::MaxNumFOp::create(l.b, l.loc, a, x);
    });
  forPicks([&](Value x) {
    if (shift)
      x = arith::SubFOp::create(l.b, l.loc, x, shift);
    return formula(formulas[0], x);
  });
  if (softmax)
    divide(sum(itself));
}

/// Also clears the slots without an expert.
void WeightEmitter::scale() {
  auto times = [&](Value x, Value y) -> Value {
    return arith::MulFOp::create(l.b, l.loc, x, y);
  };
  forSlots(normed, [&](Value j, Value x) {
    if (spec.scale != 1.0)
      x = times(x, real(spec.scale));
    if (op.getExpertScale())
      x = times(x,
                l.toFloat(r.frame.elements(op.getExpertScale(), expertAt(j), 1),
                          r.f32));
    return x;
  });
  forSlots(slots,
           [&](Value j, Value x) { return l.select(isPick(j), x, real(0)); });
}

Value WeightEmitter::emit() {
  forSlots(slots, [&](Value j, Value) { return scoreAt(expertAt(j)); });
  for (const semantics::NormStep &step : spec.normalize)
    apply(step);
  scale();
  return weights;
}

void RouteEmitter::emit(WeighOp op) {
  storeRow(op.getWeights(), WeightEmitter(*this, op).emit());
}
