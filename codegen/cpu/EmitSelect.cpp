//===- EmitSelect.cpp - A token's picks -----------------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Selection compares integers that order as the scores do: the lowest integer
// stands for what is never picked (NaN, a group that was left out, an expert
// that was picked before), so that no score, not even an infinity, can be
// mistaken for it.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/RouteEmitter.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

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

/// Score plus bias, and noise, at expert `e`.
Value RouteEmitter::selectionScore(SelectOp op, Value row, Value e,
                                   int64_t width, bool noisy) {
  Value x = l.load(l.widened(f32, width), at(row, e));
  auto plus = [&](Value tensor, Value index) {
    Value added = l.toFloat(frame.elements(tensor, index, width), f32);
    x = arith::AddFOp::create(l.b, l.loc, x, added);
  };
  if (op.getBias())
    plus(op.getBias(), e);
  if (noisy)
    plus(op.getNoise(), l.add(l.mul(t, lastDim(op.getNoise())), e));
  return x;
}

/// The sum of the `topSum` highest selection scores of a group, NaN counting as
/// -infinity.
Value RouteEmitter::groupScore(SelectOp op, Value row, Value first,
                               int64_t size, int64_t topSum) {
  const bool noisy = op.getSelect().getNoise() == semantics::NoiseKind::Gumbel;
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
               Value x = orLowest(selectionScore(op, row, e, 1, noisy));
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
void RouteEmitter::limitGroups(SelectOp op, Value scores, Value keys,
                               int64_t candidates) {
  GroupLimitAttr groups = *op.getGroups();
  const int64_t count = groups.getNumGroups(), size = candidates / count;
  Value groupKeys = frame.scratch(scratch.groupKeys);
  Value none = l.constant(i32, never);
  l.loop(l.i64(count), [&](Value g) {
    Value score =
        groupScore(op, scores, l.mul(g, size), size, groups.getTopSum());
    l.store(keyOf(score), l.element(groupKeys, i32, g));
  });
  pad(groupKeys, count, none);
  // A kept group is marked by its key: takeHighest() leaves `never` there.
  l.loop(l.i64(groups.getKeep()),
         [&](Value) { takeHighest(groupKeys, count); });
  Value fill = l.constant(
      i32, groups.getFill() == semantics::GroupFill::Zero ? 0 : never);
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

/// The keys of all candidates but `taken`, if there is one.
void RouteEmitter::setKeys(SelectOp op, Value scores, bool noisy, Value taken) {
  const int64_t candidates =
      lastDim(op.getScores()) - op.getSelect().getAlways();
  Value keys = frame.scratch(scratch.keys), none = l.constant(i32, never);
  l.lanes(l.i64(candidates), lanes, candidates % lanes == 0,
          [&](int64_t w, Value e) {
            l.store(keyOf(selectionScore(op, scores, e, w, noisy)),
                    l.element(keys, i32, e));
          });
  pad(keys, candidates, none);
  if (taken)
    l.when(l.less(l.i64(-1), l.toI64(taken)),
           [&] { l.store(none, l.element(keys, i32, l.toI64(taken))); });
}

/// Pick `j` of a token as its selection keeps it, or -1. `sum` is that of the
/// picks before it.
Value RouteEmitter::keepPick(SelectOp op, Value scores, Value j, Value id,
                             Value &sum) {
  using semantics::SelectKind;
  SelectAttr select = op.getSelect();
  if (select.getKind() == SelectKind::TopK)
    return id;
  Value bound = real(select.getBound().getValueAsDouble());
  Value place = l.max(l.toI64(id), l.i64(0));
  Value score = selectionScore(op, scores, place, 1, op.getNoise() != nullptr);
  auto below = [&](Value x, Value y) -> Value {
    return arith::CmpFOp::create(l.b, l.loc, arith::CmpFPredicate::OLT, x, y);
  };
  Value keep;
  if (select.getKind() == SelectKind::Threshold) {
    keep = below(bound, score);
  } else {
    keep = arith::OrIOp::create(l.b, l.loc, l.equal(j, l.i64(0)),
                                below(sum, bound));
    Value next = arith::AddFOp::create(l.b, l.loc, sum, score);
    sum = l.select(keep, next, sum);
  }
  return l.select(keep, id, l.constant(i32, -1));
}

/// The picks of a token among the experts that are not always on.
void RouteEmitter::pickByScore(SelectOp op, Value ids) {
  using semantics::NoiseKind;
  SelectAttr select = op.getSelect();
  const NoiseKind noise = select.getNoise();
  const int64_t candidates = lastDim(op.getScores()) - select.getAlways();
  Value scores = row(op.getScores());
  Value keys = frame.scratch(scratch.keys);
  setKeys(op, scores, noise == NoiseKind::Gumbel, Value());
  if (op.getGroups())
    limitGroups(op, scores, keys, candidates);
  Value first = l.i64(0), picks = l.i64(select.getPicks());
  if (noise == NoiseKind::SecondGumbel) {
    Value id = takeHighest(keys, candidates);
    l.store(id, l.element(ids, i32, first));
    setKeys(op, scores, /*noisy=*/true, id);
    first = l.i64(1);
  }
  l.loop(first, picks, 1, ValueRange(real(0)),
         [&](Value j, ValueRange carried) {
           Value sum = carried[0];
           Value id = takeHighest(keys, candidates);
           l.store(keepPick(op, scores, j, id, sum), l.element(ids, i32, j));
           return LeafBuilder::Values{sum};
         });
  if (noise == NoiseKind::SecondBernoulli) {
    Value id = l.loadElement(i32, ids, l.i64(1));
    Value score = l.load(f32, at(scores, l.max(l.toI64(id), l.i64(0))));
    Value limit = l.toFloat(frame.elements(op.getNoise(), t, 1), f32);
    Value keep = arith::CmpFOp::create(
        l.b, l.loc, arith::CmpFPredicate::OGT,
        arith::MulFOp::create(l.b, l.loc, score, real(2)), limit);
    l.store(l.select(keep, id, l.constant(i32, -1)),
            l.element(ids, i32, l.i64(1)));
  }
}

/// Ids from an operand, or from the table's row of the token's id; -2 for what
/// is out of range.
void RouteEmitter::copyGiven(SelectOp op, Value ids) {
  const int64_t count = lastDim(op.getIds());
  Value experts = l.i64(lastDim(op.getScores())), zero = l.i64(0);
  auto inRange = [&](Value x, Value end) -> Value {
    return arith::CmpIOp::create(l.b, l.loc, arith::CmpIPredicate::ult, x, end);
  };
  auto unless = [&](Value good, Value x, Value instead) {
    Value none = l.equal(x, l.i64(-1));
    return l.select(good, instead, l.select(none, x, l.i64(-2)));
  };
  Value source = op.getGiven(), row = t, token, known;
  if (op.getTable()) {
    source = op.getTable();
    token = l.toI64(frame.elements(op.getGiven(), t, 1));
    known = inRange(
        token, l.i64(cast<RankedTensorType>(source.getType()).getDimSize(0)));
    row = l.select(known, token, zero);
  }
  Value first = l.mul(row, count);
  l.loop(l.i64(count), [&](Value j) {
    Value id = l.toI64(frame.elements(source, l.add(first, j), 1));
    id = unless(inRange(id, experts), id, id);
    if (token)
      id = unless(known, token, id);
    l.store(l.toI32(id), l.element(ids, i32, j));
  });
}

/// The id of expert `e`; -1 if its score is NaN.
Value RouteEmitter::idUnlessNaN(Value scores, Value e) {
  Value x = l.load(f32, at(scores, e));
  Value isNan =
      arith::CmpFOp::create(l.b, l.loc, arith::CmpFPredicate::UNO, x, x);
  return l.select(isNan, l.constant(i32, -1), l.toI32(e));
}

void RouteEmitter::emit(SelectOp op) {
  using semantics::SelectKind;
  SelectAttr select = op.getSelect();
  const int64_t slots = lastDim(op.getIds());
  Value ids = frame.scratch(scratch.rows.lookup(op.getIds()));
  filled.insert(op.getIds());
  int64_t picks = slots - select.getAlways();
  switch (select.getKind()) {
  case SelectKind::TopK:
  case SelectKind::TopP:
  case SelectKind::Threshold:
    pickByScore(op, ids);
    break;
  case SelectKind::All:
    picks = 0;
    break;
  case SelectKind::Table:
  case SelectKind::Extern:
    copyGiven(op, ids);
    break;
  case SelectKind::ExpertTopK:
    llvm_unreachable("its kernel is one of experts");
  }
  // Experts that every token gets, in the slots after the picks.
  if (picks < slots) {
    Value scores = row(op.getScores());
    const int64_t firstExpert = lastDim(op.getScores()) - (slots - picks);
    l.loop(l.i64(slots - picks), [&](Value i) {
      l.store(idUnlessNaN(scores, l.add(i, firstExpert)),
              l.element(ids, i32, l.add(i, picks)));
    });
  }
  if (op.getValid()) {
    Value valid = frame.elements(op.getValid(), t, 1);
    l.loop(l.i64(slots), [&](Value j) {
      Value id = l.loadElement(i32, ids, j);
      l.store(l.select(valid, id, l.constant(i32, -1)), l.element(ids, i32, j));
    });
  }
  storeRow(op.getIds(), ids);
}
