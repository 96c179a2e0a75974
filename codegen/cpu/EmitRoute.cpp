//===- EmitRoute.cpp - Scores, picks and weights --------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A router works on one token at a time, on rows of a few hundred experts that
// stay in the first cache. Selection compares integers that order as the scores
// do: the lowest integer stands for what is never picked (NaN, a group that was
// left out, an expert that was picked before), so that no score, not even an
// infinity, can be mistaken for it.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Emitters.h"
#include "moe/codegen/leaf/RouteRows.h"
#include "moe/dialect/EmitExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

static constexpr int32_t never = std::numeric_limits<int32_t>::min();
/// Of a row in a worker's scratch: whole vectors.
static constexpr int64_t scratchAlignment = 64;
static constexpr float infinity = std::numeric_limits<float>::infinity();

namespace {

class RouteEmitter {
public:
  explicit RouteEmitter(KernelFrame &frame)
      : frame(frame), l(frame.l), scratch(frame.kernel, scratchAlignment),
        lanes(frame.target.getLanes()), f32(l.b.getF32Type()),
        i32(l.b.getI32Type()) {}

  void token(Value t);

private:
  void emit(ScoreOp op);
  void emit(SelectOp op);
  void emit(WeighOp op);

  Value row(Value value);
  void storeRow(Value value, Value source);
  Value reduce(Value row, int64_t count, vector::CombiningKind kind);
  Value keyOf(Value x);
  Value takeHighest(Value keys, int64_t count);
  void limitGroups(GroupLimitAttr groups, Value keys, int64_t experts);
  Value groupScore(Value row, Value bias, Value first, int64_t size,
                   int64_t topSum);
  Value selectionScore(Value row, Value bias, Value e, int64_t width);
  void pad(Value row, int64_t count, Value value);

  int64_t padded(int64_t count) const {
    return (count + lanes - 1) / lanes * lanes;
  }
  /// All elements of a padded row, a vector at a time.
  void forRow(int64_t count, function_ref<void(Value)> body) {
    l.loop(l.i64(0), l.i64(padded(count)), lanes, body);
  }
  Type wide(Type element) { return l.widened(element, lanes); }
  Value at(Value row, Value index) { return l.element(row, f32, index); }
  Value wideInt(int64_t value) { return l.constant(wide(i32), value); }

  KernelFrame &frame;
  LeafBuilder &l;
  RouteRows scratch;
  const int64_t lanes;
  Type f32, i32;
  Value t;
  llvm::DenseSet<Value> filled; ///< rows that hold this token's values
};

} // namespace

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Overwrites what follows `count` elements in the last vector of a row.
void RouteEmitter::pad(Value row, int64_t count, Value value) {
  l.loop(l.i64(count), l.i64(padded(count)), 1,
         [&](Value i) { l.store(value, at(row, i)); });
}

/// The scratch row of a value, with this token's elements: what an op of this
/// kernel left there, or a copy of the buffer; scores as f32.
Value RouteEmitter::row(Value value) {
  Value base = frame.scratch(scratch.rows.lookup(value));
  if (!filled.insert(value).second)
    return base;
  const int64_t count = lastDim(value);
  Value first = l.mul(t, count);
  l.lanes(l.i64(count), lanes, count % lanes == 0, [&](int64_t w, Value i) {
    Value x = frame.elements(value, l.add(first, i), w);
    if (isa<FloatType>(getElementTypeOrSelf(x.getType())))
      x = l.toFloat(x, f32);
    l.store(x, at(base, i));
  });
  return base;
}

/// Stores a row of scratch in the value's buffer, if it has one.
void RouteEmitter::storeRow(Value value, Value source) {
  if (!frame.hasBuffer(value))
    return;
  const TensorBuffer &buffer = frame.tensor(value);
  const int64_t count = lastDim(value);
  const bool isFloat = isa<FloatType>(buffer.element);
  Value first = l.mul(t, count);
  l.lanes(l.i64(count), lanes, count % lanes == 0, [&](int64_t w, Value i) {
    Value x = l.load(l.widened(isFloat ? f32 : i32, w), at(source, i));
    if (isFloat)
      x = l.toFloat(x, buffer.element);
    l.store(x, l.element(buffer.base, buffer.element, l.add(first, i)));
  });
}

