//===- EmitExpertPicks.cpp - Experts that pick their tokens ---------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each expert looks at a column of the scores, as long as there are tokens, so
// it keeps none of it: pick after pick it searches for the highest score among
// those that come after the last pick in the order of picks.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/RouteEmitter.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

Value RouteEmitter::numTokens(Value scores) {
  auto type = cast<RankedTensorType>(scores.getType());
  return type.isDynamicDim(0) ? frame.tensor(scores).sizes[0]
                              : l.i64(type.getDimSize(0));
}

Value RouteEmitter::columnScore(Value scores, Value t, Value e) {
  Value index = l.add(l.mul(t, lastDim(scores)), e);
  return l.toFloat(frame.elements(scores, index, 1), f32);
}

void RouteEmitter::pickTokens(SelectOp op, Value e) {
  const TensorBuffer &ids = frame.tensor(op.getIds());
  Value tokens = numTokens(op.getScores()), places = ids.sizes[1];
  Value none = l.constant(i32, never);
  auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(l.b, l.loc, predicate, x, y).getResult();
  };
  // No score has the highest key.
  Value before = l.constant(i32, std::numeric_limits<int32_t>::max());
  l.loop(
      l.i64(0), places, 1, {before, l.i64(-1)}, [&](Value c, ValueRange last) {
        LeafBuilder::Values best = l.loop(
            l.i64(0), tokens, 1, {none, l.i64(-1)},
            [&](Value token, ValueRange found) {
              Value key = keyOf(columnScore(op.getScores(), token, e));
              Value lower = compare(arith::CmpIPredicate::slt, key, last[0]);
              Value equal = compare(arith::CmpIPredicate::eq, key, last[0]);
              Value later = compare(arith::CmpIPredicate::sgt, token, last[1]);
              Value open = arith::OrIOp::create(
                  l.b, l.loc, lower,
                  arith::AndIOp::create(l.b, l.loc, equal, later));
              Value better = arith::AndIOp::create(
                  l.b, l.loc, open,
                  compare(arith::CmpIPredicate::sgt, key, found[0]));
              return LeafBuilder::Values{l.select(better, key, found[0]),
                                         l.select(better, token, found[1])};
            });
        l.store(l.toI32(best[1]),
                l.element(ids.base, i32, l.add(l.mul(e, places), c)));
        return best;
      });
}

void RouteEmitter::weighTokens(WeighOp op, Value e) {
  const semantics::RouterSpec spec = op.getSpec();
  const TensorBuffer &weights = frame.tensor(op.getWeights());
  Value tokens = numTokens(op.getScores()), places = weights.sizes[1];
  Value factor = real(spec.scale);
  if (op.getExpertScale())
    factor = arith::MulFOp::create(
        l.b, l.loc, factor,
        l.toFloat(frame.elements(op.getExpertScale(), e, 1), f32));
  l.loop(places, [&](Value c) {
    Value slot = l.add(l.mul(e, places), c);
    Value id = l.toI64(frame.elements(op.getIds(), slot, 1));
    Value isPick = arith::CmpIOp::create(l.b, l.loc, arith::CmpIPredicate::ult,
                                         id, tokens);
    // The column may be empty.
    Value weight = l.choose(
        isPick, f32,
        [&] {
          Value score = columnScore(op.getScores(), id, e);
          return LeafBuilder::Values{
              arith::MulFOp::create(l.b, l.loc, score, factor)};
        },
        [&] { return LeafBuilder::Values{real(0)}; })[0];
    l.store(l.toFloat(weight, weights.element),
            l.element(weights.base, weights.element, slot));
  });
}
