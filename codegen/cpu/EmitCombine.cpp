//===- EmitCombine.cpp - Summing the experts' rows ------------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A token's sum is kept in memory, close by, and its rows are added one after
// another: each row is read once, front to back, and the order of the sum is
// the order of the loop.
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/Emitters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

namespace {

class CombineEmitter {
public:
  CombineEmitter(KernelFrame &frame, CombineOp op)
      : frame(frame), l(frame.l), op(op), acc(op.getAcc()),
        rows(frame.tensor(op.getRows())), groups(frame.groups(op.getGroups())),
        result(frame.tensor(op.getResult())), width(result.sizes.back()),
        lanes(frame.target.getLanes()) {
    int64_t columns =
        cast<RankedTensorType>(op.getResult().getType()).getShape().back();
    whole = columns % lanes == 0;
  }

  void token(Value t, Value slotsPerToken);

private:
  Type i32() { return l.b.getI32Type(); }
  Value readRow(Value slot) {
    return l.toI64(l.loadElement(i32(), groups.rowOfSlot, slot));
  }
  Value nextRow(Value firstSlot, Value slots, Value previous);
  void start(Value t, Value sum);
  void addRow(Value row, Value slot, Value sum);

  KernelFrame &frame;
  LeafBuilder &l;
  CombineOp op;
  Type acc;
  const TensorBuffer &rows;
  const GroupsBuffer &groups;
  const TensorBuffer &result;
  Value width;
  int64_t lanes;
  bool whole;
};

} // namespace

int64_t moe::cpu::combineScratch(CombineOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  return type.getElementType() == op.getAcc()
             ? 0
             : byteWidth(op.getAcc()) * type.getShape().back();
}

/// sum = init or 0, in acc.
void CombineEmitter::start(Value t, Value sum) {
  l.lanes(width, lanes, whole, [&](int64_t w, Value i) {
    Value first;
    if (op.getInit())
      first = l.toFloat(
          frame.elements(op.getInit(), l.add(l.mul(t, width), i), w), acc);
    else
      first = l.constant(l.widened(acc, w), 0);
    l.store(first, l.element(sum, acc, i));
  });
}

/// sum += weight * row, the product and the sum rounded to acc.
void CombineEmitter::addRow(Value row, Value slot, Value sum) {
  Type product = acc;
  Value weight;
  if (op.getWeights()) {
    weight = frame.elements(op.getWeights(), slot, 1);
    product = productType(l.b, weight.getType(), rows.element, acc);
    weight = l.toFloat(weight, product);
  }
  l.lanes(width, lanes, whole, [&](int64_t w, Value i) {
    Value at = l.add(l.mul(row, width), i);
    Value x = l.load(l.widened(rows.element, w),
                     l.element(rows.base, rows.element, at));
    x = l.toFloat(x, product);
    if (weight)
      x = arith::MulFOp::create(l.b, l.loc, l.splat(weight, w), x);
    Value place = l.element(sum, acc, i);
    Value before = l.load(l.widened(acc, w), place);
    l.store(arith::AddFOp::create(l.b, l.loc, before, l.toFloat(x, acc)),
            place);
  });
}

/// The token's first row behind `previous`, or -1. Rows are sorted by expert.
Value CombineEmitter::nextRow(Value firstSlot, Value slots, Value previous) {
  const int64_t none = std::numeric_limits<int64_t>::max();
  Value best =
      l.loop(l.i64(0), slots, 1, ValueRange(l.i64(none)),
             [&](Value j, ValueRange carried) {
               Value row = readRow(l.add(firstSlot, j));
               Value behind = l.less(previous, row);
               Value candidate = l.select(behind, row, l.i64(none));
               return LeafBuilder::Values{l.min(candidate, carried[0])};
             })[0];
  return l.select(l.equal(best, l.i64(none)), l.i64(-1), best);
}

void CombineEmitter::token(Value t, Value slotsPerToken) {
  const bool direct = combineScratch(op) == 0;
  Value line = l.mul(t, width);
  Value target = l.element(result.base, result.element, line);
  Value sum = direct ? target : frame.scratch(0);
  start(t, sum);
  Value firstSlot = l.mul(t, slotsPerToken);
  auto add = [&](Value row, Value slot) {
    l.when(l.less(l.i64(-1), row), [&] { addRow(row, slot, sum); });
  };
  if (op.getOrder() == CombineOrder::Expert)
    l.loop(l.i64(0), slotsPerToken, 1, ValueRange(l.i64(-1)),
           [&](Value, ValueRange previous) {
             Value row = nextRow(firstSlot, slotsPerToken, previous[0]);
             Value found = l.max(row, l.i64(0));
             add(row, l.toI64(l.loadElement(i32(), groups.slotOfRow, found)));
             // After the last row there is none behind it either.
             return LeafBuilder::Values{l.max(row, previous[0])};
           });
  else
    l.loop(slotsPerToken, [&](Value j) {
      Value slot = l.add(firstSlot, j);
      add(readRow(slot), slot);
    });
  if (direct)
    return;
  l.lanes(width, lanes, whole, [&](int64_t w, Value i) {
    Value value = l.load(l.widened(acc, w), l.element(sum, acc, i));
    l.store(l.toFloat(value, result.element),
            l.element(target, result.element, i));
  });
}

void moe::cpu::emitCombine(KernelFrame &frame, CombineOp op) {
  LeafBuilder &l = frame.l;
  Value tokens = frame.tensor(op.getResult()).sizes[0];
  Value slots = frame.groups(op.getGroups()).rows;
  // A slot that is kept apart is a token of one slot.
  Value slotsPerToken =
      op.getKeepSlots() ? l.i64(1) : l.div(slots, l.max(tokens, l.i64(1)));
  CombineEmitter emitter(frame, op);
  l.loop(frame.begin, frame.end, 1,
         [&](Value t) { emitter.token(t, slotsPerToken); });
}