/// The sum or maximum of a padded row of f32. A sum is one of lanes first, then
/// a tree: the order depends on the target, never on the token.
Value RouteEmitter::reduce(Value row, int64_t count,
                           vector::CombiningKind kind) {
  const bool sum = kind == vector::CombiningKind::ADD;
  Value start = l.constant(wide(f32), sum ? 0 : -infinity);
  Value all = l.loop(l.i64(0), l.i64(padded(count)), lanes, ValueRange(start),
                     [&](Value i, ValueRange carried) {
                       Value x = l.load(wide(f32), at(row, i));
                       Value next = vector::makeArithReduction(l.b, l.loc, kind,
                                                               carried[0], x);
                       return LeafBuilder::Values{next};
                     })[0];
  return vector::ReductionOp::create(l.b, l.loc, kind, all,
                                     arith::FastMathFlags::reassoc);
}

//===----------------------------------------------------------------------===//
// score
//===----------------------------------------------------------------------===//

void RouteEmitter::emit(ScoreOp op) {
  const int64_t experts = lastDim(op.getLogits());
  const semantics::ScoreRow &fn = semantics::lookup(op.getFn().getValue());
  Value logits = row(op.getLogits());
  Value scores = frame.scratch(scratch.rows.lookup(op.getScores()));
  Type element = getElementTypeOrSelf(op.getScores().getType());
  filled.insert(op.getScores());
  Value shift;
  if (fn.rowWise) {
    pad(logits, experts, l.constant(f32, -infinity));
    shift = reduce(logits, experts, vector::CombiningKind::MAXNUMF);
  }
  forRow(experts, [&](Value i) {
    Value x = l.load(wide(f32), at(logits, i));
    if (shift)
      x = arith::SubFOp::create(l.b, l.loc, x, l.splat(shift, lanes));
    l.store(emitExpr(l.b, l.loc, fn.formula, x), at(scores, i));
  });
  Value sum;
  if (fn.rowWise) {
    pad(scores, experts, l.constant(f32, 0));
    sum = reduce(scores, experts, vector::CombiningKind::ADD);
  }
  // Later clauses read the scores as they are rounded.
  if (sum || !element.isF32())
    forRow(experts, [&](Value i) {
      Value x = l.load(wide(f32), at(scores, i));
      if (sum)
        x = arith::DivFOp::create(l.b, l.loc, x, l.splat(sum, lanes));
      l.store(l.toFloat(l.toFloat(x, element), f32), at(scores, i));
    });
  storeRow(op.getScores(), scores);
}

//===----------------------------------------------------------------------===//
// select
//===----------------------------------------------------------------------===//

/// Integers that order as floats do, with -0 equal to +0 and NaN at `never`.
Value RouteEmitter::keyOf(Value x) {
  const int64_t width = isa<VectorType>(x.getType()) ? lanes : 1;
  Type integers = l.widened(i32, width);
  auto integer = [&](int64_t value) { return l.constant(integers, value); };
  Value plusZero =
      arith::AddFOp::create(l.b, l.loc, x, l.constant(x.getType(), 0));
  Value bits = arith::BitcastOp::create(l.b, l.loc, integers, plusZero);
  Value sign = arith::ShRSIOp::create(l.b, l.loc, bits, integer(31));
  Value flip = arith::AndIOp::create(l.b, l.loc, sign, integer(0x7fffffff));
  Value key = arith::XOrIOp::create(l.b, l.loc, bits, flip);
  Value isNan =
      arith::CmpFOp::create(l.b, l.loc, arith::CmpFPredicate::UNO, x, x);
  return l.select(isNan, integer(never), key);
}

/// The index (i32) of the highest key, the first of equal ones, which is
/// replaced by `never`; -1 if no key is left.
Value RouteEmitter::takeHighest(Value keys, int64_t count) {
  SmallVector<int32_t> numbers = llvm::to_vector(llvm::seq<int32_t>(0, lanes));
  Value steps =
      arith::ConstantOp::create(l.b, l.loc, l.b.getI32VectorAttr(numbers));
  LeafBuilder::Values best =
      l.loop(l.i64(0), l.i64(padded(count)), lanes,
             {wideInt(never), wideInt(0)}, [&](Value i, ValueRange carried) {
               Value key = l.load(wide(i32), at(keys, i));
               Value index = arith::AddIOp::create(l.b, l.loc, steps,
                                                   l.splat(l.toI32(i), lanes));
               Value higher = arith::CmpIOp::create(
                   l.b, l.loc, arith::CmpIPredicate::sgt, key, carried[0]);
               return LeafBuilder::Values{l.select(higher, key, carried[0]),
                                          l.select(higher, index, carried[1])};
             });
  Value highest = vector::ReductionOp::create(
      l.b, l.loc, vector::CombiningKind::MAXSI, best[0]);
  Value equal = arith::CmpIOp::create(l.b, l.loc, arith::CmpIPredicate::eq,
                                      best[0], l.splat(highest, lanes));
  const int64_t none = std::numeric_limits<int32_t>::max();
  Value index =
      vector::ReductionOp::create(l.b, l.loc, vector::CombiningKind::MINSI,
                                  l.select(equal, best[1], wideInt(none)));
  l.store(l.constant(i32, never), at(keys, l.toI64(index)));
  Value exhausted = l.equal(highest, l.constant(i32, never));
  return l.select(exhausted, l.constant(i32, -1), index);
}

