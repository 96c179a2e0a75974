//===- EmitCapacity.cpp - How many rows an expert takes -------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where slots claim places in an order that can be walked, a counter an expert
// says who comes too late. In an order that is a comparison of slots, those
// that come before are counted: there is no room to sort.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Emitters.h"
#include "moe/codegen/leaf/RouteRows.h"
#include "moe/codegen/leaf/Unsupported.h"
#include "moe/dialect/EmitExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

namespace {

class CapacityEmitter {
public:
  CapacityEmitter(KernelFrame &frame, CapacityOp op, Value kept,
                  Value counters);
  void emit();

private:
  Value places(Value tokens);
  void walk(Value first, Value count, Value cap);
  void claim(Value slot, Value cap);
  void compareAll(Value first, Value count, Value cap);
  void keep(Value slot, Value id, Value stays);
  Value comesBefore(Value a, Value b);
  Value isHigher(Value x, Value y);
  void recycle(Value cap);
  void renorm(const semantics::NormStep &step);

  Value read(Value base, Value index) {
    return l.toI64(l.loadElement(i32, base, index));
  }
  void write(Value value, Value base, Value index) {
    l.store(l.toI32(value), l.element(base, i32, index));
  }
  Value both(Value x, Value y) {
    return arith::AndIOp::create(l.b, l.loc, x, y);
  }
  Value either(Value x, Value y) {
    return arith::OrIOp::create(l.b, l.loc, x, y);
  }
  Value isExpert(Value id) {
    return arith::CmpIOp::create(l.b, l.loc, arith::CmpIPredicate::ult, id,
                                 l.i64(experts));
  }
  Value keptWeight(Value slot) {
    return l.toFloat(l.loadElement(outElement, outBase, slot), f32);
  }
  void setWeight(Value weight, Value slot) {
    l.store(l.toFloat(weight, outElement),
            l.element(outBase, outElement, slot));
  }

  KernelFrame &frame;
  LeafBuilder &l;
  CapacityOp op;
  Type i32, f32, outElement;
  Value kept, counters, ids, outBase; ///< outBase: of the weights, if wanted
  Value tokens, perToken;
  const int64_t experts;
};

} // namespace

CapacityEmitter::CapacityEmitter(KernelFrame &frame, CapacityOp op, Value kept,
                                 Value counters)
    : frame(frame), l(frame.l), op(op), i32(l.b.getI32Type()),
      f32(l.b.getF32Type()), kept(kept), counters(counters),
      experts(leaf::expertsOf(op)) {
  const TensorBuffer &in = frame.tensor(op.getIds());
  ids = in.base;
  tokens = in.sizes[0];
  perToken = in.sizes[1];
  if (frame.hasBuffer(op.getKeptWeights())) {
    outBase = frame.tensor(op.getKeptWeights()).base;
    outElement = frame.tensor(op.getKeptWeights()).element;
  }
}

/// The places of an expert among so many tokens.
Value CapacityEmitter::places(Value tokens) {
  const semantics::CapacityLimit limit = op.getCap().getSpec();
  if (limit.isNumber())
    return l.i64(limit.minimum);
  const semantics::RatioDivision ratio = semantics::divisionOf(limit);
  Value count =
      l.div(l.add(l.mul(tokens, ratio.factor), ratio.addend), ratio.divisor);
  count = l.max(count, l.i64(limit.minimum));
  return l.mul(l.ceilDiv(count, limit.multipleOf), limit.multipleOf);
}

/// Writes what becomes of a slot.
void CapacityEmitter::keep(Value slot, Value id, Value stays) {
  write(l.select(stays, id, l.i64(-1)), kept, slot);
  if (!outBase)
    return;
  const TensorBuffer &weights = frame.tensor(op.getWeights());
  Value weight = l.loadElement(weights.element, weights.base, slot);
  l.store(l.select(stays, weight, l.constant(weights.element, 0)),
          l.element(outBase, outElement, slot));
}

//===----------------------------------------------------------------------===//
// Orders
//===----------------------------------------------------------------------===//

