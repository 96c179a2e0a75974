//===- EmitRoute.cpp - Scores, and the tasks of a router ------------------===//
//
// Part of moec, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/codegen/cpu/RouteEmitter.h"
#include "moe/dialect/EmitExpr.h"
#include "moe/dialect/MoeInterfaces.h"

#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace moe;
using namespace moe::cpu;

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
// Tasks
//===----------------------------------------------------------------------===//

void RouteEmitter::token(Value index) {
  t = index;
  filled.clear();
  for (Operation &op : frame.kernel.getBody().front())
    llvm::TypeSwitch<Operation *>(&op).Case<ScoreOp, SelectOp, WeighOp>(
        [&](auto routing) { emit(routing); });
}

void RouteEmitter::expert(Value e) {
  for (Operation &op : frame.kernel.getBody().front()) {
    if (auto select = dyn_cast<SelectOp>(op))
      pickTokens(select, e);
    if (auto weigh = dyn_cast<WeighOp>(op))
      weighTokens(weigh, e);
  }
}

int64_t moe::cpu::routeScratch(exec::KernelOp kernel) {
  return RouteRows(kernel, scratchAlignment).bytes;
}

void moe::cpu::emitRoute(KernelFrame &frame) {
  RouteEmitter emitter(frame);
  const bool byExpert =
      llvm::any_of(frame.kernel.getBody().front(),
                   [](Operation &op) { return isBatchDependent(&op); });
  frame.l.loop(frame.begin, frame.end, 1, [&](Value task) {
    byExpert ? emitter.expert(task) : emitter.token(task);
  });
}