/// Score plus bias at expert `e`.
Value RouteEmitter::selectionScore(Value row, Value bias, Value e,
                                   int64_t width) {
  Value x = l.load(l.widened(f32, width), at(row, e));
  if (!bias)
    return x;
  Value added = l.toFloat(frame.elements(bias, e, width), f32);
  return arith::AddFOp::create(l.b, l.loc, x, added);
}

/// The sum of the `topSum` highest selection scores of a group, NaN counting as
/// -infinity.
Value RouteEmitter::groupScore(Value row, Value bias, Value first, int64_t size,
                               int64_t topSum) {
  Value lowest = l.constant(f32, -infinity);
  auto greater = [&](Value x, Value y) -> Value {
    return arith::CmpFOp::create(l.b, l.loc, arith::CmpFPredicate::OGT, x, y);
  };
  auto orLowest = [&](Value x) {
    Value isNan =
        arith::CmpFOp::create(l.b, l.loc, arith::CmpFPredicate::UNO, x, x);
    return l.select(isNan, lowest, x);
  };
  LeafBuilder::Values top =
      l.loop(first, l.add(first, size), 1, LeafBuilder::Values(topSum, lowest),
             [&](Value e, ValueRange carried) {
               LeafBuilder::Values sorted(carried);
               Value x = orLowest(selectionScore(row, bias, e, 1));
               for (Value &place : sorted) {
                 Value above = greater(x, place);
                 Value next = l.select(above, place, x);
                 place = l.select(above, x, place);
                 x = next;
               }
               return sorted;
             });
  Value sum = top[0];
  for (Value x : ArrayRef(top).drop_front())
    sum = arith::AddFOp::create(l.b, l.loc, sum, x);
  return orLowest(sum); // infinity and its opposite
}

/// Replaces the keys of experts outside of the kept groups.
void RouteEmitter::limitGroups(GroupLimitAttr groups, Value keys,
                               int64_t experts) {
  const int64_t count = groups.getNumGroups(), size = experts / count;
  Value groupKeys = frame.scratch(scratch.groupKeys);
  // A kept group is marked by its key: takeHighest() leaves `never` there.
  l.loop(l.i64(groups.getKeep()),
         [&](Value) { takeHighest(groupKeys, count); });
  Value fill = l.constant(
      i32, groups.getFill() == semantics::GroupFill::Zero ? 0 : never);
  Value none = l.constant(i32, never);
  l.loop(l.i64(count), [&](Value g) {
    Value kept = l.equal(l.loadElement(i32, groupKeys, g), none);
    Value first = l.mul(g, size);
    l.loop(first, l.add(first, size), 1, [&](Value e) {
      Value key = l.loadElement(i32, keys, e);
      Value keep = arith::OrIOp::create(l.b, l.loc, kept, l.equal(key, none));
      l.store(l.select(keep, key, fill), l.element(keys, i32, e));
    });
  });
}

void RouteEmitter::emit(SelectOp op) {
  const int64_t experts = lastDim(op.getScores());
  Value scores = row(op.getScores());
  Value keys = frame.scratch(scratch.keys);
  Value none = l.constant(i32, never);
  l.lanes(l.i64(experts), lanes, experts % lanes == 0, [&](int64_t w, Value e) {
    l.store(keyOf(selectionScore(scores, op.getBias(), e, w)),
            l.element(keys, i32, e));
  });
  pad(keys, experts, none);
  if (op.getGroups()) {
    GroupLimitAttr groups = *op.getGroups();
    const int64_t count = groups.getNumGroups(), size = experts / count;
    Value groupKeys = frame.scratch(scratch.groupKeys);
    l.loop(l.i64(count), [&](Value g) {
      Value score = groupScore(scores, op.getBias(), l.mul(g, size), size,
                               groups.getTopSum());
      l.store(keyOf(score), l.element(groupKeys, i32, g));
    });
    pad(groupKeys, count, none);
    limitGroups(groups, keys, experts);
  }
  Value ids = frame.scratch(scratch.rows.lookup(op.getIds()));
  filled.insert(op.getIds());
  l.loop(l.i64(lastDim(op.getIds())), [&](Value j) {
    l.store(takeHighest(keys, experts), l.element(ids, i32, j));
  });
  storeRow(op.getIds(), ids);
}