/// A slot claims the next place of its expert.
void CapacityEmitter::claim(Value slot, Value cap) {
  Value id = read(ids, slot);
  Value named = isExpert(id);
  Value counter = l.select(named, id, l.i64(experts));
  Value taken = read(counters, counter);
  Value stays = both(named, l.less(taken, cap));
  write(l.add(taken, l.select(stays, l.i64(1), l.i64(0))), counters, counter);
  keep(slot, id, stays);
}

/// The slots of `count` tokens, by tokens or by ranks.
void CapacityEmitter::walk(Value first, Value count, Value cap) {
  l.loop(l.i64(experts), [&](Value i) { write(l.i64(0), counters, i); });
  Value start = l.mul(first, perToken);
  if (op.getOrder() == CapacityOrder::TokenMajor)
    return l.loop(l.mul(count, perToken),
                  [&](Value i) { claim(l.add(start, i), cap); });
  l.loop(perToken, [&](Value j) {
    l.loop(count, [&](Value t) {
      claim(l.add(start, l.add(l.mul(t, perToken), j)), cap);
    });
  });
}

/// In a descending order, where NaN is last.
Value CapacityEmitter::isHigher(Value x, Value y) {
  auto compare = [&](arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(l.b, l.loc, predicate, a, b).getResult();
  };
  return either(compare(arith::CmpFPredicate::OGT, x, y),
                both(compare(arith::CmpFPredicate::ORD, x, x),
                     compare(arith::CmpFPredicate::UNO, y, y)));
}

/// Whether slot `a` claims its place before slot `b`.
Value CapacityEmitter::comesBefore(Value a, Value b) {
  auto byValue = [&](Value x, Value y) {
    Value one = l.constant(l.b.getI1Type(), 1);
    Value notLower = arith::XOrIOp::create(l.b, l.loc, isHigher(y, x), one);
    return either(isHigher(x, y), both(notLower, l.less(a, b)));
  };
  auto value = [&](Value tensor, Value index) {
    return l.toFloat(frame.elements(tensor, index, 1), f32);
  };
  if (op.getOrder() == CapacityOrder::Weight)
    return byValue(value(op.getWeights(), a), value(op.getWeights(), b));
  Value rankA = l.rem(a, perToken), rankB = l.rem(b, perToken);
  Value x = value(op.getPriority(), l.div(a, perToken));
  Value y = value(op.getPriority(), l.div(b, perToken));
  return either(l.less(rankA, rankB),
                both(l.equal(rankA, rankB), byValue(x, y)));
}

/// The slots of `count` tokens, by a comparison of all with all.
void CapacityEmitter::compareAll(Value first, Value count, Value cap) {
  Value start = l.mul(first, perToken);
  Value end = l.add(start, l.mul(count, perToken));
  l.loop(start, end, 1, [&](Value slot) {
    Value id = read(ids, slot);
    Value before =
        l.loop(start, end, 1, ValueRange(l.i64(0)),
               [&](Value other, ValueRange counted) {
                 Value counts = both(l.equal(read(ids, other), id),
                                     comesBefore(other, slot));
                 return LeafBuilder::Values{
                     l.add(counted[0], l.select(counts, l.i64(1), l.i64(0)))};
               })[0];
    keep(slot, id, both(isExpert(id), l.less(before, cap)));
  });
}

//===----------------------------------------------------------------------===//
// What follows
//===----------------------------------------------------------------------===//