//===----------------------------------------------------------------------===//
// weigh
//===----------------------------------------------------------------------===//

/// Works on the picks one by one: there are few. Slots without an expert hold
/// what the sum or maximum at hand does not notice.
void RouteEmitter::emit(WeighOp op) {
  const int64_t experts = lastDim(op.getScores());
  Value picks = l.i64(lastDim(op.getIds()));
  Value scores = row(op.getScores());
  Value ids = row(op.getIds());
  Value weights = frame.scratch(scratch.weights);
  auto isPick = [&](Value j) -> Value {
    return arith::CmpIOp::create(l.b, l.loc, arith::CmpIPredicate::ult,
                                 l.loadElement(i32, ids, j),
                                 l.constant(i32, experts));
  };
  auto real = [&](double value) { return l.constant(f32, value); };
  auto forPicks = [&](function_ref<Value(Value j, Value old)> body) {
    l.loop(picks, [&](Value j) {
      l.store(body(j, l.loadElement(f32, weights, j)), at(weights, j));
    });
  };
  auto fold = [&](double start, function_ref<Value(Value, Value)> combine) {
    return l.loop(l.i64(0), picks, 1, ValueRange(real(start)),
                  [&](Value j, ValueRange carried) {
                    Value x = l.loadElement(f32, weights, j);
                    x = l.select(isPick(j), x, real(start));
                    return LeafBuilder::Values{combine(carried[0], x)};
                  })[0];
  };
  auto sum = [&] {
    return fold(0, [&](Value a, Value x) -> Value {
      return arith::AddFOp::create(l.b, l.loc, a, x);
    });
  };
  auto divide = [&](Value divisor) {
    forPicks([&](Value, Value x) -> Value {
      return arith::DivFOp::create(l.b, l.loc, x, divisor);
    });
  };

  l.loop(picks, [&](Value j) {
    Value id =
        l.select(isPick(j), l.loadElement(i32, ids, j), l.constant(i32, 0));
    l.store(l.loadElement(f32, scores, l.toI64(id)), at(weights, j));
  });
  if (op.getNormalize())
    for (auto norm : op.getNormalize()->getAsRange<NormAttr>()) {
      const semantics::NormStep step = norm.getSpec();
      if (step.kind == semantics::NormKind::L1) {
        Value total = sum();
        if (step.epsMode == semantics::EpsMode::Add)
          total = arith::AddFOp::create(l.b, l.loc, total, real(step.eps));
        if (step.epsMode == semantics::EpsMode::Max)
          total = l.select(arith::CmpFOp::create(l.b, l.loc,
                                                 arith::CmpFPredicate::OLT,
                                                 total, real(step.eps)),
                           real(step.eps), total);
        divide(total);
        continue;
      }
      const bool softmax = step.kind == semantics::NormKind::Softmax;
      const semantics::ScoreRow &fn = semantics::lookup(
          softmax ? semantics::ScoreFn::Softmax : semantics::ScoreFn::Sigmoid);
      Value shift;
      if (softmax)
        shift = fold(-infinity, [&](Value a, Value x) -> Value {
          return arith::MaxNumFOp::create(l.b, l.loc, a, x);
        });
      forPicks([&](Value, Value x) {
        if (shift)
          x = arith::SubFOp::create(l.b, l.loc, x, shift);
        return emitExpr(l.b, l.loc, fn.formula, x);
      });
      if (softmax)
        divide(sum());
    }
  const double scale = op.getScale() ? op.getScale()->convertToDouble() : 1.0;
  forPicks([&](Value j, Value x) {
    if (scale != 1.0)
      x = arith::MulFOp::create(l.b, l.loc, x, real(scale));
    return l.select(isPick(j), x, real(0));
  });
  storeRow(op.getWeights(), weights);
}

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

void RouteEmitter::token(Value index) {
  t = index;
  filled.clear();
  for (Operation &op : frame.kernel.getBody().front())
    llvm::TypeSwitch<Operation *>(&op).Case<ScoreOp, SelectOp, WeighOp>(
        [&](auto routing) { emit(routing); });
}

int64_t moe::cpu::routeScratch(exec::KernelOp kernel) {
  return RouteRows(kernel, scratchAlignment).bytes;
}

void moe::cpu::emitRoute(KernelFrame &frame) {
  RouteEmitter emitter(frame);
  frame.l.loop(frame.begin, frame.end, 1, [&](Value t) { emitter.token(t); });
}