/// Free places of the list, in its order, go to dropped slots in theirs. The
/// counters hold how many places of an expert are taken.
void CapacityEmitter::recycle(Value cap) {
  auto listType = cast<RankedTensorType>(op.getPlaces().getType());
  Value length = listType.isDynamicDim(0)
                     ? frame.tensor(op.getPlaces()).sizes[0]
                     : l.i64(listType.getDimSize(0));
  const int64_t width = lastDim(op.getScores());
  Value slots = l.mul(tokens, perToken);
  Value divisor = l.max(cap, l.i64(1));
  Value end = l.mul(cap, std::min(experts, width));
  l.loop(
      l.i64(0), length, 1, ValueRange(l.i64(0)),
      [&](Value i, ValueRange cursor) {
        Value place = l.toI64(frame.elements(op.getPlaces(), i, 1));
        Value known = arith::CmpIOp::create(
            l.b, l.loc, arith::CmpIPredicate::ult, place, end);
        place = l.select(known, place, l.i64(0));
        Value expert = l.div(place, divisor);
        Value taken = l.less(l.rem(place, divisor), read(counters, expert));
        Value usable =
            both(both(known, l.less(cursor[0], slots)),
                 arith::XOrIOp::create(l.b, l.loc, taken,
                                       l.constant(l.b.getI1Type(), 1)));
        return l.choose(
            usable, l.b.getI64Type(),
            [&] {
              Value found = l.loop(
                  cursor[0], slots, 1, ValueRange(slots),
                  [&](Value slot, ValueRange sofar) {
                    Value dropped = both(isExpert(read(ids, slot)),
                                         l.equal(read(kept, slot), l.i64(-1)));
                    Value first = both(dropped, l.equal(sofar[0], slots));
                    return LeafBuilder::Values{l.select(first, slot, sofar[0])};
                  })[0];
              l.when(l.less(found, slots), [&] {
                write(expert, kept, found);
                if (!outBase)
                  return;
                Value t = l.div(found, perToken);
                Value score = frame.elements(op.getScores(),
                                             l.add(l.mul(t, width), expert), 1);
                setWeight(l.toFloat(score, f32), found);
              });
              return LeafBuilder::Values{l.add(found, 1)};
            },
            [&] { return LeafBuilder::Values{cursor[0]}; });
      });
}

/// Divides the weights of a token that stay by their norm.
void CapacityEmitter::renorm(const semantics::NormStep &step) {
  SmallVector<semantics::Expr> formulas = formulasOf(step);
  l.loop(tokens, [&](Value t) {
    Value start = l.mul(t, perToken), end = l.add(start, perToken);
    Value norm =
        l.loop(start, end, 1, ValueRange(l.constant(f32, 0)),
               [&](Value slot, ValueRange sum) {
                 Value x = keptWeight(slot);
                 if (!formulas.empty())
                   x = emitExpr(l.b, l.loc, formulas[0], x);
                 Value next = arith::AddFOp::create(l.b, l.loc, sum[0], x);
                 return LeafBuilder::Values{
                     l.select(isExpert(read(kept, slot)), next, sum[0])};
               })[0];
    if (!formulas.empty())
      norm = emitExpr(l.b, l.loc, formulas[1], norm);
    Value eps = l.constant(f32, step.eps);
    if (step.epsMode == semantics::EpsMode::Add)
      norm = arith::AddFOp::create(l.b, l.loc, norm, eps);
    if (step.epsMode == semantics::EpsMode::Max)
      norm = l.select(arith::CmpFOp::create(
                          l.b, l.loc, arith::CmpFPredicate::OLT, norm, eps),
                      eps, norm);
    l.loop(start, end, 1, [&](Value slot) {
      Value x = arith::DivFOp::create(l.b, l.loc, keptWeight(slot), norm);
      setWeight(l.select(isExpert(read(kept, slot)), x, l.constant(f32, 0)),
                slot);
    });
  });
}

void CapacityEmitter::emit() {
  const bool compares = op.getOrder() == CapacityOrder::Priority ||
                        op.getOrder() == CapacityOrder::Weight;
  auto limit = [&](Value first, Value count, Value cap) {
    compares ? compareAll(first, count, cap) : walk(first, count, cap);
  };
  if (std::optional<int64_t> scope = op.getScope()) {
    Value whole = l.i64(*scope), cap = places(whole);
    l.loop(l.i64(0), tokens, *scope, [&](Value first) {
      limit(first, l.min(whole, l.sub(tokens, first)), cap);
    });
  } else {
    Value cap = places(tokens);
    limit(l.i64(0), tokens, cap);
    if (op.getOverflow() == Overflow::Recycle)
      recycle(cap);
  }
  if (op.getRenormAttr() && outBase)
    renorm(op.getRenormAttr().getSpec());
}

void moe::cpu::emitCapacity(KernelFrame &frame, CapacityOp op, Value kept,
                            Value counters) {
  CapacityEmitter(frame, op, kept, counters).emit();
}
